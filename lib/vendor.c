/* The members of a vendor file: one table that reads them, checks them and documents them. */
#include "vendor.h"

#include "json_strict.h"
#include "mem.h"
#include "secret.h"
#include "vendor_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALIASES_MAX = 16, HEADERS_MAX = 64, QUERY_MAX = 64, STATUSES_MAX = 64, REMOVE_MAX = 256, POLL_VALUES_MAX = 32,
	RANGES_MAX = 16, VALUES_MAX = 64, NO_DATA_BYTES_MAX = 4096, PLACES_MAX = 16, WORDS_MAX = 32, RENAMES_MAX = 64,
	NAMES_MAX = 64, PARAMETERS_MAX = 32, HOURS_MAX = 32, DAYS_MAX = 7, SECRETS_MAX = 4, NETWORKS_MAX = 256,
	FALLBACK_VENDORS_MAX = 8,
	FAR = 1000
};

#define MIB (INT64_C(1) << 20)
#define SECOND_MS INT64_C(1000)
#define DAY_MS (86400 * SECOND_MS)

#define AT(field) offsetof(struct vendor, field)
#define LIMIT_AT(field) offsetof(struct vendor_limit, field)
#define AUTH_AT(field) offsetof(struct auth_texts, field)
#define PROOF_AT(field) offsetof(struct callback_auth_texts, field)
#define RULE_AT(field) offsetof(struct verdict_rule, field)
#define HOURS_AT(field) offsetof(struct hours_texts, field)

const char MEMBER_REQUIRED[] = "";

