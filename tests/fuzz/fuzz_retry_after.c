/* Retry-After: any text is a wait within bounds, or none. First part: what is the time (ms since 1970); then the value. */
#include "fuzz.h"

#include "outcome.h"

static const int64_t CENTURY_MS = INT64_C(1000) * 86400 * 366 * 100;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[2];
	int64_t now, wait;

	fuzz_split(data, len, parts, 2);
	now = (int64_t)(strtoull(parts[0].text, NULL, 10) % (uint64_t)(2 * CENTURY_MS));
	wait = retry_after_parse(parts[1].text, now);
	FUZZ_CHECK(wait >= -1 && wait <= CENTURY_MS, "%lld from %s", (long long)wait, parts[1].text);
	if (wait > 0)
		FUZZ_CHECK(retry_after_parse(parts[1].text, now - 1) >= wait || strspn(parts[1].text, "0123456789") == 0,
		           "earlier means longer: %s", parts[1].text);
	fuzz_free(parts, 2);
	return 0;
}
