#include "file_fail.h"

#include <stdarg.h>
#include <stdio.h>

enum { REASON_SIZE = 300 };

enum err file_fail(const struct file_place *place, const char *member, const char *fmt, ...)
{
	const char *slash = place->group[0] && member[0] ? "/" : "", *colon = place->group[0] || member[0] ? ": " : "";
	char reason[REASON_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return err_set(place->why, ERR_INVALID, "%.120s: %s%s%.40s%s%s", place->path, place->group, slash, member, colon, reason);
}
