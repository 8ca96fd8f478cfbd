/* Which vendor a job goes on to when its own is of no use: the member `fallback` of a vendor file.
 *
 * The list of the vendor that the job came in for counts to its end; what the files of the others say plays no part. So a
 * job has each vendor once at most, and its way ends.
 *
 * It is never two vendors' at once: it goes on only if nothing that its vendor was sent can still be at work, or if the
 * file says that this does not matter (`unknown`). Pure; thread-safe.
 */
#ifndef VF_FALLBACK_H
#define VF_FALLBACK_H

#include "job.h"
#include "outcome.h"
#include "vendor.h"

/* Why a job leaves its vendor (NULL: no file names it any more) that has failed it. */
enum fallback_reason fallback_reason(const struct vendor *vendor, const struct job *job, enum settled settled);

/* Is its vendor done with it, as far as the attempts in its history tell? */
bool fallback_is_settled(const struct vendor *vendor, const struct job *job);

/* The vendor that the job came in for, whose file counts; NULL: no file names it any more. */
const struct vendor *fallback_first(const struct vendor_set *vendors, const struct job *job);

/* The vendor that a job goes on to for this reason; NULL: it stays. Needs of the job its vendor, tried, created_at and
 * deadline_at. */
const struct vendor *fallback_next(const struct vendor_set *vendors, const struct job *job, enum fallback_reason reason,
                                   int64_t now);

/* For FALLBACK_OPEN and FALLBACK_EXHAUSTED, of a queued job: the same, if it is settled or that does not matter. */
const struct vendor *fallback_of_queued(const struct vendor_set *vendors, const struct job *job,
                                        enum fallback_reason reason, int64_t now);

/* After a call (or poll) of this vendor ended so: the same, and why. A job that would wait for a vendor that asked to be left
 * alone for long (FALLBACK_EXHAUSTED) need not. */
const struct vendor *fallback_of_outcome(const struct vendor_set *vendors, const struct vendor *vendor, const struct job *job,
                                         const struct outcome *outcome, int64_t now, enum fallback_reason *reason);

/* Makes of a change that would end the job (or of one of a queued job, that names it, its phase and fence) the one by
 * which it goes on. What the vendor said stays its error. *entry is a text that the change borrows; the caller owns it. */
void fallback_to_change(const struct vendor_set *vendors, const struct job *job, const struct vendor *next,
                        enum fallback_reason reason, struct job_change *change, char **entry);

/* Has the job left this vendor? */
bool fallback_has_left(const struct job *job, const char *vendor);

const char *fallback_reason_name(enum fallback_reason reason);

#endif
