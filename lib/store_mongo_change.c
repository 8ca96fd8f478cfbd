/* Claim and change: every write that moves a job from phase to phase, guarded by the transition table.
 *
 * How a batch of changes learns which of its items matched, exactly and in one round trip: MongoDB answers a
 * bulk of updates with totals, not per item, but it answers errors per item. So each update is an upsert whose
 * insert cannot succeed: its $setOnInsert makes _id an array, which no MongoDB version allows. An item whose
 * guards match is updated and $setOnInsert plays no part; an item whose guards do not match (job gone, other
 * phase, other fence) would be inserted, and gets error 53 (InvalidIdField) instead, or 11000 from the unique
 * requestId. Nothing is ever inserted. Reading the jobs back by a stamp instead would be wrong for a job that
 * somebody else moved on in between.
 *
 * Both find jobs by their ids. That other guards have indexes, too, is nothing for the server to think about: a hint.
 */
#include "store_mongo_priv.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static void append_element(bson_t *array, uint32_t i, const char *text)
{
	char digits[16];
	const char *key;

	bson_uint32_to_string(i, &key, digits, sizeof(digits));
	BSON_APPEND_UTF8(array, key, text);
}

/* ---- Claim ---- */

struct claim {
	struct mongo_call call;
	mongoc_collection_t *jobs;
	struct store_claim *items;
	size_t n;
	int64_t now;
	int64_t lease_until;
	char claim_id[UUID_TEXT_SIZE];
	bool answer_lost;   /* the update may or may not have been done */
};

/* "": whoever's. */
static const char *vendor_of(const struct store_claim *item) { return item->vendor ? item->vendor : ""; }

static bool is_of(const struct store_claim *item, const char *vendor) { return strcmp(vendor_of(item), vendor) == 0; }

static bool is_named_before(const struct claim *claim, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_of(&claim->items[k], vendor_of(&claim->items[i])))
			return true;
	return false;
}

static bool is_of_one_vendor(const struct claim *claim)
{
	for (size_t i = 1; i < claim->n; i++)
		if (!is_of(&claim->items[i], vendor_of(&claim->items[0])))
			return false;
	return true;
}

/* "requestId": {"$in": [the items that have no job yet]}; with a vendor only its */
static void append_ids(bson_t *filter, const struct claim *claim, const char *vendor)
{
	bson_t in, list;
	uint32_t count = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "requestId", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (size_t i = 0; i < claim->n; i++)
		if (!claim->items[i].job && (!vendor || is_of(&claim->items[i], vendor)))
			append_element(&list, count++, claim->items[i].request_id);
	bson_append_array_end(&in, &list);
	bson_append_document_end(filter, &in);
}

/* Each id is to be of the vendor that its item names. Nearly always that is one for all. */
static void append_vendors(bson_t *filter, const struct claim *claim)
{
	bson_t any_of, one;
	uint32_t count = 0;
	char digits[16];
	const char *key;

	if (is_of_one_vendor(claim)) {
		if (claim->items[0].vendor)
			BSON_APPEND_UTF8(filter, "vendor", claim->items[0].vendor);
		return;
	}
	BSON_APPEND_ARRAY_BEGIN(filter, "$or", &any_of);
	for (size_t i = 0; i < claim->n; i++) {
		if (is_named_before(claim, i))
			continue;
		bson_uint32_to_string(count++, &key, digits, sizeof(digits));
		BSON_APPEND_DOCUMENT_BEGIN(&any_of, key, &one);
		append_ids(&one, claim, vendor_of(&claim->items[i]));
		if (claim->items[i].vendor)
			BSON_APPEND_UTF8(&one, "vendor", claim->items[i].vendor);
		bson_append_document_end(&any_of, &one);
	}
	bson_append_array_end(filter, &any_of);
}

/* "phase": {"$in": [the phases of the mask]} */
static void append_phases(bson_t *filter, unsigned mask)
{
	bson_t phase, list;
	uint32_t count = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "phase", &phase);
	BSON_APPEND_ARRAY_BEGIN(&phase, "$in", &list);
	for (uint32_t i = 0; i < PHASE_COUNT; i++)
		if (mask & PHASE_BIT(i))
			append_element(&list, count++, phase_name((enum phase)i));
	bson_append_array_end(&phase, &list);
	bson_append_document_end(filter, &phase);
}