static const struct member members[] = {
	{ "$schema", TYPE_FOR_EDITORS, 0, NULL, 0, 0,
	  "Where an editor finds the schema; see [checking a file](#checking-a-file). Not looked at." },
	{ "name", TYPE_NAME, AT(name), MEMBER_REQUIRED, 0, 0, "What jobs, keys and log lines call it. Letters, digits, `.`, `_`, `-`." },
	{ "aliases", TYPE_NAMES, AT(aliases), "[]", 0, ALIASES_MAX, "Other names under which clients may ask for it." },
	{ "mode", TYPE_MODE, AT(mode), MEMBER_REQUIRED, 0, 0,
	  "`sync`: the answer is the result. `async`: the answer is an acknowledgement, the result comes by callback. "
	  "`poll`: the result is asked for." },

	{ "request", TYPE_GROUP, 0, "{}", 0, 0, "The call." },
	{ "request/method", TYPE_METHOD, AT(call), "\"POST\"", 0, 0, "`POST`, `PUT`, `PATCH`, `GET` or `DELETE`." },
	{ "request/url", TYPE_URL, AT(call), MEMBER_REQUIRED, 0, 0, "http or https, with [references](#references)." },
	{ "request/query", TYPE_QUERY, AT(call), NULL, 0, QUERY_MAX, "Query parameters and their values, with references." },
	{ "request/headers", TYPE_HEADERS, AT(call), "{}", 0, HEADERS_MAX, "Header names and values, with references." },
	{ "request/body_format", TYPE_BODY_FORMAT, AT(call), "\"json\"", 0, 0,
	  "`json`, or `form`: application/x-www-form-urlencoded." },
	{ "request/body", TYPE_BODY, AT(call), NULL, 0, 0,
	  "What is sent, with references in its strings. None: the payload, and with `GET` and `DELETE` nothing." },
	{ "request/timeout_ms", TYPE_INT64, AT(timeout_ms), "10000", 1, 600000, "For the whole call." },
	{ "request/connect_timeout_ms", TYPE_INT64, AT(connect_timeout_ms), "3000", 1, 600000, "For the connection, within timeout_ms." },
	{ "request/max_response_bytes", TYPE_INT64, AT(max_response_bytes), "8388608", 1024, 15 * MIB,
	  "A longer answer, after decompression, fails the job." },
	{ "request/ca_file", TYPE_TEXT, AT(ca_file), NULL, 1, 0,
	  "A file of certificates (PEM): who signs the vendor's certificate, instead of `VENDORFETCH_CA_FILE` or the system's." },
	{ "request/allow_private_addresses", TYPE_BOOL, AT(allow_private), "false", 0, 0,
	  "Where a job or an acknowledgement says which host is called: it may be in this machine or its networks; see [where calls may go](#where-calls-may-go)." },
	{ "request/allow_networks", TYPE_NETWORKS, AT(allow_networks), "[]", 0, NETWORKS_MAX,
	  "... or only in these networks besides public ones: `10.1.0.0/16`, `fd00:1::/64`." },

	{ "auth", TYPE_AUTH, 0, NULL, 0, 0, "How calls show who we are; see [authentication](#authentication)." },
	{ "auth/type", TYPE_AUTH_KIND, AUTH_AT(type), MEMBER_REQUIRED, 0, 0, "`bearer`, `basic`, `api_key`, `hmac` or `oauth2`." },
	{ "auth/token", TYPE_SECRET_TEXT, AUTH_AT(token), NULL, 1, 0, "bearer: the token." },
	{ "auth/user", TYPE_SECRET_TEXT, AUTH_AT(user), NULL, 1, 0, "basic: the user's name." },
	{ "auth/password", TYPE_SECRET_TEXT, AUTH_AT(password), "\"\"", 0, 0, "basic: the password." },
	{ "auth/in", TYPE_AUTH_PLACE, AUTH_AT(in), "\"header\"", 0, 0, "api_key, hmac, oauth2: `header` or `query`." },
	{ "auth/name", TYPE_TEXT, AUTH_AT(name), NULL, 1, 0,
	  "api_key, hmac: the header's or parameter's name. oauth2: `Authorization`, or `access_token` in the query." },
	{ "auth/value", TYPE_SECRET_TEXT, AUTH_AT(value), NULL, 1, 0,
	  "api_key: the key. hmac: what goes there; `${request:signature}` unless it says more. "
	  "oauth2: the same; `Bearer ${auth:access_token}`, in the query without `Bearer`." },
	{ "auth/secret", TYPE_SECRET_TEXT, AUTH_AT(secret), NULL, 1, 0, "hmac: the key of the HMAC." },
	{ "auth/secret_encoding", TYPE_KEY_ENCODING, AUTH_AT(secret_encoding), "\"text\"", 0, 0, "hmac: `text`, `base64` or `hex`." },
	{ "auth/algorithm", TYPE_DIGEST, AUTH_AT(algorithm), "\"sha256\"", 0, 0, "hmac: `sha256` or `sha512`." },
	{ "auth/encoding", TYPE_SIGNATURE_ENCODING, AUTH_AT(encoding), "\"hex\"", 0, 0, "hmac: of the signature, `hex` or `base64`." },
	{ "auth/message", TYPE_TEXT, AUTH_AT(message), "\"${request:body}\"", 1, 0, "hmac: what is signed, with references." },
	{ "auth/token_url", TYPE_TOKEN_URL, AUTH_AT(token_url), NULL, 0, 0, "oauth2: the token endpoint, http or https." },
	{ "auth/client_id", TYPE_TEXT, AUTH_AT(client_id), NULL, 1, 0, "oauth2: who we are there." },
	{ "auth/client_secret", TYPE_SECRET_TEXT, AUTH_AT(client_secret), NULL, 1, 0, "oauth2: what shows it." },
	{ "auth/client_auth", TYPE_CLIENT_AUTH, AUTH_AT(client_auth), "\"basic\"", 0, 0,
	  "oauth2: how both are sent: HTTP Basic, or `body`, as `client_id` and `client_secret`." },
	{ "auth/scope", TYPE_TEXT, AUTH_AT(scope), NULL, 1, 0, "oauth2: what the token is for, if the endpoint has to be told." },
	{ "auth/audience", TYPE_TEXT, AUTH_AT(audience), NULL, 1, 0, "oauth2: likewise." },
	{ "auth/parameters", TYPE_PARAMETERS, AUTH_AT(parameters), NULL, 0, PARAMETERS_MAX,
	  "oauth2: what else the endpoint wants to have, names and values." },
	{ "auth/expires_seconds", TYPE_SECONDS, AUTH_AT(life_ms), "300", SECOND_MS, 366 * DAY_MS,
	  "oauth2: how long a token is good whose answer has no `expires_in`." },

	{ "group", TYPE_NAME, AT(group_name), NULL, 0, 0,
	  "Vendors with the same one share `limits` and `max_in_flight`, which their files must state alike; see [vendors that share an account](#vendors-that-share-an-account)." },

	{ "time_zone", TYPE_ZONE, AT(time_zone), "\"UTC\"", 0, 0,
	  "Whose clocks `hours` and `limits/*/per` go by, such as `Europe/Berlin`." },

	{ "limits", TYPE_LIMITS, 0, "[]", 0, VENDOR_LIMITS_MAX, "Rate limits; all hold together. None: no limit." },
	{ "limits/*/calls", TYPE_INT64, LIMIT_AT(calls), MEMBER_REQUIRED, 1, 1000000000, "Never more calls than this ..." },
	{ "limits/*/per_seconds", TYPE_SECONDS, LIMIT_AT(per_ms), NULL, 10, 31 * DAY_MS, "... in any span of this length." },
	{ "limits/*/per", TYPE_UNIT, LIMIT_AT(unit), NULL, 0, 0,
	  "Or: in each `minute`, `hour`, `day` or `month` of the calendar, as it begins in `time_zone`." },
	{ "limits/*/time_zone", TYPE_ZONE, LIMIT_AT(time_zone), NULL, 0, 0, "With `per`; not there: the vendor's `time_zone`." },
	{ "limits/*/burst", TYPE_INT64, LIMIT_AT(burst), NULL, 1, 1000000000,
	  "With `per_seconds`: makes it a token bucket: calls / per_seconds on average, at most so many at once." },
	{ "limits/*/cost", TYPE_INT64, LIMIT_AT(cost), "1", 1, 1000000000,
	  "As how many `calls` of this limit each call counts: what it costs, where `calls` are credits." },
	{ "hours", TYPE_HOURS, 0, "[]", 0, HOURS_MAX, "When the vendor may be called, in `time_zone`; see [hours](#hours). None: always." },
	{ "hours/*/days", TYPE_DAYS, HOURS_AT(days), "[\"mon-sun\"]", 0, DAYS_MAX,
	  "On these days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, or `mon-fri` ..." },
	{ "hours/*/from", TYPE_CLOCK, HOURS_AT(from), "\"00:00\"", 0, 0, "... from this time ..." },
	{ "hours/*/to", TYPE_CLOCK, HOURS_AT(to), "\"24:00\"", 0, 0, "... to this one; if that is earlier, on the next day." },

	{ "max_in_flight", TYPE_INT64, AT(max_in_flight), "0", 0, 100000, "Open calls of all workers together; 0: no limit." },
	{ "limits_from", TYPE_GROUP, 0, "{}", 0, 0,
	  "Headers of answers in which the vendor says what is left of its limits; see [what the vendor says](#what-the-vendor-says-of-its-limits)." },
	{ "limits_from/remaining", TYPE_HEADER_NAME, AT(rate.remaining), NULL, 0, 0, "The header with the number of calls that are left." },
	{ "limits_from/reset", TYPE_HEADER_NAME, AT(rate.reset), NULL, 0, 0, "The header that says when there are more." },
	{ "limits_from/reset_is", TYPE_RESET_IS, AT(rate.reset_is), "\"auto\"", 0, 0,
	  "What its number is: `seconds` until then; `epoch`, `epoch_ms`: seconds or milliseconds since 1970. `auto`: by its size." },
	{ "limits_from/header", TYPE_HEADER_NAME, AT(rate.header), NULL, 0, 0,
	  "Or: one header with both, such as `RateLimit` of newer IETF drafts." },
	{ "limits_from/hold_below", TYPE_INT64, AT(rate.hold_below), "1", 1, 1000000000,
	  "With fewer calls left the vendor gets none until there are more, at most for `retry/max_hold_seconds`." },
	{ "deadline_seconds", TYPE_SECONDS, AT(deadline_ms), "604800", SECOND_MS, 366 * DAY_MS,
	  "A job that is not finished at this age is failed." },

	{ "retry", TYPE_GROUP, 0, "{}", 0, 0, "What happens after a failed call; see [retries](#retries)." },
	{ "retry/max_attempts", TYPE_INT, AT(retry.max_attempts), "5", 1, 100, "Calls in all, the first one included." },
	{ "retry/base_ms", TYPE_INT64, AT(retry.base_ms), "1000", 1, 3600 * SECOND_MS,
	  "Wait after the first failure, half of it random; doubles each time." },
	{ "retry/max_ms", TYPE_INT64, AT(retry.max_ms), "300000", 1, DAY_MS, "No wait is longer, unless the vendor asks for it." },
	{ "retry/max_hold_seconds", TYPE_SECONDS, AT(retry.max_hold_ms), "3600", SECOND_MS, 7 * DAY_MS,
	  "The most that a vendor's `Retry-After` is honoured." },

	{ "retry/also_statuses", TYPE_STATUSES, AT(retry_also), "[]", 0, STATUSES_MAX,
	  "Answers with these are tried again, too. 300 to 599, not 429." },
	{ "retry/never_statuses", TYPE_STATUSES, AT(retry_never), "[]", 0, STATUSES_MAX,
	  "Answers with these fail the job at once. 300 to 599, not 429." },
	{ "retry/bad_body", TYPE_BOOL, AT(retry_bad_body), "false", 0, 0,
	  "A 2xx whose body cannot be read, or has no result, is tried again." },

	{ "breaker", TYPE_GROUP, 0, "{}", 0, 0, "When a vendor that fails is left alone; see [circuit breaker](#circuit-breaker)." },
	{ "breaker/failure_ratio", TYPE_RATIO, AT(breaker.failure_ratio), "0.5", 0, 1,
	  "It opens when this part of the calls in the window failed; 0: never." },
	{ "breaker/min_calls", TYPE_INT, AT(breaker.min_calls), "20", 1, 1000000, "... if there were so many." },
	{ "breaker/window_seconds", TYPE_SECONDS, AT(breaker.window_ms), "30", SECOND_MS, 3600 * SECOND_MS, "Length of the window." },
	{ "breaker/open_seconds", TYPE_SECONDS, AT(breaker.open_ms), "15", 100, 3600 * SECOND_MS,
	  "How long it stays open, half of it random; twice as long each time that a probe fails, up to 8 times." },
	{ "breaker/probes", TYPE_INT, AT(breaker.probes), "3", 1, 100,
	  "Calls at a time that then try whether the vendor is well, and how many must succeed." },
	{ "breaker/connect_failures", TYPE_INT, AT(breaker.connect_failures), "5", 0, 1000000,
	  "It also opens when so many connections in a row could not be opened; 0: never." },

	{ "fallback", TYPE_GROUP, 0, "{}", 0, 0, "Where jobs go on to when this vendor is of no use to them; see [fallback](#fallback)." },
	{ "fallback/vendors", TYPE_NAMES, AT(fallback.vendors), "[]", 0, FALLBACK_VENDORS_MAX, "The next vendors, in order. None: jobs stay." },
	{ "fallback/on", TYPE_REASONS, AT(fallback.on), "[\"open\",\"exhausted\",\"failed\"]", 0, 0,
	  "When: `open` (the circuit breaker), `exhausted` (limits), `failed`, `unknown` (failed, but the vendor may be at work on the job)." },
	{ "fallback/after_seconds", TYPE_SECONDS, AT(fallback.after_ms), "90", 0, 31 * DAY_MS,
	  "`exhausted`: when limits or a `Retry-After` leave no call for longer than this." },

	{ "callback", TYPE_GROUP, 0, "{}", 0, 0, "How an async vendor calls back." },
	{ "callback/timeout_seconds", TYPE_SECONDS, AT(callback_timeout_ms), "300", 10, 31 * DAY_MS,
	  "From the acknowledgement to the callback; after that the job is failed." },
	{ "callback/secret", TYPE_SECRET, AT(callback_secret), NULL, 0, 0,
	  "Callbacks must be signed with it (Standard Webhooks): a short form of `callback/auth`. Should be a reference." },
	{ "callback/auth", TYPE_CALLBACK_AUTH, 0, NULL, 0, 0, "How the vendor shows who it is; see [who may call back](#who-may-call-back)." },
	{ "callback/auth/type", TYPE_CALLBACK_AUTH_KIND, PROOF_AT(type), MEMBER_REQUIRED, 0, 0,
	  "`token` (what holds without `callback/auth`), `standard_webhooks`, `hmac`, `bearer`, `basic`, `api_key` or `none`." },
	{ "callback/auth/secrets", TYPE_SECRETS, PROOF_AT(secrets), NULL, 0, SECRETS_MAX,
	  "Of all but token and none: the secret, or several, of which any is good. Should be references." },
	{ "callback/auth/user", TYPE_SECRET, PROOF_AT(user), NULL, 0, 0, "basic: the user's name." },
	{ "callback/auth/name", TYPE_HEADER_NAME, PROOF_AT(name), NULL, 0, 0, "hmac, api_key: the header that has the signature or the key." },
	{ "callback/auth/prefix", TYPE_TEXT, PROOF_AT(prefix), "\"\"", 0, 0,
	  "hmac: what a signature has in front, such as `sha256=`. Of several parts with commas between them those that have it count." },
	{ "callback/auth/secret_encoding", TYPE_KEY_ENCODING, PROOF_AT(secret_encoding), "\"text\"", 0, 0, "hmac: `text`, `base64` or `hex`." },
	{ "callback/auth/algorithm", TYPE_DIGEST, PROOF_AT(algorithm), "\"sha256\"", 0, 0, "hmac: `sha256` or `sha512`." },
	{ "callback/auth/encoding", TYPE_SIGNATURE_ENCODING, PROOF_AT(encoding), "\"hex\"", 0, 0, "hmac: of the signature, `hex` or `base64`." },
	{ "callback/auth/timestamp_header", TYPE_HEADER_NAME, PROOF_AT(timestamp_header), NULL, 0, 0,
	  "hmac: the header with the time of the signature in seconds since 1970, at most five minutes off." },
	{ "callback/auth/timestamp_prefix", TYPE_TEXT, PROOF_AT(timestamp_prefix), "\"\"", 0, 0, "hmac: what that time has in front, as `prefix`." },
	{ "callback/auth/message", TYPE_TEXT, PROOF_AT(message), NULL, 1, 0,
	  "hmac: what is signed; `${callback:body}`, or with a timestamp `${callback:timestamp}.${callback:body}`, unless it says otherwise." },
	{ "callback/allow_from", TYPE_NETWORKS, AT(callback_auth.from), "[]", 0, NETWORKS_MAX,
	  "Addresses and networks that callbacks may come from, whatever else they show: `192.0.2.7`, `2001:db8::/32`. None: from everywhere." },
	{ "callback/job_id", TYPE_PLACES, AT(callback_job_id), "[\"/request_id\",\"/requestId\",\"/job_id\",\"/jobId\",\"/id\"]", 0, PLACES_MAX,
	  "Where the callback says which job it is for. Of several the first that holds an id of ours, else the first with any." },
	{ "callback/job_id_header", TYPE_HEADER_NAME, AT(callback_job_id_header), NULL, 0, 0,
	  "A header of the callback that says so; if it is not there, the body does." },
	{ "callback/result", TYPE_PLACES, AT(callback_result), "[\"/data\",\"/result\"]", 0, PLACES_MAX,
	  "Where its result is. Of several the first that is there and not null." },
	{ "callback/status", TYPE_POINTER, AT(callback_status), "\"/status\"", 0, 0, "Where it has a word that may be one of `failed_values`." },
	{ "callback/failed_values", TYPE_WORDS, AT(callback_failed), "[\"failed\",\"failure\",\"error\"]", 0, WORDS_MAX,
	  "With one of these at `status`, in upper or lower case, the job failed." },
	{ "callback/success", TYPE_POINTER, AT(callback_success), "\"/success\"", 0, 0,
	  "Where it has a boolean: `false`, the job failed; `true`, it is done, even without a result. An empty pointer: nowhere." },
	{ "callback/error", TYPE_POINTER, AT(callback_error), "\"/error\"", 0, 0, "Where its error is; there and not empty: the job failed. An empty pointer: nowhere." },

	{ "poll", TYPE_GROUP, 0, "{}", 0, 0, "How a vendor is asked for the result; see [poll](#poll)." },
	{ "poll/method", TYPE_POLL_METHOD, AT(ask), "\"GET\"", 0, 0, "`GET` or `POST`." },
	{ "poll/url", TYPE_URL, AT(ask), NULL, 0, 0,
	  "Where, with references, `${job:vendor_job_id}` (from `response/job_id`) too." },
	{ "poll/url_at", TYPE_POINTER, AT(poll.url_at), NULL, 0, 0,
	  "Or: where the acknowledgement has that URL, which may be relative to `request/url`. Neither: in its `Location` header." },
	{ "poll/any_origin", TYPE_BOOL, AT(poll.any_origin), "false", 0, 0,
	  "The acknowledgement may name a URL of another scheme, host or port than `request/url`. Nothing secret goes there." },
	{ "poll/query", TYPE_QUERY, AT(ask), NULL, 0, QUERY_MAX, "Query parameters of `poll/url`, with references." },
	{ "poll/headers", TYPE_HEADERS, AT(ask), "{}", 0, HEADERS_MAX,
	  "Headers, with references, beside those of `request`; one of the same name comes in its place." },
	{ "poll/body_format", TYPE_BODY_FORMAT, AT(ask), "\"json\"", 0, 0, "As `request/body_format`." },
	{ "poll/body", TYPE_BODY, AT(ask), NULL, 0, 0, "What is sent to `poll/url`, with references in its strings. None: nothing." },
	{ "poll/state", TYPE_POINTER, AT(poll.state), "\"/status\"", 0, 0, "Where the answer says how far the job is." },
	{ "poll/done_values", TYPE_WORDS, AT(poll.done_values), NULL, 0, POLL_VALUES_MAX,
	  "With one of these there, in upper or lower case, the job is done. Required with mode `poll`." },
	{ "poll/failed_values", TYPE_WORDS, AT(poll.failed_values), "[\"failed\",\"error\"]", 0, POLL_VALUES_MAX,
	  "With one of these it failed. With any other value the vendor is still at work." },
	{ "poll/result", TYPE_POINTER, AT(poll.result), "\"\"", 0, 0, "Where the result is, once it is done; empty: the whole answer." },
	{ "poll/interval_seconds", TYPE_SECONDS, AT(poll.interval_ms), "5", 10, DAY_MS, "From the acknowledgement to the first poll ..." },
	{ "poll/factor", TYPE_RATIO, AT(poll.factor), "1.5", 1, 10, "... and each time so much longer ..." },
	{ "poll/max_interval_seconds", TYPE_SECONDS, AT(poll.max_interval_ms), "60", 10, DAY_MS, "... up to this." },
	{ "poll/timeout_seconds", TYPE_SECONDS, AT(poll.timeout_ms), "3600", 10, 31 * DAY_MS,
	  "From the acknowledgement to the result; after that the job is failed." },

	{ "response", TYPE_GROUP, 0, "{}", 0, 0, "What the vendor's answer looks like, and how results are cleaned." },
	{ "response/result", TYPE_POINTER, AT(response_result), "\"\"", 0, 0, "Where a sync vendor's result is; empty: the whole answer." },
	{ "response/error", TYPE_POINTER, AT(response_error), "\"/error\"", 0, 0,
	  "Where the answer to a failed call says why; goes into the job's error." },
	{ "response/job_id", TYPE_POINTER, AT(response_job_id), NULL, 0, 0,
	  "Where the acknowledgement of an async or polled vendor has its own id of the job." },
	{ "response/trim_strings", TYPE_BOOL, AT(trim_strings), "false", 0, 0, "White space at both ends of strings in results goes." },
	{ "response/remove", TYPE_POINTERS, AT(remove), "[]", 0, REMOVE_MAX,
	  "Members of the result that are removed before anybody sees or stores it. `*` stands for all items of an array." },

	{ "response/verdicts", TYPE_VERDICTS, AT(response_verdicts), "[]", 0, VERDICT_RULES_MAX,
	  "What answers mean, in order; the first rule that holds counts. See [what counts as success](#what-counts-as-success)." },
	{ "response/verdicts/*/statuses", TYPE_RANGES, RULE_AT(statuses), "[]", 0, RANGES_MAX,
	  "Holds for these only: `404`, `\"500-599\"`. None: for all. Never for 429." },
	{ "response/verdicts/*/where", TYPE_POINTER, RULE_AT(where), NULL, 0, 0, "A place in the body, for one of the next three." },
	{ "response/verdicts/*/equals", TYPE_EQUALS, RULE_AT(values), NULL, 0, 0,
	  "Holds if this is there: a string, a number, `true`, `false`, `null`, `[]` or `{}`." },
	{ "response/verdicts/*/in", TYPE_VALUES, RULE_AT(values), NULL, 0, VALUES_MAX, "Holds if one of these is there." },
	{ "response/verdicts/*/exists", TYPE_EXISTS, RULE_AT(test), NULL, 0, 0,
	  "Holds if anything but `null` is there (`true`), or if not (`false`)." },
	{ "response/verdicts/*/verdict", TYPE_VERDICT, RULE_AT(verdict), MEMBER_REQUIRED, 0, 0,
	  "`success`, `retry`, `limited`, `fail` or `no_data`." },
	{ "response/no_data_result", TYPE_JSON, AT(no_data_result), "null", 0, NO_DATA_BYTES_MAX,
	  "The result of a job for which the vendor has nothing." },

	{ "response/rename", TYPE_RENAMES, AT(renames), "{}", 0, RENAMES_MAX,
	  "Places of members and their new names. How results are cleaned, and in which order: [cleaning](#cleaning)." },
	{ "response/pick", TYPE_PARTS, AT(pick), "[]", 0, REMOVE_MAX, "All that stays. None: all of it." },
	{ "response/remove_names", TYPE_WORDS, AT(remove_names), "[]", 0, NAMES_MAX,
	  "Members with these names go, at any depth. `*` in a name is any part of it; upper and lower case are the same." },
	{ "response/emails", TYPE_PARTS, AT(emails), "[]", 0, REMOVE_MAX, "E-mail addresses here are trimmed and in lower case." },
	{ "response/phones", TYPE_PARTS, AT(phones), "[]", 0, REMOVE_MAX, "Phone numbers here are written as E.164: `+` and digits." },
	{ "response/phone_country", TYPE_COUNTRY, AT(phone_country), NULL, 0, 0,
	  "Country code of phone numbers without one. Not there: they stay as they are." },
	{ "response/mask", TYPE_PARTS, AT(mask), "[]", 0, REMOVE_MAX, "What is here is masked: `*` for all but its end." },
	{ "response/mask_names", TYPE_WORDS, AT(mask_names), "[]", 0, NAMES_MAX, "What members with these names hold is masked; as `remove_names`." },
	{ "response/mask_values", TYPE_KINDS, AT(personal.mask), "[]", 0, NAMES_MAX,
	  "Personal data of these kinds is masked, wherever it stands in strings and names." },
	{ "response/remove_values", TYPE_KINDS, AT(personal.remove), "[]", 0, NAMES_MAX,
	  "The same, but the kind stands instead: `[email]`." },
	{ "response/mask_keep", TYPE_INT, AT(personal.keep), "4", 0, PERSONAL_KEEP_MAX, "Characters that a mask leaves at the end; never more than half." },
	{ "response/drop_empty", TYPE_BOOL, AT(drop_empty), "false", 0, 0,
	  "Members with null, an empty string, `{}` or `[]` go, and what is empty without them." },
	{ "response/keep_raw_seconds", TYPE_SECONDS, AT(keep_raw_ms), "0", 0, 31 * DAY_MS,
	  "How long the answer or callback that ends a job is kept as it came, with all that cleaning takes out; 0: not at all. See [the raw answer](#the-raw-answer)." },

	{ "callback/verdicts", TYPE_VERDICTS, AT(callback_verdicts), "[]", 0, VERDICT_RULES_MAX,
	  "What callbacks mean, before `error`, `status` and `success` say it." },
	{ "callback/verdicts/*/where", TYPE_POINTER, RULE_AT(where), NULL, 0, 0, "A place in the body, for one of the next three." },
	{ "callback/verdicts/*/equals", TYPE_EQUALS, RULE_AT(values), NULL, 0, 0, "Holds if this is there; as in `response/verdicts`." },
	{ "callback/verdicts/*/in", TYPE_VALUES, RULE_AT(values), NULL, 0, VALUES_MAX, "Holds if one of these is there." },
	{ "callback/verdicts/*/exists", TYPE_EXISTS, RULE_AT(test), NULL, 0, 0,
	  "Holds if anything but `null` is there (`true`), or if not (`false`)." },
	{ "callback/verdicts/*/verdict", TYPE_CALLBACK_VERDICT, RULE_AT(verdict), MEMBER_REQUIRED, 0, 0,
	  "`success`, `retry`, `fail`, `no_data` or `ignore`." },
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

/* ---- Errors ---- */

/* Where the next mistake is: at a member of the reader's group, whose path may be "". */
static void point_to(const struct reader *r, const char *path)
{
	struct buffer *pointer;

	if (!r->mistakes)
		return;
	pointer = &r->mistakes->pointer;
	buffer_reset(pointer);
	buffer_printf(pointer, "/%s%s", r->shown, path);
	if (r->item)
		buffer_printf(pointer, "/%zu", *r->item);
	if (path[0] == '\0')
		pointer->data[--pointer->len] = '\0';   /* the group itself: no slash at its end */
	r->mistakes->placed = true;
}

enum err vendor__fail(const struct reader *r, const struct member *m, const char *fmt, ...)
{
	struct err_text reason;
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason.text, sizeof(reason.text), fmt, args);
	va_end(args);
	point_to(r, m->path + strlen(r->group));
	return err_set(r->why, ERR_INVALID, "%s%s: %.300s", r->shown, m->path + strlen(r->group), reason.text);
}

