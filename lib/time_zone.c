/* Zones from TZif files. What is in them is checked to the last byte that is used; beyond the last change that a file
 * lists its rule goes on (time_zone_rule.c). */
#include "time_zone.h"

#include "mem.h"
#include "time_zone_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_MAX_BYTES = 64,
	FILE_BYTES_MAX = 256 << 10,    /* the largest is a hundredth of it */
	OFFSET_LEAST = -89999,         /* RFC 8536, 3.2: more is not to be believed */
	OFFSET_MOST = 93599,
	HEADER_BYTES = 44,
	TYPE_BYTES = 6,
	RULE_BYTES_MAX = 255,
};

struct change { int64_t at; int32_t offset; };

struct time_zone {
	char name[NAME_MAX_BYTES + 1];
	int32_t first;                 /* before all changes */
	struct change *changes;        /* in their order, each to another offset */
	size_t n;
	bool has_rule;
	struct zone_rule rule;         /* from the last change on */
	int64_t rule_from;
};

/* ---- Reading bytes ---- */

static int64_t read_number(const unsigned char *p, int width)
{
	uint64_t value = (p[0] & 0x80) ? UINT64_MAX : 0;

	for (int i = 0; i < width; i++)
		value = value << 8 | p[i];
	return (int64_t)value;
}

/* One of the two parts of a file: a header, and where what it counts begins. */
struct part {
	int version, time_bytes;
	size_t n_ut, n_standard, n_leap, n_changes, n_types, n_letters;
	const unsigned char *times, *indexes, *types, *end;
};

/* False: there is no whole part in these bytes. */
static bool find_part(const unsigned char *p, size_t len, int time_bytes, struct part *part)
{
	size_t *const counts[] = { &part->n_ut, &part->n_standard, &part->n_leap, &part->n_changes, &part->n_types,
	                           &part->n_letters };
	size_t need;

	if (len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
		return false;
	part->version = p[4];
	part->time_bytes = time_bytes;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int64_t count = read_number(p + 20 + 4 * i, 4);

		if (count < 0 || count > FILE_BYTES_MAX)
			return false;
		*counts[i] = (size_t)count;
	}
	need = part->n_changes * (size_t)(time_bytes + 1) + part->n_types * TYPE_BYTES + part->n_letters +
	       part->n_leap * (size_t)(time_bytes + 4) + part->n_standard + part->n_ut;
	if (need > len - HEADER_BYTES)
		return false;
	part->times = p + HEADER_BYTES;
	part->indexes = part->times + part->n_changes * (size_t)time_bytes;
	part->types = part->indexes + part->n_changes;
	part->end = part->times + need;
	return true;
}

static bool read_offset(const struct part *part, size_t type, int32_t *offset)
{
	int64_t value;

	if (type >= part->n_types)
		return false;
	value = read_number(part->types + type * TYPE_BYTES, 4);
	*offset = (int32_t)value;
	return value >= OFFSET_LEAST && value <= OFFSET_MOST;
}

/* What changes no more than a name is left out. */
static bool read_changes(const struct part *part, struct time_zone *zone)
{
	int32_t offset;
	int64_t before = INT64_MIN;

	if (!read_offset(part, 0, &zone->first))
		return false;
	zone->changes = mem_calloc(part->n_changes + 1, sizeof(*zone->changes));
	offset = zone->first;
	for (size_t i = 0; i < part->n_changes; i++) {
		struct change change = { .at = read_number(part->times + i * (size_t)part->time_bytes, part->time_bytes) };

		if (change.at <= before || !read_offset(part, part->indexes[i], &change.offset))
			return false;
		before = change.at;
		if (change.offset != offset)
			zone->changes[zone->n++] = change;
		offset = change.offset;
	}
	zone->rule_from = before;
	return true;
}

/* The rule between two line ends; an empty one says that nothing is known of the time behind the last change. */
static bool read_rule(const unsigned char *p, const unsigned char *end, struct time_zone *zone)
{
	char text[RULE_BYTES_MAX + 1];
	const unsigned char *close = p < end && *p == '\n' ? memchr(p + 1, '\n', (size_t)(end - p - 1)) : NULL;
	size_t len = close ? (size_t)(close - p - 1) : 0;

	if (!close || len > RULE_BYTES_MAX || memchr(p + 1, '\0', len))
		return false;
	memcpy(text, p + 1, len);
	text[len] = '\0';
	zone->has_rule = len > 0;
	return len == 0 || zone_rule_parse(text, &zone->rule);
}