static void append_claim_guards(bson_t *filter, const struct claim *claim, const struct job_transition *row)
{
	bson_t at, not;

	append_phases(filter, row->from);
	/* "not later than": a job without the field may run at once. */
	BSON_APPEND_DOCUMENT_BEGIN(filter, "nextAttemptAt", &at);
	BSON_APPEND_DOCUMENT_BEGIN(&at, "$not", &not);
	BSON_APPEND_DATE_TIME(&not, "$gt", claim->now);
	bson_append_document_end(&at, &not);
	bson_append_document_end(filter, &at);
	BSON_APPEND_DOCUMENT_BEGIN(filter, "deadlineAt", &at);
	BSON_APPEND_DATE_TIME(&at, "$gt", claim->now);
	bson_append_document_end(filter, &at);
}

static void append_claim_update(bson_t *update, const struct claim *claim, const struct job_transition *row)
{
	bson_t part;

	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &part);
	BSON_APPEND_UTF8(&part, "phase", phase_name(row->to));
	BSON_APPEND_UTF8(&part, "status", status_name((enum status)row->status));
	BSON_APPEND_UTF8(&part, "claimId", claim->claim_id);
	BSON_APPEND_DATE_TIME(&part, "dueAt", claim->lease_until);
	BSON_APPEND_DATE_TIME(&part, "updatedAt", claim->now);
	bson_append_document_end(update, &part);
	BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &part);
	BSON_APPEND_INT64(&part, "fence", 1);
	bson_append_document_end(update, &part);
	BSON_APPEND_DOCUMENT_BEGIN(update, "$unset", &part);
	BSON_APPEND_BOOL(&part, "nextAttemptAt", true);
	BSON_APPEND_BOOL(&part, "queuedAt", true);
	bson_append_document_end(update, &part);
}

/* After a connection that broke, a primary that stepped down in the middle or a majority that was too slow, the update
 * may be done in part: then what carries our claim id, read from a majority, tells. Only without a server it was not
 * sent at all. *n: so many were claimed. */
static enum err stamp(struct claim *claim, enum job_event event, size_t *n, struct err_text *why)
{
	const struct job_transition *row = job_transition(event);
	bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, opts = BSON_INITIALIZER, reply;
	bson_error_t error = { 0 };
	enum err err = ERR_OK;
	bson_iter_t count;

	append_ids(&filter, claim, NULL);
	append_vendors(&filter, claim);
	append_claim_guards(&filter, claim, row);
	append_claim_update(&update, claim, row);
	BSON_APPEND_BOOL(&opts, "validate", false);
	BSON_APPEND_UTF8(&opts, "hint", INDEX_ID);
	if (!mongoc_collection_update_many(claim->jobs, &filter, &update, &opts, &reply, &error)) {
		err = mongo_failed(why, "claim", &error);
		claim->answer_lost = error.domain != MONGOC_ERROR_SERVER_SELECTION;
	} else if (bson_iter_init_find(&count, &reply, "modifiedCount")) {
		*n = (size_t)bson_iter_as_int64(&count);
	}
	bson_destroy(&reply);
	bson_destroy(&filter);
	bson_destroy(&update);
	bson_destroy(&opts);
	return claim->answer_lost ? ERR_OK : err;
}

/* Those to be called first; a second command only if there are others. What the first has claimed is claimed, whatever
 * becomes of the second. */
static enum err stamp_all(struct claim *claim, struct err_text *why)
{
	size_t n = 0, n_polls;
	enum err err = stamp(claim, EVENT_CLAIM, &n, why);

	if (err == ERR_OK && !claim->answer_lost && n < claim->n && stamp(claim, EVENT_CLAIM_POLL, &n_polls, why) != ERR_OK)
		claim->answer_lost = true;
	return err;
}

static void give_job(struct claim *claim, const bson_t *doc)
{
	struct job *job = mongo_job_from_bson(doc);

	for (size_t i = 0; i < claim->n; i++)
		if (!claim->items[i].job && strcmp(claim->items[i].request_id, job->request_id) == 0) {
			claim->items[i].job = job;
			claim->items[i].outcome = ERR_OK;
			return;
		}
	job_free(job);
}

/* The jobs that carry our claim id. */
static enum err fetch_claimed(struct claim *claim, struct err_text *why)
{
	bson_t *filter = bson_new();
	mongoc_cursor_t *cursor;
	bson_error_t error;
	enum err err = ERR_OK;
	const bson_t *doc;

	append_ids(filter, claim, NULL);
	BSON_APPEND_UTF8(filter, "claimId", claim->claim_id);
	append_phases(filter, PHASE_BIT(job_transition(EVENT_CLAIM)->to) | PHASE_BIT(job_transition(EVENT_CLAIM_POLL)->to));
	cursor = mongo_find(&claim->call, claim->jobs, filter, NULL);
	while (mongoc_cursor_next(cursor, &doc))
		give_job(claim, doc);
	if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "find claimed jobs", &error);
	mongoc_cursor_destroy(cursor);
	return err;
}

