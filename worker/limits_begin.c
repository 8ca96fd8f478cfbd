#include "limits_begin.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* SINCE_SPARE_MS: so much older slots than count are read, since our clock may be ahead of Redis TIME. FIRST_START_MS: so long
 * has a worker that put a new vendor on record to start its limiter from nothing. Another one, woken by the same job, finds it on
 * record, and must not be faster, or that job waits for a whole window. */
enum { TRY_AGAIN_MS = 250, SINCE_SPARE_MS = 60000, FIRST_START_MS = 250 };

static void keep_ticket(struct lane *lane, const char *ticket)
{
	struct limits_start *start = &lane->limits_start;

	if (strcmp(start->ticket, ticket) == 0)
		return;
	memcpy(start->ticket, ticket, sizeof(start->ticket));
	start->seen_mono_ms = clock_mono_ms();
}

/* Whose calls the limiter counts: the i-th name under which they are in the store, the account's first; NULL: there is no
 * more. A vendor of a group was counted under its own name before it came into it. */
static const char *counted_name(const struct vendor *vendor, size_t i)
{
	if (i == 0)
		return vendor_account(vendor);
	return vendor->group ? vendor->group->members[i - 1] : NULL;
}

/* Puts all of them on record, also those that are not called yet: who leaves a group is not new. *fresh: none of them was
 * there before. */
static enum err mark_called(struct store *store, const struct vendor *vendor, bool *fresh, struct err_text *why)
{
	const char *name;

	*fresh = true;
	for (size_t i = 0; (name = counted_name(vendor, i)); i++) {
		enum err err = store_mark_called(store, name, why);

		*fresh = *fresh && err == ERR_OK;
		if (err != ERR_OK && err != ERR_EXISTS)
			return err;
	}
	return ERR_OK;
}

/* All slots that can still count, of all quotas of one name. */
static enum err read_quotas_of(struct store *store, const char *name, const struct vendor *vendor, struct quota_slot **slots,
                               size_t *n, struct err_text *why)
{
	int64_t now = clock_now_ms();
	enum err err = ERR_OK;

	for (size_t i = 0; i < vendor->n_limits && err == ERR_OK; i++) {
		struct quota_slot *some = NULL;
		size_t n_some = 0;

		if (!vendor_counts_limit(vendor, i))
			continue;
		err = store_quota_read(store, name, vendor->limits[i].per_ms,
		                       now - vendor->limits[i].per_ms - SINCE_SPARE_MS, &some, &n_some, why);
		if (n_some) {
			*slots = mem_realloc(*slots, (*n + n_some) * sizeof(**slots));
			memcpy(*slots + *n, some, n_some * sizeof(*some));
			*n += n_some;
		}
		free(some);
	}
	return err;
}

static enum err read_quotas(struct store *store, const struct vendor *vendor, struct quota_slot **slots, size_t *n,
                            struct err_text *why)
{
	enum err err = ERR_OK;
	const char *name;

	for (size_t i = 0; err == ERR_OK && (name = counted_name(vendor, i)); i++)
		err = read_quotas_of(store, name, vendor, slots, n, why);
	return err;
}

/* How old a ticket has to be for a start that is not from nothing. */
static int64_t ticket_age_ms(const struct lane *lane)
{
	return vendor_has_quota(lane->vendor) ? lane->guard_max_ms : FIRST_START_MS;
}

/* The second step. */
static enum err start(struct store *store, struct queue *queue, struct lane *lane, struct queue_begin *begin,
                      bool *store_away, struct err_text *why)
{
	struct quota_slot *slots = NULL;
	enum err err = ERR_OK;

	if (!begin->fresh)
		err = read_quotas(store, lane->vendor, &slots, &begin->n_slots, why);
	*store_away |= err == ERR_UNAVAILABLE;
	begin->slots = slots;
	memcpy(begin->ticket, lane->limits_start.ticket, sizeof(begin->ticket));
	if (err == ERR_OK)
		err = queue_limits_begin(queue, begin, why);
	if (err == ERR_OK && !begin->next_ticket[0] && !begin->fresh)
		log_info("limits: started, Redis is new, was restarted, or did not count all of the account vendor=%s account=%s quota_slots=%zu",
		         lane->name, vendor_account(lane->vendor), begin->n_slots);
	free(slots);
	return err;
}

int64_t limits_begin(struct store *store, struct queue *queue, struct lane *lane, bool *store_away)
{
	struct queue_begin begin = { .vendor = lane->vendor, .guard_max_ms = lane->guard_max_ms };
	struct err_text why = { "" };
	int64_t wait = 0;
	enum err err;

	err = queue_limits_begin(queue, &begin, &why);
	if (err == ERR_OK && begin.next_ticket[0]) {
		keep_ticket(lane, begin.next_ticket);
		/* After the ticket was given: who is the first now was so when it was made. */
		err = mark_called(store, lane->vendor, &begin.fresh, &why);
		*store_away |= err == ERR_UNAVAILABLE;
		if (!begin.fresh)
			wait = lane->limits_start.seen_mono_ms + ticket_age_ms(lane) - clock_mono_ms() + 1;
		if (err == ERR_OK && wait <= 0)
			err = start(store, queue, lane, &begin, store_away, &why);
	}
	if (err != ERR_OK) {
		log_warn("limits: cannot be started vendor=%s error=\"%s\"", lane->name, why.text);
		return TRY_AGAIN_MS;
	}
	return wait > 0 ? wait : 0;
}