/* The second part says all that the first one says, with times of 64 bits. */
static const char *read_file(const unsigned char *p, size_t len, struct time_zone *zone)
{
	struct part part;
	const unsigned char *end = p + len;

	if (!find_part(p, len, 4, &part))
		return "is not a time zone file";
	if (part.version >= '2' && !find_part(part.end, (size_t)(end - part.end), 8, &part))
		return "is not a whole time zone file";
	if (part.n_leap > 0)
		return "counts leap seconds, which our time does not";
	if (!read_changes(&part, zone))
		return "has changes that make no sense";
	if (part.version >= '2' && !read_rule(part.end, end, zone))
		return "has a rule that makes no sense";
	return NULL;
}

enum err time_zone_parse(const void *bytes, size_t len, struct time_zone **zone, struct err_text *why)
{
	struct time_zone *loaded = mem_calloc(1, sizeof(*loaded));
	const char *wrong = read_file(bytes, len, loaded);

	if (wrong) {
		time_zone_free(loaded);
		return err_set(why, ERR_INVALID, "%s", wrong);
	}
	*zone = loaded;
	return ERR_OK;
}

void time_zone_free(struct time_zone *zone)
{
	if (!zone)
		return;
	free(zone->changes);
	free(zone);
}

/* ---- Files ---- */

static bool is_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-";
	size_t len;

	if (strlen(name) > NAME_MAX_BYTES)
		return false;
	for (;; name += len + 1) {
		len = strspn(name, letters);
		if (len == 0)
			return false;
		if (name[len] != '/')
			return name[len] == '\0';
	}
}

/* Bytes of the file, at most max; -1 and errno. */
static ssize_t read_whole(const char *path, unsigned char *bytes, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (len < max && (n = read(fd, bytes + len, max - len)) > 0)
		len += (size_t)n;
	error = errno;
	close(fd);
	errno = error;
	return n < 0 ? -1 : (ssize_t)len;
}

static enum err load_file(const char *dir, const char *name, struct time_zone **zone, struct err_text *why)
{
	char *path = mem_printf("%s/%s", dir, name);
	unsigned char *bytes = mem_alloc(FILE_BYTES_MAX);
	ssize_t len = read_whole(path, bytes, FILE_BYTES_MAX);
	int error = errno;
	struct err_text reason;
	enum err err = ERR_OK;

	if (len < 0 && access(dir, X_OK) < 0)
		err = err_set(why, ERR_INVALID, "\"%s\" is not to be found: there is no %.200s (Debian: package tzdata)", name, dir);
	else if (len < 0 && (error == ENOENT || error == ENOTDIR || error == EISDIR))
		err = err_set(why, ERR_INVALID, "there is no time zone \"%s\" in %.200s", name, dir);
	else if (len < 0)
		err = err_set(why, ERR_INVALID, "the time zone \"%s\" cannot be read: %s", name, strerror(error));
	else if (time_zone_parse(bytes, (size_t)len, zone, &reason) != ERR_OK)
		err = err_set(why, ERR_INVALID, "\"%s\": the file %.200s %.100s", name, path, reason.text);
	free(bytes);
	free(path);
	return err;
}

enum err time_zone_load(const char *dir, const char *name, struct time_zone **zone, struct err_text *why)
{
	if (!is_name(name))
		return err_set(why, ERR_INVALID, "\"%.64s\" is not the name of a time zone (such as Europe/Berlin or UTC)", name);
	if (strcmp(name, "UTC") == 0)
		*zone = mem_calloc(1, sizeof(**zone));
	else if (load_file(dir, name, zone, why) != ERR_OK)
		return ERR_INVALID;
	memcpy((*zone)->name, name, strlen(name) + 1);
	return ERR_OK;
}

const char *time_zone_name(const struct time_zone *zone) { return zone ? zone->name : "UTC"; }

/* ---- Offsets ---- */

/* How many changes are at or before this instant. */
static size_t changes_until(const struct time_zone *zone, int64_t at)
{
	size_t low = 0, high = zone->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->changes[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t time_zone_offset(const struct time_zone *zone, int64_t at, int64_t *until)
{
	int64_t ignored;
	size_t n;

	until = until ? until : &ignored;
	*until = INT64_MAX;
	if (!zone)
		return 0;
	if (zone->has_rule && at >= zone->rule_from)
		return zone_rule_offset(&zone->rule, at, until);
	n = changes_until(zone, at);
	if (n < zone->n)
		*until = zone->changes[n].at;
	else if (zone->has_rule)
		*until = zone->rule_from;
	return n > 0 ? zone->changes[n - 1].offset : zone->first;
}
