#include "token_slot.h"

#include "mem.h"
#include "secret.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

void token_slot_init(struct token_slot *slot)
{
	*slot = (struct token_slot){ .text = NULL };
	pthread_mutex_init(&slot->lock, NULL);
}

void token_slot_deinit(struct token_slot *slot)
{
	secret_free(slot->text);
	pthread_mutex_destroy(&slot->lock);
}

static bool is_of_use(const struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], int64_t now_mono_ms)
{
	return slot->text && now_mono_ms < slot->use_until_mono_ms && memcmp(slot->key, key, sizeof(slot->key)) == 0;
}

enum token_state token_slot_state(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], int64_t now_mono_ms)
{
	enum token_state state = TOKEN_MISSING;

	pthread_mutex_lock(&slot->lock);
	if (is_of_use(slot, key, now_mono_ms))
		state = now_mono_ms < slot->renew_at_mono_ms ? TOKEN_GOOD : TOKEN_OLD;
	pthread_mutex_unlock(&slot->lock);
	return state;
}

bool token_slot_want(struct token_slot *slot, int64_t now_mono_ms)
{
	return atomic_exchange(&slot->wanted_until_mono_ms, now_mono_ms + TOKEN_WANTED_MS) <= now_mono_ms;
}

static void empty(struct token_slot *slot)
{
	secret_free(slot->text);
	slot->text = NULL;
}

void token_slot_fill(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], const char *id, char *text,
                     int64_t use_until_mono_ms, int64_t renew_at_mono_ms)
{
	pthread_mutex_lock(&slot->lock);
	empty(slot);
	slot->text = text;
	snprintf(slot->id, sizeof(slot->id), "%s", id);
	memcpy(slot->key, key, sizeof(slot->key));
	slot->refused = false;
	slot->use_until_mono_ms = use_until_mono_ms;
	slot->renew_at_mono_ms = renew_at_mono_ms;
	pthread_mutex_unlock(&slot->lock);
}

char *token_slot_copy(struct token_slot *slot, const unsigned char key[TOKEN_KEY_SIZE], int64_t now_mono_ms,
                      char id[TOKEN_ID_SIZE])
{
	char *copy = NULL;

	pthread_mutex_lock(&slot->lock);
	if (is_of_use(slot, key, now_mono_ms)) {
		copy = mem_strdup(slot->text);
		memcpy(id, slot->id, sizeof(slot->id));
	}
	pthread_mutex_unlock(&slot->lock);
	return copy;
}

void token_slot_refuse(struct token_slot *slot, const char *id)
{
	pthread_mutex_lock(&slot->lock);
	if (strcmp(slot->id, id) == 0 || (!slot->text && !slot->refused)) {
		empty(slot);
		snprintf(slot->id, sizeof(slot->id), "%s", id);
		slot->refused = true;
	}
	pthread_mutex_unlock(&slot->lock);
}

void token_slot_known(struct token_slot *slot, char id[TOKEN_ID_SIZE], bool *refused)
{
	pthread_mutex_lock(&slot->lock);
	memcpy(id, slot->id, sizeof(slot->id));
	*refused = slot->refused;
	pthread_mutex_unlock(&slot->lock);
}
