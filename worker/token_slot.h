/* The access token that a lane's calls show (OAuth 2.0), as this worker knows it.
 *
 * intake takes nothing from a vendor whose slot has none, and asks for one by token_slot_want(); the tokens thread
 * (tokens.c) fills it; whoever makes a request copies what is in it; the loop empties it when the vendor refuses
 * it. Thread-safe.
 */
#ifndef VF_TOKEN_SLOT_H
#define VF_TOKEN_SLOT_H

#include "token_seal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* For so long after somebody wanted a token it is tried to get one. Longer than intake's slow look, which wants it again
 * while there are jobs. */
enum { TOKEN_WANTED_MS = 8000 };

enum token_state {
	TOKEN_MISSING,           /* there is none, or it is over */
	TOKEN_OLD,               /* of use, but its successor should be fetched */
	TOKEN_GOOD,
};

struct token_slot {
	pthread_mutex_t lock;
	char *text;              /* NULL: none */
	char id[TOKEN_ID_SIZE];  /* of the latest that was here, "" at first */
	bool refused;            /* the vendor did not take that one */
	unsigned char key[TOKEN_KEY_SIZE];   /* of the rules that it was had by (oauth2.h) */
	int64_t use_until_mono_ms, renew_at_mono_ms;
	_Atomic int64_t wanted_until_mono_ms;
};

void token_slot_init(struct token_slot *slot);
void token_slot_deinit(struct token_slot *slot);

/* Of a token that was had by the rules with this key; any other is of no use. */
enum token_state token_slot_state(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], int64_t now_mono_ms);
/* True if it was not wanted before: the tokens thread has to be told. */
bool token_slot_want(struct token_slot *slot, int64_t now_mono_ms);

/* Takes the text. */
void token_slot_fill(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], const char *id, char *text,
                     int64_t use_until_mono_ms, int64_t renew_at_mono_ms);
/* A copy of what may be used now (secret_free() it) and its id, or NULL. */
char *token_slot_copy(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], int64_t now_mono_ms,
                      char id[TOKEN_ID_SIZE]);
/* The vendor refused the one of this id. One that came later stays. */
void token_slot_refuse(struct token_slot *slot, const char *id);
/* What an ask for another one has to say: the id of the latest, and whether it was refused. */
void token_slot_known(struct token_slot *slot, char id[TOKEN_ID_SIZE], bool *refused);

#endif
