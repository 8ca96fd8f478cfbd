#include "err.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
	[-ERR_OK] = "ok",
	[-ERR_INVALID] = "invalid",
	[-ERR_NOT_FOUND] = "not found",
	[-ERR_EXISTS] = "exists",
	[-ERR_CONFLICT] = "conflict",
	[-ERR_STALE] = "stale",
	[-ERR_NOT_DUE] = "not due yet",
	[-ERR_TOO_BIG] = "too big",
	[-ERR_UNAVAILABLE] = "unavailable",
	[-ERR_UNSUPPORTED] = "not supported",
	[-ERR_FULL] = "full",
	[-ERR_SYSTEM] = "system error",
};

const char *err_str(enum err err)
{
	int i = -(int)err;

	if (i < 0 || i >= (int)(sizeof(names) / sizeof(names[0])))
		return "unknown error";
	return names[i];
}

bool err_is_retryable(enum err err)
{
	return err == ERR_UNAVAILABLE || err == ERR_NOT_DUE || err == ERR_FULL;
}

enum err err_set(struct err_text *why, enum err err, const char *fmt, ...)
{
	va_list args;

	if (!why)
		return err;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}
