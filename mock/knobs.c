#include "knobs.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "limit_headers.h"
#include "sign.h"
#include "util.h"
#include "window.h"

enum knob_type { KNOB_INT, KNOB_REAL, KNOB_BOOL, KNOB_TEXT };

struct knob {
	const char *name;
	enum knob_type type;
	size_t offset;
	const char *initial;
	double min, max;                      /* of numbers; a text is at most max bytes long */
	bool (*valid)(const char *text);      /* further check of a text; may be NULL */
	bool secret;
	const char *help;
};

/* What may stand in a header line as it is. */
static bool header_text(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* An id and a secret, or nothing. */
static bool client_text(const char *text) { return !*text || strchr(text, ':'); }

#define INT(name, initial, min, max, help) \
	{ #name, KNOB_INT, offsetof(struct knobs, name), initial, min, max, NULL, false, help }
#define REAL(name, initial, min, max, help) \
	{ #name, KNOB_REAL, offsetof(struct knobs, name), initial, min, max, NULL, false, help }
#define RATIO(name, help) REAL(name, "0", 0, 1, help)
#define BOOL(name, initial, help) \
	{ #name, KNOB_BOOL, offsetof(struct knobs, name), initial, 0, 1, NULL, false, help }
#define TEXT(name, initial, valid, secret, help) \
	{ #name, KNOB_TEXT, offsetof(struct knobs, name), initial, 0, KNOB_TEXT_MAX - 1, valid, secret, help }

static const struct knob table[] = {
	INT(latency_ms, "0", 0, 3600000, "wait before every answer"),
	INT(latency_spread_ms, "0", 0, 3600000, "and a random wait up to this"),
	RATIO(fail_ratio, "part of the calls that fail with fail_status"),
	INT(fail_status, "500", 200, 599, "HTTP status of simulated failures"),
	INT(fail_first, "0", 0, 60000, "the first calls of each id that fail; later ones are answered"),
	RATIO(too_many_ratio, "part of the calls that are answered 429"),
	TEXT(retry_after, "1", header_text, false, "Retry-After of every 429, as it is; empty: none"),
	INT(limit_calls, "0", 0, 1000000, "calls allowed in any window of limit_seconds; 0: no limit"),
	REAL(limit_seconds, "1", 0, 2678400, "length of that window; 0: no limit"),
	BOOL(limit_enforce, "true", "answer 429 to calls over a limit (else only count them)"),
	TEXT(limit_headers, "", limit_headers_valid, false,
	     "headers that say what is left of limit_calls: draft, structured, seconds, epoch or epoch_ms; empty: none"),
	INT(max_in_flight, "0", 0, 1000000, "calls allowed at the same time; 0: no limit"),
	RATIO(hang_ratio, "part of the calls that are never answered"),
	RATIO(reset_ratio, "part of the calls whose connection is reset after reading them"),
	RATIO(reset_early_ratio, "part of the calls whose connection is reset without reading them"),
	RATIO(close_before_answer, "part of the calls that are accepted, then closed without an answer"),
	RATIO(garbage_ratio, "part of the calls answered 200 with something that is not JSON"),
	RATIO(trickle_ratio, "part of the calls answered a byte a second, without an end"),
	RATIO(endless_ratio, "part of the calls answered 200 with a body without an end, as fast as it is read"),
	RATIO(gzip_bomb_ratio, "part of the calls answered 200 with 254 KiB of gzip that unpack to 256 MiB"),
	RATIO(wrong_length_ratio, "part of the calls whose answer ends before its Content-Length"),
	RATIO(short_length_ratio, "part of the calls whose Content-Length ends before what is sent"),
	INT(response_bytes, "0", 0, 67108864, "pads answers (and webhooks, up to 16 MiB) to this length"),
	INT(webhook_delay_ms, "50", 0, 3600000, "wait between the answer and its webhook"),
	INT(webhook_spread_ms, "0", 0, 3600000, "and a random wait up to this"),
	RATIO(webhook_loss_ratio, "part of the webhooks that are never sent"),
	RATIO(webhook_fail_ratio, "part of the webhooks that say that the job failed"),
	INT(webhook_duplicates, "0", 0, 100, "extra copies of every webhook"),
	BOOL(webhook_reorder, "false", "send webhooks in batches, last one first"),
	BOOL(webhook_before_answer, "false", "send the webhook first, answer the call when it is done"),
	BOOL(webhook_own_id_only, "false", "leave request_id out of webhooks"),
	TEXT(webhook_secret, "", sign_secret_valid, true,
	     "sign webhooks (Standard Webhooks): raw text, or whsec_ and base64"),
	INT(poll_pending, "2", 0, 1000000, "polls of each submitted job that are answered pending"),
	INT(poll_pending_ms, "0", 0, 3600000, "and so long it is pending at least"),
	RATIO(poll_fail_ratio, "part of the submitted jobs that fail"),
	RATIO(poll_loss_ratio, "part of the submitted jobs that nobody knows when they are asked for"),
	RATIO(poll_too_many_ratio, "part of the polls that are answered 429"),
	RATIO(poll_error_ratio, "part of the polls that fail with fail_status"),
	BOOL(token_required, "false", "answer 401 to calls that show no token that POST /token has given"),
	TEXT(token_client, "", client_text, true, "id:secret of the one client that gets tokens; empty: anybody"),
	INT(token_expires_in, "3600", 0, 2678400, "seconds that a token is good; 0: always, and nothing is said of it"),
	INT(token_latency_ms, "0", 0, 3600000, "wait before every answer to POST /token"),
	INT(token_fail_status, "0", 0, 599, "HTTP status with which POST /token fails; 0: it does not"),
};

static void *place_of(struct knobs *knobs, const struct knob *knob)
{
	return (char *)knobs + knob->offset;
}

static bool same_name(const char *knob, const char *name)
{
	for (; *knob && (*knob == *name || (*knob == '_' && *name == '-')); knob++, name++)
		;
	return *knob == *name;
}

static const struct knob *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (same_name(table[i].name, name))
			return &table[i];
	return NULL;
}

static bool set_int(int64_t *place, const struct knob *knob, const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || (double)value < knob->min || (double)value > knob->max)
		return false;
	*place = value;
	return true;
}

static bool set_bool(bool *place, const char *text)
{
	static const struct { const char *text; bool value; } words[] = {
		{ "true", true }, { "yes", true }, { "on", true }, { "1", true },
		{ "false", false }, { "no", false }, { "off", false }, { "0", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].text, text) == 0) {
			*place = words[i].value;
			return true;
		}
	}
	return false;
}

/* A ratio may also be a plain yes or no: all or none of the calls. */
static bool set_real(double *place, const struct knob *knob, const char *text)
{
	char *end;
	double value;
	bool all;

	if (knob->max == 1 && set_bool(&all, text)) {
		*place = all;
		return true;
	}
	errno = 0;
	value = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(value) || value < knob->min || value > knob->max)
		return false;
	*place = value;
	return true;
}