void vendor__at(const struct reader *r, const struct member *m)
{
	if (!r->mistakes)
		return;
	point_to(r, m->path + strlen(r->group));
	r->mistakes->placed = r->mistakes->lacking = r->mistakes->told = false;
}

void vendor__lack(const struct reader *r, const char *reason)
{
	struct mistakes *mistakes = r->mistakes;
	struct err_text text;

	err_set(&text, ERR_NOT_FOUND, "%s: %.300s", mistakes->pointer.data + 1, reason);
	mistakes->lacking = true;
	mistakes->add(mistakes->arg, mistakes->pointer.data, text.text, true);
}

enum err vendor__go_on(const struct reader *r, enum err err)
{
	struct mistakes *mistakes = r->mistakes;

	if (err == ERR_OK || !mistakes)
		return err;
	if (mistakes->told || mistakes->lacking) {
		mistakes->told = false;
		return ERR_OK;
	}
	if (!mistakes->placed) {
		buffer_reset(&mistakes->pointer);
		buffer_printf(&mistakes->pointer, "/%.*s", (int)strcspn(r->why->text, ":"), r->why->text);
	}
	mistakes->errors++;
	mistakes->add(mistakes->arg, mistakes->pointer.data, r->why->text, false);
	return ERR_OK;
}

/* Number of single-character edits that make a into b (Levenshtein). Both are short. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], len = strlen(b);

	if (strlen(a) >= 64 || len >= 64)
		return FAR;
	for (size_t k = 0; k <= len; k++)
		row[k] = k;
	for (; *a; a++) {
		size_t diagonal = row[0]++;

		for (size_t k = 1; k <= len; k++) {
			size_t best = diagonal + (*a != b[k - 1]);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[len];
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_in_group(const struct member *m, const char *group)
{
	size_t len = strlen(group);

	return strncmp(m->path, group, len) == 0 && !strchr(m->path + len, '/');
}

/* A name that may be anything. */
static void point_to_name(const struct reader *r, const char *name)
{
	struct buffer token;

	buffer_init(&token, 2 * strlen(name));
	json_pointer_put(&token, name, strlen(name));
	point_to(r, token.data ? token.data : "");
	buffer_deinit(&token);
}