/* Why the job of this document was not claimed. If it looks as if it could have been, nobody knows: the update is not
 * done, or it is and a majority does not show it yet (its answer was lost, or the primary is a new one). */
static void classify(struct store_claim *item, const bson_t *doc, const struct claim *claim)
{
	struct job *job = mongo_job_from_bson(doc);

	item->outcome = ERR_STALE;
	if (phase_is_enqueued(job->phase) && job->deadline_at > claim->now && (!item->vendor || (job->vendor && is_of(item, job->vendor)))) {
		if (job->next_attempt_at > claim->now) {
			item->outcome = ERR_NOT_DUE;
			item->not_before = job->next_attempt_at;
		} else {
			item->outcome = ERR_UNAVAILABLE;
		}
	}
	job_free(job);
}

/* Finds out about the items that were not claimed. An id twice in the batch finds its job taken by the other:
 * stale. */
static enum err classify_rest(struct claim *claim, struct err_text *why)
{
	bson_t *filter = bson_new(), *opts = bson_new(), projection;
	mongoc_cursor_t *cursor;
	const char *request_id;
	bson_error_t error;
	enum err err = ERR_OK;
	const bson_t *doc;
	bson_iter_t id;

	append_ids(filter, claim, NULL);
	BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &projection);
	BSON_APPEND_INT32(&projection, "requestId", 1);
	BSON_APPEND_INT32(&projection, "vendor", 1);
	BSON_APPEND_INT32(&projection, "phase", 1);
	BSON_APPEND_INT32(&projection, "nextAttemptAt", 1);
	BSON_APPEND_INT32(&projection, "deadlineAt", 1);
	bson_append_document_end(opts, &projection);
	cursor = mongo_find(&claim->call, claim->jobs, filter, opts);
	while (mongoc_cursor_next(cursor, &doc)) {
		if (!bson_iter_init_find(&id, doc, "requestId") || !BSON_ITER_HOLDS_UTF8(&id))
			continue;
		request_id = bson_iter_utf8(&id, NULL);
		for (size_t i = 0; i < claim->n; i++)
			if (!claim->items[i].job && strcmp(claim->items[i].request_id, request_id) == 0)
				classify(&claim->items[i], doc, claim);
	}
	if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "find jobs not claimed", &error);
	mongoc_cursor_destroy(cursor);
	return err;
}

static bool all_claimed(const struct claim *claim)
{
	for (size_t i = 0; i < claim->n; i++)
		if (!claim->items[i].job)
			return false;
	return true;
}

static enum err run_claim(struct claim *claim, struct err_text *why)
{
	enum err err = stamp_all(claim, why);

	/* After a lost answer why keeps what was lost first. */
	if (err == ERR_OK)
		err = mongo_call_check(&claim->call, claim->answer_lost ? NULL : why);
	if (err == ERR_OK)
		err = fetch_claimed(claim, claim->answer_lost ? NULL : why);
	if (err != ERR_OK || all_claimed(claim))
		return err;
	/* What is claimed is claimed: if the reasons of the others cannot be had, only they are unavailable. */
	if (mongo_call_check(&claim->call, NULL) != ERR_OK || classify_rest(claim, NULL) != ERR_OK)
		for (size_t i = 0; i < claim->n; i++)
			if (!claim->items[i].job)
				claim->items[i].outcome = ERR_UNAVAILABLE;
	return ERR_OK;
}

enum err mongo_claim(struct store *store, struct store_claim *items, size_t n, int64_t now, int64_t lease_until,
                     struct err_text *why)
{
	struct claim claim = { .items = items, .n = n, .now = now, .lease_until = lease_until };
	enum err err;

	if (n == 0)
		return ERR_OK;
	for (size_t i = 0; i < n; i++) {
		items[i].job = NULL;
		items[i].not_before = 0;
		items[i].outcome = ERR_NOT_FOUND;
	}
	err = mongo_call_begin(store, &claim.call, why);
	if (err == ERR_OK) {
		uuid_new(clock_now_ms(), claim.claim_id);
		claim.jobs = mongo_collection(&claim.call, COLLECTION_JOBS);
		err = run_claim(&claim, why);
		mongoc_collection_destroy(claim.jobs);
		mongo_call_end(&claim.call);
	}
	for (size_t i = 0; i < n && err != ERR_OK; i++) {
		job_free(items[i].job);
		items[i].job = NULL;
		items[i].outcome = ERR_UNAVAILABLE;
	}
	return err;
}

