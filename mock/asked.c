#include "asked.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

static const char prefix[] = "mock-";

struct asked_job {
	uint64_t number;        /* 0: none */
	uint64_t seed;
	int64_t since_us;
	int64_t polls;          /* that were told of its state */
	bool fails, lost;
};

struct asked {
	struct asked_job jobs[ASKED_MAX];   /* by number */
};

struct asked *asked_new(void) { return mem_calloc(1, sizeof(struct asked)); }

void asked_free(struct asked *asked) { free(asked); }

void asked_id(uint64_t job, char id[ASKED_ID_MAX])
{
	snprintf(id, ASKED_ID_MAX, "%s%llu", prefix, (unsigned long long)job);
}

void asked_add(struct asked *asked, uint64_t job, uint64_t seed, int64_t now_us, const struct knobs *knobs,
               struct rng *rng)
{
	asked->jobs[job % ASKED_MAX] = (struct asked_job){
		.number = job, .seed = seed, .since_us = now_us,
		.fails = rng_fraction(rng) < knobs->poll_fail_ratio,
		.lost = rng_fraction(rng) < knobs->poll_loss_ratio,
	};
}

/* NULL: there is no such job. */
static struct asked_job *find(struct asked *asked, const char *id, size_t len)
{
	char text[ASKED_ID_MAX], expected[ASKED_ID_MAX];
	struct asked_job *job;

	if (len < sizeof(prefix) || len >= sizeof(text) || memcmp(id, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	memcpy(text, id, len);
	text[len] = '\0';
	job = &asked->jobs[strtoull(text + sizeof(prefix) - 1, NULL, 10) % ASKED_MAX];
	asked_id(job->number, expected);
	return job->number && !job->lost && strcmp(text, expected) == 0 ? job : NULL;
}

static bool is_pending(struct asked_job *job, int64_t now_us, const struct knobs *knobs)
{
	return job->polls++ < knobs->poll_pending || now_us - job->since_us < 1000 * knobs->poll_pending_ms;
}

static int add_error(struct buf *text, int status, const char *message)
{
	buf_addf(text, "{\"status\":\"error\",\"error\":{\"code\":%d,\"message\":\"%s\"}}", status, message);
	return status;
}

int asked_poll(struct asked *asked, const char *id, size_t len, int64_t now_us, const struct knobs *knobs,
               struct rng *rng, struct buf *text)
{
	struct asked_job *job = find(asked, id, len);

	if (rng_fraction(rng) < knobs->poll_too_many_ratio)
		return add_error(text, 429, "too many polls");
	if (rng_fraction(rng) < knobs->poll_error_ratio)
		return add_error(text, (int)knobs->fail_status, "simulated failure");
	if (!job)
		return add_error(text, 404, "there is no such job");
	buf_add_str(text, "{\"job_id\":");
	buf_add_json(text, id, len);
	if (is_pending(job, now_us, knobs)) {
		buf_add_str(text, ",\"status\":\"pending\"}");
	} else if (job->fails) {
		buf_add_str(text, ",\"status\":\"failed\",\"error\":{\"message\":\"simulated failure of the job\"}}");
	} else {
		buf_add_str(text, ",\"status\":\"done\",\"data\":");
		data_add(text, job->seed, NULL, 0);
		buf_add_str(text, "}");
	}
	return 200;
}