static enum err fail_unknown(const struct reader *r, const char *name)
{
	const struct member *nearest = NULL;
	size_t least = 2 * (strlen(name) / 3 + 1) + 2;

	for (const struct member *m = members; m < members + MEMBER_COUNT; m++) {
		/* The right name in the wrong group is nearer than any wrong letter. */
		size_t cost = 2 * distance(name, last_part(m->path)) + !is_in_group(m, r->group);

		if (cost < least) {
			least = cost;
			nearest = m;
		}
	}
	point_to_name(r, name);
	return err_set(r->why, ERR_INVALID, "%s%.64s: unknown member%s%s%s", r->shown, name,
	               nearest ? ", did you mean " : "", nearest ? nearest->path : "", nearest ? "?" : "");
}

/* ---- Reading ---- */

const struct member *vendor__next_in_group(const char *group, const struct member *after)
{
	for (const struct member *m = after ? after + 1 : members; m < members + MEMBER_COUNT; m++)
		if (is_in_group(m, group))
			return m;
	return NULL;
}

const char *vendor__rows(const struct member *m, char group[VENDOR_GROUP_SIZE])
{
	enum rows_of rows = vendor__type(m->type)->rows;

	if (rows == ROWS_OF_NOTHING)
		return NULL;
	snprintf(group, VENDOR_GROUP_SIZE, "%s%s", m->path, rows == ROWS_OF_ENTRIES ? "/*/" : "/");
	return group;
}