static bool set_text(char *place, const struct knob *knob, const char *text)
{
	size_t len = strlen(text);

	if (len >= KNOB_TEXT_MAX || (knob->valid && !knob->valid(text)))
		return false;
	memcpy(place, text, len + 1);
	return true;
}

static bool set_value(struct knobs *knobs, const struct knob *knob, const char *text)
{
	void *place = place_of(knobs, knob);

	switch (knob->type) {
	case KNOB_INT: return set_int(place, knob, text);
	case KNOB_REAL: return set_real(place, knob, text);
	case KNOB_BOOL: return set_bool(place, text);
	case KNOB_TEXT: return set_text(place, knob, text);
	}
	return false;
}

static void say_range(const struct knob *knob, char *text, size_t size)
{
	if (knob->type == KNOB_BOOL)
		snprintf(text, size, "true or false");
	else if (knob->type == KNOB_TEXT)
		snprintf(text, size, "a valid text of at most %.0f bytes", knob->max);
	else if (knob->type == KNOB_INT)
		snprintf(text, size, "a whole number from %.0f to %.0f", knob->min, knob->max);
	else
		snprintf(text, size, "a number from %.0f to %.0f", knob->min, knob->max);
}

void knobs_init(struct knobs *knobs)
{
	*knobs = (struct knobs){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!set_value(knobs, &table[i], table[i].initial))
			abort(); /* a default outside its own range is a mistake in the table */
}

