/* A vendor is data: one JSON file in vendors.d, read and checked at start and on SIGHUP (vendors.h).
 *
 * One table in vendor.c (member, type, default, bounds, help) drives reading, checking, docs/vendors.md and
 * etc/vendor.schema.json. A set of vendors is immutable once loaded, so every function that reads it is thread-safe.
 */
#ifndef VF_VENDOR_H
#define VF_VENDOR_H

#include "breaker.h"
#include "calendar.h"
#include "callback_auth.h"
#include "err.h"
#include "network.h"
#include "oauth2.h"
#include "personal.h"
#include "polling.h"
#include "rate_headers.h"
#include "retry.h"
#include "template.h"
#include "verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a job leaves a vendor for the next one of a list. */
enum fallback_reason {
	FALLBACK_OPEN,              /* the breaker lets no call out */
	FALLBACK_EXHAUSTED,         /* limits, or a Retry-After, leave no call for long */
	FALLBACK_FAILED,            /* it has failed the job for good */
	FALLBACK_UNKNOWN,           /* the same, but it may be at work on it all the same */
	FALLBACK_REASONS
};
#define FALLBACK_REASON_NAMES "open", "exhausted", "failed", "unknown"
#define FALLBACK_BIT(reason) (1u << (reason))

/* What a vendor file says of the jobs that came in for it (fallback.h). */
struct fallback_rules {
	char **vendors;             /* names or aliases, NULL-terminated; all are there, and none is named twice */
	unsigned on;                /* FALLBACK_BITs */
	int64_t after_ms;           /* with FALLBACK_EXHAUSTED: so long */
};

/* By whatever list: may a job that waits for this vendor leave it? Then it is worth a look. */
struct fallback_leaving {
	unsigned on;                /* FALLBACK_OPEN, FALLBACK_EXHAUSTED */
	int64_t after_ms;           /* the least of any list */
};

enum vendor_mode { VENDOR_SYNC, VENDOR_ASYNC, VENDOR_POLL };

enum { VENDOR_LIMITS_MAX = 8, VENDOR_NAME_MAX = 64, VENDOR_GROUP_MAX = 256 };

/* What a vendor's clock may differ from ours: where a limit or hours begin or end by the calendar, they are kept for
 * both. CLOCK_SPARE_MS in queue_limiter.lua. */
enum { VENDOR_CLOCK_SPARE_MS = 1000 };

/* burst 0: a window, never more than `calls` in any `per_ms`; with `unit` in each such part of the calendar, and per_ms is
 * longer than any of them. Else a token bucket: rate calls/per_ms, capacity burst. */
struct vendor_limit {
	int64_t calls;
	int64_t per_ms;
	int64_t burst;
	int64_t cost;               /* of the calls that each call counts for; 0 is 1 */
	enum calendar_unit unit;
	struct time_zone *time_zone;   /* whose calendar; NULL: the vendor's */
};

/* Vendors that share an account of the other side, and with it their limits and max_in_flight. */
struct vendor_group {
	char account[VENDOR_NAME_MAX + 2];   /* '@' and the group's name: no vendor is called so */
	const char **members;       /* their names, in order of their files; NULL-terminated, borrowed from the vendors */
	size_t n_members;           /* 1 .. VENDOR_GROUP_MAX */
};

struct vendor_header {
	char *name;
	struct template line;       /* "name: value" */
	bool calls_only;            /* not sent with polls */
	bool is_auth;               /* shows who we are, as auth says */
	bool is_secret;             /* is that, or may be something of the kind */
};

enum vendor_body { BODY_PAYLOAD, BODY_TEMPLATE, BODY_NONE };

/* How a request is made of a job. */
struct vendor_request {
	char *method;
	bool host_is_referred;      /* the job says which host or port is called */
	struct template url;        /* with its query */
	struct vendor_header *headers;
	size_t n_headers;
	enum vendor_body body_kind;
	bool is_form;               /* the body is application/x-www-form-urlencoded, not JSON */
	struct template body;       /* with BODY_TEMPLATE */
};

/* What a call is signed with once its request is made: an HMAC over a text, for a header or the query. */
struct vendor_signing {
	const char *digest;         /* libcrypto's name of it; NULL: calls are not signed */
	unsigned char *key;
	size_t key_len;
	bool base64;                /* else hex */
	struct template message;
};

struct vendor_rename { char *from; char *to; };      /* a JSON Pointer and a name */

struct vendor {
	char *name;                 /* [A-Za-z0-9][A-Za-z0-9._-]*, at most VENDOR_NAME_MAX */
	char **aliases;             /* NULL-terminated */
	enum vendor_mode mode;

	struct vendor_request call;
	struct vendor_request ask;  /* of a poll: also with the call's headers. Without poll.has_url the vendor names its URL */
	char *url;                  /* of calls, what it has before the first reference to a job: host and more */
	struct template credentials; /* what auth appends to the query, if anything */
	struct vendor_signing signing;
	struct oauth2_rules oauth2; /* where the access token of its calls is from */
	int64_t timeout_ms;         /* of the whole call */
	int64_t connect_timeout_ms;
	int64_t max_response_bytes; /* after decompression */
	char *ca_file;              /* who signs its certificate, PEM; NULL: the same as for all */
	bool allow_private;         /* where somebody else than the file says which host: any address will do, ... */
	struct networks allow_networks; /* ... or these, besides public ones */

