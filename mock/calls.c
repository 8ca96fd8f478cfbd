#include "calls.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { SLOTS = 1 << 22 }; /* of the hash table over ids; twice CALLS_MAX, so that it needs no growing */

struct call {
	int64_t at_us;
	uint32_t id;            /* number of its id + 1; 0: none */
	uint32_t previous;      /* index of the previous call of this id + 1; 0: none */
	uint32_t attempt;
	uint16_t status;
};

struct call_id {
	uint32_t text_at;
	uint32_t last_call;
	uint32_t count;
	uint16_t len;
};

struct kept {
	uint32_t call;
	uint16_t head_len, body_len;
	size_t cap;
	char *bytes;            /* head, then body; owned, reused by the calls that follow */
};

/* The four big arrays are zeroed memory straight from the kernel: what is not used yet costs nothing, and there is no
 * growing that would stop the vendor in the middle of a benchmark. */
struct calls {
	uint32_t round;
	struct call *list;
	struct call_id *ids;
	char *texts;
	uint32_t *slots;        /* number of the id + 1 */
	size_t texts_len;
	struct calls_totals totals;
	struct kept kept[CALLS_KEPT];
};

static void make_arrays(struct calls *calls)
{
	calls->list = mem_calloc(CALLS_MAX, sizeof(calls->list[0]));
	calls->ids = mem_calloc(CALLS_MAX, sizeof(calls->ids[0]));
	calls->texts = mem_calloc(1, CALL_IDS_BYTES);
	calls->slots = mem_calloc(SLOTS, sizeof(calls->slots[0]));
}

static void free_arrays(struct calls *calls)
{
	free(calls->list);
	free(calls->ids);
	free(calls->texts);
	free(calls->slots);
}

struct calls *calls_new(void)
{
	struct calls *calls = mem_calloc(1, sizeof(*calls));

	make_arrays(calls);
	return calls;
}

static void free_kept(struct calls *calls)
{
	for (size_t i = 0; i < CALLS_KEPT; i++)
		free(calls->kept[i].bytes);
	memset(calls->kept, 0, sizeof(calls->kept));
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	free_kept(calls);
	free_arrays(calls);
	free(calls);
}

void calls_reset(struct calls *calls)
{
	free_kept(calls);
	free_arrays(calls);
	make_arrays(calls);
	calls->texts_len = 0;
	calls->totals = (struct calls_totals){ 0 };
	calls->round++;
}

/* The slot that holds this id, or the empty one where it belongs. Linear probing; at most half of the slots is used. */
static uint32_t *find_slot(const struct calls *calls, const char *id, size_t len)
{
	uint64_t at = hash_bytes(id, len);

	for (;; at++) {
		uint32_t *slot = &calls->slots[at & (SLOTS - 1)];
		const struct call_id *found = *slot ? &calls->ids[*slot - 1] : NULL;

		if (!found || (found->len == len && memcmp(calls->texts + found->text_at, id, len) == 0))
			return slot;
	}
}

/* The number of the id + 1, made if new; 0 if there is no room. */
static uint32_t intern(struct calls *calls, const char *id, size_t len)
{
	uint32_t *slot = find_slot(calls, id, len);

	if (*slot)
		return *slot;
	if (calls->texts_len + len > CALL_IDS_BYTES)
		return 0;
	memcpy(calls->texts + calls->texts_len, id, len);
	calls->ids[calls->totals.distinct_ids] = (struct call_id){ .text_at = (uint32_t)calls->texts_len,
	                                                           .len = (uint16_t)len };
	calls->texts_len += len;
	return *slot = (uint32_t)++calls->totals.distinct_ids;
}

struct call_ref calls_add(struct calls *calls, int64_t at_us, const char *id, size_t id_len, uint32_t *attempt)
{
	uint32_t index = (uint32_t)calls->totals.recorded;
	struct call *call = &calls->list[index];
	struct call_id *entry;

	*attempt = 0;
	if (index == CALLS_MAX) {
		calls->totals.dropped++;
		return (struct call_ref){ CALL_NONE, calls->round };
	}
	calls->totals.recorded++;
	*call = (struct call){ .at_us = at_us };
	if (id_len)
		call->id = intern(calls, id, id_len < CALL_ID_MAX ? id_len : CALL_ID_MAX);
	if (call->id) {
		entry = &calls->ids[call->id - 1];
		call->previous = entry->count ? entry->last_call + 1 : 0;
		entry->last_call = index;
		*attempt = call->attempt = ++entry->count;
		calls->totals.repeated_ids += entry->count == 2;
	}
	return (struct call_ref){ index, calls->round };
}

