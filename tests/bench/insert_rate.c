/* A baseline: how fast a store takes durable batches of new jobs from one connection, with nothing around it.
 *
 *   insert_rate STORE_URI SECONDS       prints one line of JSON, see rate.h
 *
 * The store should be a new one. Batches of 64 jobs with payloads of 1 KiB, as lib/store.h writes them.
 */
#include "clock.h"
#include "job.h"
#include "mem.h"
#include "rate.h"
#include "store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, PAYLOAD_BYTES = 1024, TIMEOUT_MS = 5000, DAY_MS = 24 * 3600 * 1000, SECONDS_MAX = 3600 };

/* {"data":"xxx..."} */
static char *payload_new(void)
{
	static const char head[] = "{\"data\":\"", tail[] = "\"}";
	char *text = mem_alloc(PAYLOAD_BYTES + 1);

	memset(text, 'x', PAYLOAD_BYTES);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + PAYLOAD_BYTES - (sizeof(tail) - 1), tail, sizeof(tail));
	return text;
}

/* False: not all of them are stored. */
static bool insert_batch(struct store *store, struct err_text *why)
{
	struct store_insert items[BATCH] = { 0 };
	int64_t now = clock_now_ms();
	enum err err;

	for (size_t i = 0; i < BATCH; i++)
		items[i].job = job_new(now, "bench", payload_new(), now + DAY_MS);
	err = store_insert(store, items, BATCH, why);
	for (size_t i = 0; i < BATCH; i++) {
		if (!err && items[i].outcome)
			err = err_set(why, items[i].outcome, "an item of the batch was not stored");
		job_free(items[i].job);
	}
	return err == ERR_OK;
}

int main(int argc, char **argv)
{
	int seconds = argc == 3 ? rate_argument(argv[2], SECONDS_MAX) : 0;
	struct err_text why = { "" };
	struct store *store = NULL;
	struct rate rate;
	bool well = true;

	if (!seconds) {
		fprintf(stderr, "usage: insert_rate STORE_URI SECONDS\n");
		return 2;
	}
	if (store_open(argv[1], TIMEOUT_MS, &store, &why) != ERR_OK) {
		fprintf(stderr, "insert_rate: %s\n", why.text);
		return 1;
	}
	rate_init(&rate, seconds);
	while (rate_begin(&rate) && (well = insert_batch(store, &why)))
		rate_end(&rate);
	if (well)
		rate_print(&rate, BATCH);
	else
		fprintf(stderr, "insert_rate: %s\n", why.text);
	rate_deinit(&rate);
	store_close(store);
	return well ? 0 : 1;
}
