#include "new_jobs.h"

#include "clock.h"
#include "job.h"
#include "mem.h"

#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000 };

/* {"data":"xxx..."} */
static char *payload_new(size_t bytes)
{
	static const char head[] = "{\"data\":\"", tail[] = "\"}";
	char *text = mem_alloc(bytes + 1);

	memset(text, 'x', bytes);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + bytes - (sizeof(tail) - 1), tail, sizeof(tail));
	return text;
}

enum err new_jobs_insert(struct store *store, const struct new_jobs *jobs, size_t n, char (*ids)[UUID_TEXT_SIZE],
                         struct err_text *why)
{
	struct store_insert items[NEW_JOBS_MAX] = { 0 };
	int64_t now = clock_now_ms();
	enum err err;

	for (size_t i = 0; i < n; i++) {
		items[i].job = job_new(now, jobs->vendor, payload_new(jobs->payload_bytes), now + DAY_MS);
		memcpy(ids[i], items[i].job->request_id, UUID_TEXT_SIZE);
	}
	err = store_insert(store, items, n, why);
	for (size_t i = 0; i < n; i++) {
		if (!err && items[i].outcome)
			err = err_set(why, items[i].outcome, "an item of the batch was not stored");
		job_free(items[i].job);
	}
	return err;
}