static bool is_member(const char *group, const char *name)
{
	for (const struct member *m = NULL; (m = vendor__next_in_group(group, m));)
		if (strcmp(m->path + strlen(group), name) == 0)
			return true;
	return false;
}

struct json_object *vendor__own_json(const char *text)
{
	struct json_object *value;
	struct err_text why;

	if (json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why) == ERR_OK)
		return value;
	fprintf(stderr, "%s: %s\n", text, why.text);
	abort();
}

static enum err read_fallback(const struct reader *r, const struct member *m)
{
	struct json_object *value;
	enum err err;

	if (!m->fallback)
		return ERR_OK;
	if (m->fallback == MEMBER_REQUIRED)
		return vendor__fail(r, m, "is missing");
	value = vendor__own_json(m->fallback);
	err = vendor__read_member(r, m, value);
	json_object_put(value);
	return err;
}

enum err vendor__read_group(const struct reader *r, struct json_object *object)
{
	size_t errors = r->mistakes ? r->mistakes->errors : 0;
	enum err err = ERR_OK;

	if (!json_object_is_type(object, json_type_object)) {
		point_to(r, "");
		return err_set(r->why, ERR_INVALID, "%.*s%smust be an object", (int)strlen(r->shown) - (r->shown[0] != '\0'),
		               r->shown, r->shown[0] ? ": " : "");
	}
	json_object_object_foreach(object, name, unused) {
		(void)unused;
		if (is_member(r->group, name))
			continue;
		err = vendor__go_on(r, fail_unknown(r, name));
		if (err)
			return err;
	}
	for (const struct member *m = NULL; err == ERR_OK && (m = vendor__next_in_group(r->group, m));) {
		struct json_object *value;

		vendor__at(r, m);
		if (json_object_object_get_ex(object, m->path + strlen(r->group), &value))
			err = vendor__go_on(r, vendor__read_member(r, m, value));
		else
			err = vendor__go_on(r, read_fallback(r, m));
	}
	if (r->mistakes) {
		r->mistakes->lacking = false;
		r->mistakes->told = r->mistakes->errors > errors;
	}
	return r->mistakes && r->mistakes->told ? ERR_INVALID : err;
}

