/* What vendors say of their limits: any headers are a wait within bounds, or say nothing. Parts: options (a digit: what
 * reset counts; "r": the answer was 429), remaining, reset, and the header that has both. An empty one is not there. */
#include "fuzz.h"

#include "rate_headers.h"

static const int64_t YEAR_MS = INT64_C(366) * 86400 * 1000, NOW = INT64_C(1760000000000);

static char *copy_or_null(const struct fuzz_part *part) { return part->len ? strdup(part->text) : NULL; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[4];
	struct rate_rules rules = { .remaining = (char *)"a", .reset = (char *)"b", .header = (char *)"c", .hold_below = 2 };
	struct rate_values values;
	struct rate_said said, again;

	fuzz_split(data, len, parts, 4);
	rules.reset_is = (int)(strcspn(parts[0].text, "0123") % 4);
	if (parts[0].len && parts[0].text[0] >= '0' && parts[0].text[0] <= '3')
		rules.reset_is = parts[0].text[0] - '0';
	values = (struct rate_values){ copy_or_null(&parts[1]), copy_or_null(&parts[2]), copy_or_null(&parts[3]) };
	rate_headers_read(&rules, &values, strchr(parts[0].text, 'r') != NULL, NOW, &said);
	rate_headers_read(&rules, &values, strchr(parts[0].text, 'r') != NULL, NOW, &again);
	FUZZ_CHECK(said.says >= RATE_SAYS_NOTHING && said.says <= RATE_SAYS_NONSENSE && said.says == again.says, "%d",
	           (int)said.says);
	if (said.says == RATE_SAYS_HOLD)
		FUZZ_CHECK(said.wait_ms > 0 && said.wait_ms <= YEAR_MS, "%lld", (long long)said.wait_ms);
	rate_values_deinit(&values);
	fuzz_free(parts, 4);
	return 0;
}
