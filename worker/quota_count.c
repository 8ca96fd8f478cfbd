#include "quota_count.h"

#include "log.h"

/* AHEAD_MS in queue_limits.lua knows of it. */
enum { RESERVE_MS = 1000, ITEMS_MAX = STORE_BATCH_MAX };

struct adding {
	struct store *store;
	struct quota_slot item;            /* what is being added, without its end */
	struct quota_slot items[ITEMS_MAX];
	size_t n;
	enum err err;
	struct err_text *why;
};

static void write_items(struct adding *adding)
{
	if (adding->n && adding->err == ERR_OK)
		adding->err = store_quota_add(adding->store, adding->items, adding->n, adding->why);
	adding->n = 0;
}

static void add_item(void *arg, int64_t until)
{
	struct adding *adding = arg;

	if (adding->n == ITEMS_MAX)
		write_items(adding);
	adding->items[adding->n] = adding->item;
	adding->items[adding->n++].until = until;
}

/* Adds to the slots of each window of the vendor that is a quota. */
static void add(struct adding *adding, const struct vendor *vendor, const struct quota_span *span, int64_t count)
{
	for (size_t i = 0; i < vendor->n_limits; i++) {
		if (!vendor_counts_limit(vendor, i))
			continue;
		adding->item = (struct quota_slot){ .vendor = vendor_account(vendor), .per_ms = vendor->limits[i].per_ms, .count = count };
		quota_each_slot(vendor, vendor->limits[i].per_ms, span, add_item, adding);
	}
}

/* ---- Grants ---- */

/* What is reserved may be lost with the worker: no more than a slot's share of the smallest quota. So small quotas
 * are counted exactly. */
static int64_t reserve_max(const struct vendor *vendor)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < vendor->n_limits; i++)
		if (limit_is_quota(&vendor->limits[i]) && limit_in_calls(&vendor->limits[i]) < least)
			least = limit_in_calls(&vendor->limits[i]);
	return least / QUOTA_SLOTS;
}

/* Twice what was granted since the last write, unless that is long ago: so it grows with the calls. */
static int64_t reserve_for(const struct quota_reserve *reserve, const struct vendor *vendor, int64_t granted_at)
{
	int64_t most = reserve_max(vendor);

	if (granted_at - reserve->written_at > 2 * RESERVE_MS)
		return 0;
	return 2 * reserve->granted < most ? 2 * reserve->granted : most;
}

static void count_take(struct adding *adding, struct lane *lane, const struct queue_take *take)
{
	struct quota_reserve *reserve = &lane->quota;
	int64_t granted_at = take->granted_us / 1000 + 1, leave_by = granted_at + take->guard_ms, ahead;

	reserve->granted += take->n;
	if (take->n <= reserve->left && leave_by <= reserve->span.until) {
		reserve->left -= take->n;
		return;
	}
	ahead = reserve_for(reserve, lane->vendor, granted_at);
	if (reserve->left > 0)
		add(adding, lane->vendor, &reserve->span, -reserve->left);
	*reserve = (struct quota_reserve){ .span = { granted_at - 1, leave_by + (ahead ? RESERVE_MS : 0) }, .left = ahead,
	                                   .written_at = granted_at };
	add(adding, lane->vendor, &reserve->span, take->n + ahead);
}

static bool is_counted(const struct lane *lane, const struct queue_take *take)
{
	return take->outcome == ERR_OK && take->n > 0 && vendor_has_quota(lane->vendor);
}

enum err quota_count_grants(struct store *store, struct lane *const *lanes, const struct queue_take *takes, int n,
                            struct err_text *why)
{
	struct adding adding = { .store = store, .n = 0, .err = ERR_OK, .why = why };

	for (int i = 0; i < n; i++)
		if (is_counted(lanes[i], &takes[i]))
			count_take(&adding, lanes[i], &takes[i]);
	write_items(&adding);
	/* What was written and what taken back is not known: neither may be used, or taken back again. */
	for (int i = 0; i < n && adding.err != ERR_OK; i++)
		if (is_counted(lanes[i], &takes[i]))
			lanes[i]->quota.left = 0;
	return adding.err;
}

void quota_count_unused(struct lane *lane)
{
	if (vendor_has_quota(lane->vendor))
		lane->quota.left++;
}

/* ---- Calls that did not leave ---- */

void quota_count_take_back(struct store *store, const struct quota_unsent *calls, size_t n)
{
	struct err_text why = { "" };
	struct adding adding = { .store = store, .n = 0, .err = ERR_OK, .why = &why };

	for (size_t i = 0; i < n; i++)
		add(&adding, calls[i].vendor, &calls[i].span, -1);
	write_items(&adding);
	if (adding.err != ERR_OK)
		log_info("quota: calls that did not leave stay counted calls=%zu error=\"%s\"", n, why.text);
}
