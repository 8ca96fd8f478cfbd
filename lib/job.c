#include "job.h"

#include "mem.h"

#include <stdlib.h>

struct job *job_new(int64_t now, const char *vendor, char *payload, int64_t deadline_at)
{
	struct job *job = mem_calloc(1, sizeof(*job));

	uuid_new(now, job->request_id);
	job->vendor = mem_strdup(vendor);
	job->payload = payload;
	job->phase = PHASE_QUEUED;
	job->status = STATUS_PENDING;
	job->created_at = job->updated_at = now;
	job->next_attempt_at = job->queued_at = now;
	job->due_at = job->deadline_at = deadline_at;
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	free(job->vendor);
	free(job->payload);
	free(job->result);
	free(job->error);
	free(job->history);
	free(job->vendor_job_id);
	free(job);
}

void job_refs_free(struct job_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(refs[i].vendor);
		free(refs[i].vendor_job_id);
		free(refs[i].error);
	}
	free(refs);
}