/* What no member says alone. why is "member: reason", as everywhere. */
static enum err check_together(const struct vendor *vendor, struct err_text *why)
{
	enum err err = ERR_OK;

	if (vendor->retry.max_ms < vendor->retry.base_ms)
		err = err_set(why, ERR_INVALID, "retry/max_ms: is less than retry/base_ms");
	if (err == ERR_OK && vendor->rate.remaining && !vendor->rate.reset)
		err = err_set(why, ERR_INVALID, "limits_from/reset: is missing, limits_from/remaining needs it");
	if (err == ERR_OK && vendor->rate.header && vendor->rate.reset)
		err = err_set(why, ERR_INVALID, "limits_from/header: limits_from/reset says already when there are more calls");
	if (err == ERR_OK && (vendor->call.host_is_referred || vendor->ask.host_is_referred))
		err = vendor__check_referred_host(vendor, why);
	for (const int *status = vendor->retry_also; err == ERR_OK && *status; status++)
		if (vendor_lists_status(vendor->retry_never, *status))
			err = err_set(why, ERR_INVALID, "retry/never_statuses: %d is in retry/also_statuses, too", *status);
	return err ? err : vendor__check_poll(vendor, why);
}

enum err vendor__read(struct vendor *vendor, struct json_object *file, vendor_env_fn env, struct mistakes *mistakes,
                      struct err_text *why)
{
	struct reader r = { .env = env, .why = why, .mistakes = mistakes, .vendor = vendor, .group = "", .shown = "",
	                    .base = (char *)vendor };
	enum err err = vendor__read_group(&r, file);