/* ---- Change ---- */

static void append_guards(bson_t *filter, const struct job_change *change, const struct job_transition *row)
{
	BSON_APPEND_UTF8(filter, "requestId", change->request_id);
	append_phases(filter, change->from ? row->from & change->from : row->from);
	if (change->fence != FENCE_ANY)
		BSON_APPEND_INT64(filter, "fence", change->fence);
	if (change->vendor)
		BSON_APPEND_UTF8(filter, "vendor", change->vendor);
	if (change->queued_at_guard)
		BSON_APPEND_DATE_TIME(filter, "queuedAt", change->queued_at_guard);
}

/* Sets an instant, or clears it if it is 0. */
static void set_or_clear(bson_t *set, bson_t *unset, const char *field, int64_t at)
{
	if (at)
		BSON_APPEND_DATE_TIME(set, field, at);
	else
		BSON_APPEND_BOOL(unset, field, true);
}

/* Nothing of its old vendor stays but what is said in tried. */
static void go_to_other(bson_t *set, bson_t *unset, const struct job_change *change)
{
	if (change->to_vendor)
		BSON_APPEND_UTF8(set, "vendor", change->to_vendor);
	BSON_APPEND_INT32(set, "attempts", 0);
	BSON_APPEND_BOOL(unset, "vendorJobIds", true);
	BSON_APPEND_BOOL(unset, "poll", true);
	BSON_APPEND_BOOL(unset, "pollText", true);
}

/* What is written depends on where the row leads; see struct job_change. */
static void fill_set(bson_t *set, bson_t *unset, const struct job_change *change, const struct job_transition *row,
                     const char *raw_key)
{
	bool enqueued = phase_is_enqueued(row->to), to_done = row->to == PHASE_DONE;
	bson_t ids;

	BSON_APPEND_UTF8(set, "phase", phase_name(row->to));
	BSON_APPEND_BOOL(unset, "claimId", true);
	if (row->status >= 0)
		BSON_APPEND_UTF8(set, "status", status_name((enum status)row->status));
	BSON_APPEND_DATE_TIME(set, "updatedAt", change->now);
	set_or_clear(set, unset, "nextAttemptAt", enqueued ? change->next_attempt_at : 0);
	set_or_clear(set, unset, "queuedAt", enqueued ? change->queued_at : 0);
	set_or_clear(set, unset, "dueAt", to_done ? 0 : change->due_at);
	mongo_append_at(set, "deadlineAt", change->deadline_at);
	if (to_done) {
		BSON_APPEND_DATE_TIME(set, "completedAt", change->now);
		mongo_append_at(set, "expireAt", change->expire_at);
	}
	if (change->error)
		BSON_APPEND_UTF8(set, "error", change->error);
	else if (row->clears_error)
		BSON_APPEND_BOOL(unset, "error", true);
	if (change->event == EVENT_SUCCEED && change->result)
		mongo_append_json(set, "result", "resultText", change->result);
	if (row->to_other) {
		go_to_other(set, unset, change);
		return;
	}
	if (change->poll)
		mongo_append_json(set, "poll", "pollText", change->poll);
	if (change->vendor_job_id) {
		BSON_APPEND_ARRAY_BEGIN(set, "vendorJobIds", &ids);
		BSON_APPEND_UTF8(&ids, "0", change->vendor_job_id);
		bson_append_array_end(set, &ids);
	}
	if (raw_key[0])
		BSON_APPEND_UTF8(set, "rawKey", raw_key);
}

static void append_numbers(bson_t *update, const struct job_change *change, const struct job_transition *row)
{
	bson_t part;

	if (!row->to_other && !change->attempts_add)
		return;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &part);
	if (row->to_other)
		BSON_APPEND_INT64(&part, "fence", 1);
	else
		BSON_APPEND_INT32(&part, "attempts", change->attempts_add);
	bson_append_document_end(update, &part);
}

static void append_entries(bson_t *update, const struct job_change *change, const struct job_transition *row)
{
	const char *tried = row->to_other ? change->tried_entry : NULL;
	bson_t part;

	if (!change->history_entry && !tried)
		return;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$push", &part);
	if (change->history_entry)
		mongo_append_history_entry(&part, "history", change->history_entry, strlen(change->history_entry));
	if (tried)
		mongo_append_history_entry(&part, "tried", tried, strlen(tried));
	bson_append_document_end(update, &part);
}

