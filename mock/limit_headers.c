#include "limit_headers.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

/* unit_ns: of the reset, which is rounded up. */
static const struct {
	const char *name;
	const char *lines;      /* limit, what is left, reset */
	int64_t unit_ns;
	bool since_1970;
} forms[] = {
	{ "draft", "RateLimit-Limit: %lld\r\nRateLimit-Remaining: %lld\r\nRateLimit-Reset: %lld\r\n", 1000000000, false },
	{ "structured", "RateLimit-Policy: \"default\";q=%lld\r\nRateLimit: \"default\";r=%lld;t=%lld\r\n", 1000000000, false },
	{ "seconds", "X-RateLimit-Limit: %lld\r\nX-RateLimit-Remaining: %lld\r\nX-RateLimit-Reset: %lld\r\n", 1000000000, false },
	{ "epoch", "X-RateLimit-Limit: %lld\r\nX-RateLimit-Remaining: %lld\r\nX-RateLimit-Reset: %lld\r\n", 1000000000, true },
	{ "epoch_ms", "X-RateLimit-Limit: %lld\r\nX-RateLimit-Remaining: %lld\r\nX-RateLimit-Reset: %lld\r\n", 1000000, true },
};

bool limit_headers_valid(const char *form)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (strcmp(forms[i].name, form) == 0)
			return true;
	return form[0] == '\0';
}

void limit_headers_write(const char *form, const struct window *window, int64_t now_ns, char out[LIMIT_HEADERS_MAX])
{
	int64_t reset_ns;
	uint64_t left = window_left(window, now_ns, &reset_ns);

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(forms) && left <= window->limit; i++) {
		int64_t ns = forms[i].since_1970 ? reset_ns : reset_ns - now_ns;

		if (strcmp(forms[i].name, form) == 0)
			snprintf(out, LIMIT_HEADERS_MAX, forms[i].lines, (long long)window->limit, (long long)left,
			         (long long)((ns + forms[i].unit_ns - 1) / forms[i].unit_ns));
	}
}
