#include "fallback.h"

#include "buffer.h"
#include "clock.h"
#include "json_strict.h"
#include "mem.h"

#include <string.h>

enum { ENTRY_BYTES_MAX = 64 << 10 };

static const char *const reasons[FALLBACK_REASONS] = { FALLBACK_REASON_NAMES };

const char *fallback_reason_name(enum fallback_reason reason) { return reasons[reason]; }

/* A JSON array of the job's; NULL if there is none. The caller puts it. */
static struct json_object *array_of(const char *text)
{
	struct json_object *array = NULL;

	if (!text || json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &array, NULL, 0, NULL) != ERR_OK)
		return NULL;
	if (json_object_is_type(array, json_type_array))
		return array;
	json_object_put(array);
	return NULL;
}

static size_t length_of(struct json_object *array) { return array ? json_object_array_length(array) : 0; }

static const char *text_at(struct json_object *array, size_t i, const char *pointer)
{
	return json_string_at(json_object_array_get_idx(array, i), pointer);
}

/* ---- Is its vendor done with it? ---- */

enum trace { TRACE_NONE, TRACE_DONE, TRACE_MAY_WORK };

/* What an attempt leaves behind, by its outcome in the history. A vendor that works behind its acknowledgement may be at
 * work after any that we could not use. */