static void append_update(bson_t *update, const struct job_change *change, const struct job_transition *row,
                          const char *raw_key)
{
	bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER, part, impossible;

	fill_set(&set, &unset, change, row, raw_key);
	BSON_APPEND_DOCUMENT(update, "$set", &set);
	BSON_APPEND_DOCUMENT(update, "$unset", &unset);
	bson_destroy(&set);
	bson_destroy(&unset);
	append_numbers(update, change, row);
	append_entries(update, change, row);
	BSON_APPEND_DOCUMENT_BEGIN(update, "$setOnInsert", &part);
	BSON_APPEND_ARRAY_BEGIN(&part, "_id", &impossible);
	bson_append_array_end(&part, &impossible);
	bson_append_document_end(update, &part);
}

/* Adds one change to the bulk; false if it has its answer already. raw_key: of its raw answer, or "". */
static bool add_change(mongoc_bulk_operation_t *bulk, struct job_change *change, const char *raw_key, const bson_t *opts)
{
	const struct job_transition *row = job_transition(change->event);
	bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER;
	bool added = false;

	change->outcome = ERR_OK;
	if (change->fence == FENCE_ANY && !row->any_fence) {
		change->outcome = ERR_STALE;
	} else if ((change->result && strlen(change->result) > STORE_TEXT_MAX) ||
	           (change->raw && change->raw->body_len > STORE_TEXT_MAX)) {
		change->outcome = ERR_TOO_BIG;
	} else {
		append_guards(&filter, change, row);
		append_update(&update, change, row, raw_key);
		/* The driver would drop the rest of the batch. */
		if (filter.len + update.len > MONGO_DOCUMENT_MAX)
			change->outcome = ERR_TOO_BIG;
		else
			added = mongoc_bulk_operation_update_one_with_opts(bulk, &filter, &update, opts, NULL);
		if (!added && change->outcome == ERR_OK)
			change->outcome = ERR_UNAVAILABLE;   /* the driver refuses it */
	}
	bson_destroy(&filter);
	bson_destroy(&update);
	return added;
}

static enum err outcome_of(const struct job_change *change, int code)
{
	if (code == 0)
		return ERR_OK;
	if (code == MONGO_CODE_INVALID_ID_FIELD || code == MONGO_CODE_DUPLICATE_KEY)
		return ERR_STALE;
	return mongo_item_refused(job_transition(change->event)->name, change->request_id, code);
}

static enum err run_changes(const struct mongo_call *call, struct job_change *items, size_t n,
                            const struct mongo_raw_keys *raw, struct err_text *why)
{
	mongoc_collection_t *jobs = mongo_collection(call, COLLECTION_JOBS);
	mongoc_bulk_operation_t *bulk = mongo_bulk_new(jobs);
	size_t *index = mem_calloc(n, sizeof(*index));
	int *codes = mem_calloc(n, sizeof(*codes));
	bson_t opts = BSON_INITIALIZER;
	enum err err = ERR_OK;
	size_t added = 0;

	BSON_APPEND_BOOL(&opts, "upsert", true);
	BSON_APPEND_BOOL(&opts, "validate", false);
	BSON_APPEND_UTF8(&opts, "hint", INDEX_ID);
	for (size_t i = 0; i < n; i++)
		if (add_change(bulk, &items[i], raw->texts ? raw->texts[i] : "", &opts))
			index[added++] = i;
	if (added > 0)
		err = mongo_bulk_run(bulk, "change jobs", codes, added, why);
	else
		mongoc_bulk_operation_destroy(bulk);
	for (size_t i = 0; i < added && err == ERR_OK; i++)
		items[index[i]].outcome = outcome_of(&items[index[i]], codes[i]);
	bson_destroy(&opts);
	free(index);
	free(codes);
	mongoc_collection_destroy(jobs);
	return err;
}

enum err mongo_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	struct mongo_raw_keys raw;
	struct mongo_call call;
	enum err err;

	if (n == 0)
		return ERR_OK;
	err = mongo_call_begin(store, &call, why);
	if (err == ERR_OK) {
		err = mongo_raw_begin(&call, items, n, &raw, why);
		if (err == ERR_OK)
			err = run_changes(&call, items, n, &raw, why);
		mongo_raw_end(&call, items, err == ERR_OK, &raw);
		mongo_call_end(&call);
	}
	for (size_t i = 0; i < n && err != ERR_OK; i++)
		items[i].outcome = ERR_UNAVAILABLE;
	return err;
}