	/* Members that could not be read are not set. */
	if (err)
		return vendor__go_on(&r, err);
	err = vendor__go_on(&r, vendor__complete_request(&r));
	if (err)
		return err;
	if (mistakes)
		mistakes->placed = false;
	err = vendor__go_on(&r, check_together(vendor, why));
	if (err)
		return err;
	if (mistakes)
		mistakes->placed = false;
	return vendor__go_on(&r, vendor__complete_callback(vendor, why));
}

bool vendor_lists_status(const int *statuses, int status)
{
	for (; statuses && *statuses; statuses++)
		if (*statuses == status)
			return true;
	return false;
}

static void free_list(char **list)
{
	for (char **entry = list; entry && *entry; entry++)
		free(*entry);
	free(list);
}

void vendor__deinit(struct vendor *vendor)
{
	vendor__deinit_request(vendor);
	vendor__deinit_limits(vendor);
	vendor__deinit_secrets(vendor);
	secret_free(vendor->callback_secret);
	callback_auth_deinit(&vendor->callback_auth);
	free(vendor->file_digest);
	free(vendor->name);
	free_list(vendor->aliases);
	free(vendor->group_name);
	free(vendor->ca_file);
	free(vendor->allow_networks.items);
	free(vendor->rate.remaining);
	free(vendor->rate.reset);
	free(vendor->rate.header);
	free(vendor->retry_also);
	free(vendor->retry_never);
	free_list(vendor->fallback.vendors);
	free_list(vendor->callback_job_id);
	free(vendor->callback_job_id_header);
	free_list(vendor->callback_result);
	free(vendor->callback_error);
	free(vendor->callback_status);
	free(vendor->callback_success);
	free_list(vendor->callback_failed);
	free(vendor->poll.url_at);
	free(vendor->poll.state);
	free_list(vendor->poll.done_values);
	free_list(vendor->poll.failed_values);
	free(vendor->poll.result);
	free(vendor->response_result);
	free(vendor->response_error);
	free(vendor->response_job_id);
	free_list(vendor->remove);
	for (struct vendor_rename *rename = vendor->renames; rename && rename->from; rename++) {
		free(rename->from);
		free(rename->to);
	}
	free(vendor->renames);
	free_list(vendor->pick);
	free_list(vendor->emails);
	free_list(vendor->phones);
	free(vendor->phone_country);
	free_list(vendor->mask);
	free_list(vendor->remove_names);
	free_list(vendor->mask_names);
	verdict_rules_deinit(&vendor->response_verdicts);
	verdict_rules_deinit(&vendor->callback_verdicts);
	free(vendor->no_data_result);
	*vendor = (struct vendor){ 0 };
}

/* ---- Reference ---- */

static void print_default(const struct member *m)
{
	if (m->fallback == MEMBER_REQUIRED)
		printf("required");
	else if (m->fallback && vendor__type(m->type)->rows != ROWS_OF_OBJECT)
		printf("`%s`", m->fallback);
}

static void print_bounds(const struct member *m)
{
	enum bounds_of bounds = vendor__type(m->type)->bounds;

	if (bounds == BOUNDS_OF_NUMBER)
		printf("%lld .. %lld", (long long)m->min, (long long)m->max);
	else if (bounds == BOUNDS_OF_SECONDS)
		printf("%g .. %.10g", (double)m->min / SECOND_MS, (double)m->max / SECOND_MS);
	else if (m->max > 0)
		printf("at most %lld", (long long)m->max);
}

void vendor_print_reference(void)
{
	printf("| member | type | default | bounds | |\n|---|---|---|---|---|\n");
	for (const struct member *m = members; m < members + MEMBER_COUNT; m++) {
		printf("| `%s` | %s | ", m->path, vendor__type(m->type)->name);
		print_default(m);
		printf(" | ");
		print_bounds(m);
		printf(" | %s |\n", m->help);
	}
}