static enum trace trace_of(const struct vendor *vendor, const char *outcome)
{
	static const struct { const char *outcome; enum trace trace; } rows[] = {
		{ "connect_failed", TRACE_NONE },
		{ "timeout", TRACE_MAY_WORK },
		{ "connection_lost", TRACE_MAY_WORK },
		{ "worker_lost", TRACE_MAY_WORK },
		{ "http_504", TRACE_MAY_WORK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (outcome && strcmp(outcome, rows[i].outcome) == 0)
			return rows[i].trace;
	if (vendor && vendor->mode != VENDOR_SYNC && outcome && strncmp(outcome, "http_2", strlen("http_2")) == 0)
		return TRACE_MAY_WORK;
	return TRACE_DONE;
}

/* The last attempt that left a trace tells: a vendor that has answered since is done with what came before. What other
 * vendors did is behind this one's first attempt. */
bool fallback_is_settled(const struct vendor *vendor, const struct job *job)
{
	struct json_object *history = job->attempts > 0 ? array_of(job->history) : NULL;
	enum trace trace = TRACE_NONE;

	for (size_t i = length_of(history); i-- > 0 && trace == TRACE_NONE;) {
		const char *attempt = text_at(history, i, "/attempt");

		trace = trace_of(vendor, text_at(history, i, "/outcome"));
		if (attempt && strcmp(attempt, "1") == 0)
			break;
	}
	json_object_put(history);
	return trace != TRACE_MAY_WORK;
}

enum fallback_reason fallback_reason(const struct vendor *vendor, const struct job *job, enum settled settled)
{
	bool is_settled = settled == SETTLED || (settled == SETTLED_AS_BEFORE && fallback_is_settled(vendor, job));

	return is_settled ? FALLBACK_FAILED : FALLBACK_UNKNOWN;
}

/* ---- The next one ---- */

static bool is_in(struct json_object *tried, const char *vendor)
{
	for (size_t i = 0; i < length_of(tried); i++) {
		const char *name = text_at(tried, i, "/vendor");

		if (name && strcmp(name, vendor) == 0)
			return true;
	}
	return false;
}

bool fallback_has_left(const struct job *job, const char *vendor)
{
	struct json_object *tried = array_of(job->tried);
	bool found = is_in(tried, vendor);

	json_object_put(tried);
	return found;
}

static const struct vendor *first_vendor(const struct vendor_set *vendors, const struct job *job, struct json_object *tried)
{
	const char *name = length_of(tried) ? text_at(tried, 0, "/vendor") : job->vendor;

	return name ? vendor_find(vendors, name) : NULL;
}

const struct vendor *fallback_first(const struct vendor_set *vendors, const struct job *job)
{
	struct json_object *tried = array_of(job->tried);
	const struct vendor *first = first_vendor(vendors, job, tried);

	json_object_put(tried);
	return first;
}

/* While it was polled its deadline was nearer. */
static int64_t deadline_of(const struct vendor *first, const struct job *job)
{
	int64_t deadline = first ? job->created_at + first->deadline_ms : 0;

	return deadline > job->deadline_at ? deadline : job->deadline_at;
}

const struct vendor *fallback_next(const struct vendor_set *vendors, const struct job *job, enum fallback_reason reason,
                                   int64_t now)
{
	struct json_object *tried = array_of(job->tried);
	const struct vendor *first = first_vendor(vendors, job, tried), *next = NULL;

	if (first && first->fallback.on & FALLBACK_BIT(reason) && now < deadline_of(first, job))
		for (char **name = first->fallback.vendors; *name && !next; name++) {
			next = vendor_find(vendors, *name);
			if (next && (strcmp(next->name, job->vendor) == 0 || is_in(tried, next->name)))
				next = NULL;
		}
	json_object_put(tried);
	return next;
}

const struct vendor *fallback_of_queued(const struct vendor_set *vendors, const struct job *job,
                                        enum fallback_reason reason, int64_t now)
{
	if (!fallback_is_settled(vendor_find(vendors, job->vendor), job) && !fallback_next(vendors, job, FALLBACK_UNKNOWN, now))
		return NULL;
	return fallback_next(vendors, job, reason, now);
}

const struct vendor *fallback_of_outcome(const struct vendor_set *vendors, const struct vendor *vendor, const struct job *job,
                                         const struct outcome *outcome, int64_t now, enum fallback_reason *reason)
{
	const struct vendor *first;

	*reason = fallback_reason(vendor, job, outcome->settled);
	if (outcome->kind == OUTCOME_FAILED)
		return fallback_next(vendors, job, *reason, now);
	if ((outcome->kind != OUTCOME_RETURNED && outcome->kind != OUTCOME_RETRY) || outcome->hold_ms == 0)
		return NULL;
	first = fallback_first(vendors, job);
	if (!first || outcome->hold_ms <= first->fallback.after_ms ||
	    (*reason == FALLBACK_UNKNOWN && !fallback_next(vendors, job, FALLBACK_UNKNOWN, now)))
		return NULL;
	*reason = FALLBACK_EXHAUSTED;
	return fallback_next(vendors, job, *reason, now);
}

/* ---- The change ---- */

static char *tried_entry(const struct job *job, enum fallback_reason reason, const struct job_change *change)
{
	const char *error = change->error ? change->error : job->error;
	char at[CLOCK_TEXT_SIZE];
	struct buffer entry;

	clock_format(change->now, at);
	buffer_init(&entry, ENTRY_BYTES_MAX);
	buffer_append_str(&entry, "{\"vendor\":");
	buffer_append_json_string(&entry, job->vendor, strlen(job->vendor));
	buffer_printf(&entry, ",\"outcome\":\"%s\",\"at\":\"%s\",\"attempts\":%d", fallback_reason_name(reason), at,
	              job->attempts + change->attempts_add);
	if (error && job->attempts + change->attempts_add + (change->error != NULL) > 0) {
		buffer_append_str(&entry, ",\"error\":");
		buffer_append_json_string(&entry, error, strlen(error));
	}
	buffer_append_str(&entry, "}");
	return buffer_take(&entry, NULL);
}

void fallback_to_change(const struct vendor_set *vendors, const struct job *job, const struct vendor *next,
                        enum fallback_reason reason, struct job_change *change, char **entry)
{
	*entry = tried_entry(job, reason, change);
	change->event = EVENT_FALL_BACK;
	change->from = PHASE_BIT(job->phase);
	change->vendor = job->vendor;
	change->to_vendor = next->name;
	change->tried_entry = *entry;
	change->next_attempt_at = change->queued_at = change->now;
	change->due_at = change->deadline_at = deadline_of(fallback_first(vendors, job), job);
	change->attempts_add = 0;
	change->expire_at = 0;
}
