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
	free(job->tenant);
	free(job->payload);
	free(job->result);
	free(job->error);
	free(job->history);
	free(job->vendor_job_id);
	free(job->poll);
	free(job->tried);
	free(job);
}

void job_ref_deinit(struct job_ref *ref)
{
	free(ref->vendor);
	free(ref->vendor_job_id);
	free(ref->tried);
	free(ref->error);
}

void job_refs_free(struct job_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		job_ref_deinit(&refs[i]);
	free(refs);
}
