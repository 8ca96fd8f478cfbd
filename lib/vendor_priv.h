/* Between the parts of the vendor module. Nobody else's.
 *
 *   vendor.c         the table of members, and what drives it
 *   vendor_member.c  a reader for each type of member
 *   vendor_poll.c    the same for poll/url, and checks of the group poll
 *   vendor_value.c   checks of single texts, and ${...} references
 *   vendor_file.c    folder, files, the set and its look-up
 *   vendor_routes.c  which vendor a job goes to whose client names none
 */
#ifndef VF_VENDOR_PRIV_H
#define VF_VENDOR_PRIV_H

#include "vendor.h"

#include <json-c/json.h>

/* Fills a vendor that is all zero from a file's JSON. ERR_INVALID: why is "member: reason". The vendor is to be
 * given to vendor__deinit() either way. */
enum err vendor__read(struct vendor *vendor, struct json_object *file, vendor_env_fn env, struct err_text *why);
void vendor__deinit(struct vendor *vendor);

/* NULL is fine. Wipes the bytes before they are freed. */
void vendor__wipe(char *secret);

/* ---- Members ---- */

enum member_type {
	TYPE_NAME, TYPE_NAMES, TYPE_MODE, TYPE_METHOD, TYPE_URL, TYPE_HEADERS, TYPE_SECRET, TYPE_POINTER, TYPE_POINTERS,
	TYPE_BOOL, TYPE_INT, TYPE_INT64, TYPE_SECONDS, TYPE_RATIO, TYPE_STATUSES, TYPE_LIMITS, TYPE_GROUP,
	TYPE_WORDS, TYPE_POLL_URL,
	TYPE_COUNT
};

/* A row of the table. */
struct member {
	const char *path;        /* as a JSON Pointer without its first slash; "*" stands for an index */
	enum member_type type;
	size_t offset;           /* in struct vendor; for members of a limit in struct vendor_limit */
	const char *fallback;    /* JSON text that is read when the member is not there; NULL: it stays unset */
	int64_t min, max;        /* of the number as it is stored (seconds are stored as ms), or max of entries */
	const char *help;
};

/* The fallback of a member that has none and must be there. */
extern const char MEMBER_REQUIRED[];

/* Where the reader is in a file. */
struct reader {
	vendor_env_fn env;
	struct err_text *why;
	struct vendor *vendor;
	const char *group;       /* beginning of the table's rows that are being read: "" or with a slash at its end */
	const char *shown;       /* the same with indexes, for messages */
	char *base;              /* the struct that their offsets are in */
};

/* Reads all rows of r->group from an object of the file, and refuses members that have no row. */
enum err vendor__read_group(const struct reader *r, struct json_object *object);

/* Reads one value into r->base + m->offset, by its type. */
enum err vendor__read_member(const struct reader *r, const struct member *m, struct json_object *value);
/* A string with references, checked as it is once they are resolved. job_names: as for vendor__resolve(). */
enum err vendor__read_resolved(const struct reader *r, const struct member *m, struct json_object *value,
                               const char *const *job_names, char **field, const char *(*bad)(const char *text));
enum err vendor__read_poll_url(const struct reader *r, const struct member *m, struct json_object *value, void *field);
/* Once all members are read. ERR_INVALID: "member: reason". */
enum err vendor__check_poll(const struct vendor *vendor, struct err_text *why);
/* What the reference calls the type. */
const char *vendor__type_name(enum member_type type);

/* "member: reason" into r->why; gives ERR_INVALID. */
enum err vendor__fail(const struct reader *r, const struct member *m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- Checks; NULL if the text is fine, else what is wrong with it (never with the text in it: it may be secret) ---- */

const char *vendor__bad_name(const char *text);
const char *vendor__bad_url(const char *text);
const char *vendor__bad_pointer(const char *text);
const char *vendor__bad_header_name(const char *text);
const char *vendor__bad_header_value(const char *text);
const char *vendor__bad_secret(const char *text);

/* ---- References ---- */

/* Replaces ${env:NAME} and ${file:/path}. ${job:...} of these names (NULL-terminated; NULL: none) stay; anything else in
 * ${} is an error. *out is owned by the caller (vendor__wipe). */
enum err vendor__resolve(const char *text, vendor_env_fn env, const char *const *job_names, char **out,
                         struct err_text *why);

#endif