void calls_keep(struct calls *calls, struct call_ref ref, const char *head, size_t head_len, const char *body,
                size_t body_len)
{
	struct kept *kept = &calls->kept[ref.index % CALLS_KEPT];
	size_t needed;

	if (ref.index == CALL_NONE)
		return;
	kept->call = ref.index;
	kept->head_len = (uint16_t)(head_len < CALL_KEPT_BYTES ? head_len : CALL_KEPT_BYTES);
	kept->body_len = (uint16_t)(body_len < CALL_KEPT_BYTES ? body_len : CALL_KEPT_BYTES);
	needed = (size_t)kept->head_len + kept->body_len;
	if (kept->cap < needed || !kept->bytes) {
		free(kept->bytes);
		kept->cap = needed < 512 ? 512 : needed;
		kept->bytes = mem_alloc(kept->cap);
	}
	memcpy(kept->bytes, head, kept->head_len);
	memcpy(kept->bytes + kept->head_len, body, kept->body_len);
}

void calls_set_status(struct calls *calls, struct call_ref ref, int status)
{
	if (ref.index != CALL_NONE && ref.round == calls->round)
		calls->list[ref.index].status = (uint16_t)status;
}

struct calls_totals calls_totals(const struct calls *calls)
{
	return calls->totals;
}

/* A call's members, without the closing brace. n counts from 1. */
static void add_call(const struct calls *calls, uint32_t index, struct buf *out)
{
	const struct call *call = &calls->list[index];
	const struct call_id *id = call->id ? &calls->ids[call->id - 1] : NULL;

	buf_addf(out, "{\"n\":%u,\"at_us\":%lld,\"id\":", index + 1, (long long)call->at_us);
	if (id)
		buf_add_json(out, calls->texts + id->text_at, id->len);
	else
		buf_add_str(out, "null");
	buf_addf(out, ",\"status\":%u,\"attempt\":%u", call->status, call->attempt);
}

/* "name: value" lines, the first line (the request line) left out. */
static void add_headers(const char *head, size_t len, struct buf *out)
{
	const char *end = head + len, *at = memchr(head, '\n', len);
	const char *between = "";

	buf_add_str(out, "{");
	while (at && ++at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		const char *stop = eol ? eol - 1 : end;
		const char *colon = stop > at ? memchr(at, ':', (size_t)(stop - at)) : NULL;

		if (colon) {
			const char *value = colon + 1;

			while (value < stop && (*value == ' ' || *value == '\t'))
				value++;
			buf_add_str(out, between);
			buf_add_json(out, at, (size_t)(colon - at));
			buf_add_str(out, ":");
			buf_add_json(out, value, (size_t)(stop - value));
			between = ",";
		}
		at = eol;
	}
	buf_add_str(out, "}");
}

/* Method, target and version as they came. */
static void add_request_line(const char *head, size_t len, struct buf *out)
{
	const char *eol = memchr(head, '\r', len);

	buf_add_json(out, head, eol ? (size_t)(eol - head) : len);
}

static void add_kept(const struct calls *calls, uint32_t index, struct buf *out)
{
	const struct kept *kept = &calls->kept[index % CALLS_KEPT];

	if (!kept->bytes || kept->call != index)
		return;
	buf_add_str(out, ",\"request\":");
	add_request_line(kept->bytes, kept->head_len, out);
	buf_add_str(out, ",\"headers\":");
	add_headers(kept->bytes, kept->head_len, out);
	buf_add_str(out, ",\"body\":");
	buf_add_json(out, kept->bytes + kept->head_len, kept->body_len);
}

void calls_list(const struct calls *calls, uint64_t offset, uint64_t limit, struct buf *out)
{
	buf_add_str(out, "[");
	for (uint64_t i = offset; i < calls->totals.recorded && i - offset < limit; i++) {
		if (i > offset)
			buf_add_str(out, ",");
		add_call(calls, (uint32_t)i, out);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]");
}

void calls_list_id(const struct calls *calls, const char *id, size_t id_len, uint64_t limit, struct buf *out)
{
	uint32_t slot = *find_slot(calls, id, id_len), count = 0, *found;

	buf_add_str(out, "[");
	if (slot && limit) {
		count = calls->ids[slot - 1].count < limit ? calls->ids[slot - 1].count : (uint32_t)limit;
		found = mem_calloc(count, sizeof(*found));
		found[count - 1] = calls->ids[slot - 1].last_call;
		for (uint32_t i = count - 1; i > 0; i--)
			found[i - 1] = calls->list[found[i]].previous - 1;
		for (uint32_t i = 0; i < count; i++) {
			buf_add_str(out, i ? "," : "");
			add_call(calls, found[i], out);
			add_kept(calls, found[i], out);
			buf_add_str(out, "}");
		}
		free(found);
	}
	buf_add_str(out, "]");
}
