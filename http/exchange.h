/* One HTTP exchange with a vendor: how a request is put to libcurl, within which bounds, and how its end is read.
 *
 * The worker carries out thousands at once (worker/loop.c), `vendorfetch vendor test` one; both by what is said here, so
 * that what the one shows is what the other does. Who moves the bytes is theirs: exchange_prepare() fills an easy handle,
 * exchange_finish() reads what came. No redirects, no proxies, http and https only, certificates are verified.
 * One thread at a time.
 */
#ifndef VF_EXCHANGE_H
#define VF_EXCHANGE_H

#include "address_gate.h"
#include "buffer.h"
#include "job.h"
#include "outcome.h"
#include "request.h"
#include "vendor.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct exchange;

/* What its user has to say while curl works; either may be NULL. */
struct exchange_hooks {
	/* Asked just before the request is written. False: it is not, and the exchange was refused. */
	bool (*may_leave)(struct exchange *exchange, int64_t now_mono_us);
	/* Told of each line of the answer's head, its line end included. */
	void (*on_header)(struct exchange *exchange, const char *line, size_t len);
};

struct exchange {
	const struct vendor *vendor;
	struct request request;     /* made by exchange_make_request() */
	const struct exchange_hooks *hooks;
	const char *token_id;       /* of the access token that the request shows, or NULL; borrowed */

	CURL *easy;                 /* while it runs, in this */
	struct curl_slist *headers;
	struct buffer body;
	size_t header_bytes;
	char *location;             /* of the answer to a call of a vendor that is polled, or NULL; owned */
	char *content_type;         /* of the answer of a vendor whose raw answers are kept, or NULL; owned */
	char curl_text[CURL_ERROR_SIZE];   /* or why there is no request */
	struct address_gate gate;   /* if its host is not the file's choice */
	bool kept_away;             /* by the gate, from every address of its host */
	bool asked;                 /* the request was about to be written once */
	bool refused;               /* it did not leave: may_leave() said so */
	bool sent_twice;            /* curl wanted to repeat it by itself and was stopped */
	int64_t left_mono_us;
	struct answer answer;       /* borrows from body and curl_text */
};

/* Borrows the vendor, and the hooks for good. It does not move from exchange_prepare() to exchange_finish(). */
void exchange_init(struct exchange *exchange, const struct vendor *vendor, const struct exchange_hooks *hooks);
void exchange_deinit(struct exchange *exchange);

/* Makes the request of this job, which has to live as long. False: that is not possible; answer says so, and the
 * exchange is over. */
bool exchange_make_request(struct exchange *exchange, const struct job *job, const struct call_context *context)
	__attribute__((warn_unused_result));

/* Makes the easy handle (fresh or reset) carry it out; it is kept in exchange->easy. CURLOPT_PRIVATE is the caller's. */
void exchange_prepare(struct exchange *exchange, CURL *easy);

/* curl is done with it: fills answer. Afterwards the easy handle is the caller's again. */
void exchange_finish(struct exchange *exchange, CURLcode code);

/* It never got to curl, or was stopped before: fills answer with TRANSPORT_NOT_SENT or, if it had left,
 * TRANSPORT_CONNECTION_LOST. why is borrowed. */
void exchange_abandon(struct exchange *exchange, const char *why);

#endif