bool knobs_set(struct knobs *knobs, const char *name, const char *text, char reason[KNOB_REASON_MAX])
{
	const struct knob *knob = find(name);
	char range[80];

	if (!knob) {
		snprintf(reason, KNOB_REASON_MAX, "%.60s: there is no such setting", name);
		return false;
	}
	if (set_value(knobs, knob, text))
		return true;
	say_range(knob, range, sizeof(range));
	snprintf(reason, KNOB_REASON_MAX, "%s: must be %s", knob->name, range);
	return false;
}

static bool set_member(struct knobs *knobs, const char *name, struct json_object *value, char *reason)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
	case json_type_string:
		/* a text with a NUL in it would be cut short: refuse it like any other bad value */
		if (json_object_is_type(value, json_type_string) &&
		    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
			break;
		return knobs_set(knobs, name, json_object_get_string(value), reason);
	default:
		break;
	}
	snprintf(reason, KNOB_REASON_MAX, "%.60s: must be a number, true, false or a text", name);
	return false;
}

bool knobs_set_json(struct knobs *knobs, const char *json, size_t len, char reason[KNOB_REASON_MAX])
{
	struct knobs wanted = *knobs;
	struct json_object *root = NULL;
	struct json_tokener *tokener = json_tokener_new();
	bool ok = false;

	if (!tokener)
		abort();
	if (json_is_document(json, len))
		root = json_tokener_parse_ex(tokener, json, (int)len);
	if (!json_object_is_type(root, json_type_object)) {
		snprintf(reason, KNOB_REASON_MAX, "the body must be one JSON object");
		goto out;
	}
	ok = true;
	json_object_object_foreach(root, name, value) {
		ok = set_member(&wanted, name, value, reason);
		if (!ok)
			break;
	}
	if (ok)
		*knobs = wanted;
out:
	json_object_put(root);
	json_tokener_free(tokener);
	return ok;
}

bool knobs_is_flag(const char *name)
{
	const struct knob *knob = find(name);

	return knob && knob->type == KNOB_BOOL;
}

static void add_value(const struct knobs *knobs, const struct knob *knob, struct buf *out)
{
	const void *place = (const char *)knobs + knob->offset;

	if (knob->type == KNOB_INT)
		buf_addf(out, "%lld", (long long)*(const int64_t *)place);
	else if (knob->type == KNOB_REAL)
		buf_addf(out, "%.10g", *(const double *)place);
	else if (knob->type == KNOB_BOOL)
		buf_add_str(out, *(const bool *)place ? "true" : "false");
	else if (knob->secret && *(const char *)place)
		buf_add_str(out, "\"(set)\"");
	else
		buf_add_json(out, place, strlen(place));
}

void knobs_json(const struct knobs *knobs, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		buf_addf(out, "%s\"%s\":", i ? "," : "{", table[i].name);
		add_value(knobs, &table[i], out);
	}
	buf_add_str(out, "}");
}

void knobs_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char flag[40], range[80];

		snprintf(flag, sizeof(flag), "--%s", table[i].name);
		for (char *c = flag; *c; c++)
			if (*c == '_')
				*c = '-';
		say_range(&table[i], range, sizeof(range));
		fprintf(out, "  %-26s %s\n%29s(%s; default %s)\n", flag, table[i].help, "", range,
		        *table[i].initial ? table[i].initial : "empty");
	}
}
