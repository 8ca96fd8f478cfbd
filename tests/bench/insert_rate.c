/* A baseline: how fast a store takes durable batches of new jobs from one connection, with nothing around it.
 *
 *   insert_rate STORE_URI SECONDS       prints one line of JSON, see rate.h
 *
 * The store should be a new one. Batches of 64 jobs with payloads of 1 KiB, as lib/store.h writes them.
 */
#include "new_jobs.h"
#include "rate.h"
#include "store.h"

#include <stdbool.h>
#include <stdio.h>

enum { BATCH = 64, PAYLOAD_BYTES = 1024, TIMEOUT_MS = 5000, SECONDS_MAX = 3600 };

int main(int argc, char **argv)
{
	int seconds = argc == 3 ? rate_argument(argv[2], SECONDS_MAX) : 0;
	const struct new_jobs jobs = { .vendor = "bench", .payload_bytes = PAYLOAD_BYTES };
	char ids[BATCH][UUID_TEXT_SIZE];
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
	while (rate_begin(&rate) && (well = new_jobs_insert(store, &jobs, BATCH, ids, &why) == ERR_OK))
		rate_end(&rate);
	if (well)
		rate_print(&rate, BATCH);
	else
		fprintf(stderr, "insert_rate: %s\n", why.text);
	rate_deinit(&rate);
	store_close(store);
	return well ? 0 : 1;
}