	struct time_zone *time_zone; /* of its hours, and of limits that name none; NULL: UTC */
	char *group_name;           /* as the file has it, or NULL */
	const struct vendor_group *group;   /* of its set, or NULL: alone */
	struct vendor_limit limits[VENDOR_LIMITS_MAX];   /* of all of the group together, like max_in_flight */
	size_t n_limits;
	struct hours hours;         /* none: always */
	int64_t max_in_flight;      /* of all workers together; 0 = no limit */
	struct rate_rules rate;     /* where answers say what is left of the vendor's own limits */
	int64_t deadline_ms;        /* a job is failed when it is this old */
	struct retry_rules retry;
	int *retry_also;            /* statuses that are tried again / that are not, whatever the table says; 0-terminated */
	int *retry_never;
	bool retry_bad_body;        /* a 2xx whose body is no result is tried again */
	struct breaker_rules breaker;
	struct fallback_rules fallback;
	struct fallback_leaving leaving;

	int64_t callback_timeout_ms; /* async: from the vendor's acknowledgement to its callback */
	char *callback_secret;       /* a short form of callback_auth, or NULL */
	bool has_callback_auth;
	struct callback_auth callback_auth;   /* who may call back */
	char **callback_job_id;      /* JSON Pointers into the callback's body; lists are NULL-terminated */
	char *callback_job_id_header;/* ... or the header that has it, or NULL */
	char **callback_result;
	char *callback_error;        /* these three: empty is nowhere */
	char *callback_status;
	char *callback_success;
	char **callback_failed;      /* words at callback_status */

	struct polling_rules poll;

	char *response_result;       /* JSON Pointers into the answer's body */
	char *response_error;
	char *response_job_id;       /* the vendor's own id in its acknowledgement, or NULL */
	struct verdict_rules response_verdicts;   /* of answers, and of callbacks: what they mean */
	struct verdict_rules callback_verdicts;
	char *no_data_result;        /* JSON text: the result of a job for which the vendor has nothing */
	int64_t keep_raw_ms;         /* how long the answer or callback that ends a job is kept as it came; 0: not at all */
	bool trim_strings;
	char **remove;               /* JSON Pointers into the result; NULL-terminated */
	struct vendor_rename *renames;            /* more of what results are cleaned by (clean.h); all lists end with NULL */
	char **pick;                 /* JSON Pointers, as the next three: what stays; empty: all */
	char **emails;
	char **phones;
	char *phone_country;         /* digits, or NULL */
	char **mask;
	char **remove_names;         /* names of members at any depth, '*' any part of them */
	char **mask_names;
	struct personal_rules personal;
	bool drop_empty;

	char **secrets;              /* what must not be shown, wherever it stands (redact.h); none twice */
	size_t n_secrets;
	char *file_digest;           /* of the file's text, hex */
};

struct vendor_set;

/* Gives the value of ${env:NAME}; NULL if there is none. Settings answer first, so that SYNC_VENDOR_URL has its
 * default. */
typedef const char *(*vendor_env_fn)(const char *name);

/* Reads every *.json file of dir. ERR_INVALID with "file: member: reason" for the first bad one; also for a name
 * or an alias that two files claim, and for limits of a group that are not the same in all its files. An empty directory
 * is an error: nothing could ever be called. */
enum err vendor_set_load(const char *dir, vendor_env_fn env, struct vendor_set **set, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. Secrets are wiped. */
void vendor_set_free(struct vendor_set *set);

/* The same of one file, wherever it is. */
enum err vendor_set_load_file(const char *path, vendor_env_fn env, struct vendor_set **set, struct err_text *why)
	__attribute__((warn_unused_result));

/* Which file of dir has the vendor of this name or alias (*path is the caller's). ERR_NOT_FOUND: none that can be parsed. */
enum err vendor_find_file(const char *dir, const char *name, char **path, struct err_text *why)
	__attribute__((warn_unused_result));

/* Are these two of the same name to the last letter of their files, and of what their references stand for? */
bool vendor_is_same(const struct vendor *a, const struct vendor *b);

/* By name or alias; NULL if there is none. Borrowed until the set goes. */
const struct vendor *vendor_find(const struct vendor_set *set, const char *name);

size_t vendor_count(const struct vendor_set *set);
const struct vendor *vendor_at(const struct vendor_set *set, size_t i);

/* What its calls are counted under, in Redis and in the store: its name or, in a group, the account that it shares. */
static inline const char *vendor_account(const struct vendor *vendor)
{
	return vendor->group ? vendor->group->account : vendor->name;
}

/* May it be called at this time, by its hours? With VENDOR_CLOCK_SPARE_MS to spare at both ends. *until_ms, if not NULL:
 * when that changes next; INT64_MAX: never. */
bool vendor_is_open(const struct vendor *vendor, int64_t now_ms, int64_t *until_ms);

/* REFER_BITs of what is in its URL, headers and body. */
unsigned vendor_request_refers(const struct vendor_request *request);

/* Is it in a 0-terminated list? NULL is an empty one. */
bool vendor_lists_status(const int *statuses, int status);

/* The longest that one call of any vendor may take, ms; leases must be longer. */
int64_t vendor_longest_call_ms(const struct vendor_set *set);

/* Writes the reference of all members as a Markdown table on stdout (docs/vendors.md carries it). */
void vendor_print_reference(void);

/* Writes the same as a JSON Schema (2020-12) of vendor files on stdout (etc/vendor.schema.json is it). */
void vendor_print_schema(void);

#endif
