/* How one vendor behaves: the knobs, and the one table that makes flags, POST /config, GET /config and --help of them.
 *
 * A knob is added by one member here and one line in knobs.c; what it does is written where it acts.
 */
#ifndef VF_MOCK_KNOBS_H
#define VF_MOCK_KNOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"

enum { KNOB_TEXT_MAX = 256, KNOB_REASON_MAX = 200 };

/* Ratios are 0..1 of the calls. Every field is within the bounds of its line in the table. */
struct knobs {
	int64_t latency_ms, latency_spread_ms;
	double fail_ratio;
	int64_t fail_status;
	int64_t fail_first;               /* calls of each id */
	double too_many_ratio;
	char retry_after[KNOB_TEXT_MAX];
	int64_t limit_calls;
	double limit_seconds;
	bool limit_enforce;
	char limit_headers[KNOB_TEXT_MAX];
	int64_t max_in_flight;
	double hang_ratio, reset_ratio, close_before_answer, garbage_ratio;
	double reset_early_ratio, trickle_ratio, endless_ratio, gzip_bomb_ratio, wrong_length_ratio, short_length_ratio;
	int64_t response_bytes;
	int64_t webhook_delay_ms, webhook_spread_ms;
	double webhook_loss_ratio, webhook_fail_ratio;
	int64_t webhook_duplicates;
	bool webhook_reorder, webhook_before_answer, webhook_own_id_only;
	char webhook_secret[KNOB_TEXT_MAX];
	int64_t poll_pending, poll_pending_ms;
	double poll_fail_ratio, poll_loss_ratio;      /* of the jobs */
	double poll_too_many_ratio, poll_error_ratio; /* of the polls */
	bool token_required;
	char token_client[KNOB_TEXT_MAX];
	int64_t token_expires_in, token_latency_ms, token_fail_status;
};

/* Sets every knob to its default. */
void knobs_init(struct knobs *knobs);

/* Sets one knob from text. name as in the table (underscores; dashes mean the same).
 * False: unknown name or bad value, with a reason that names the knob; the knobs are unchanged. */
bool knobs_set(struct knobs *knobs, const char *name, const char *text, char reason[KNOB_REASON_MAX])
	__attribute__((warn_unused_result));

/* Sets the knobs that a JSON object names; all or, if any member is wrong, none. False: the reason names the member. */
bool knobs_set_json(struct knobs *knobs, const char *json, size_t len, char reason[KNOB_REASON_MAX])
	__attribute__((warn_unused_result));

/* True if there is a knob of this name and it needs no value on the command line (it is a yes-or-no). */
bool knobs_is_flag(const char *name);

/* Adds all knobs as one JSON object; the secret only as "(set)" or "". */
void knobs_json(const struct knobs *knobs, struct buf *out);

/* Prints one line per knob: flag, meaning, range, default. */
void knobs_help(FILE *out);

#endif
