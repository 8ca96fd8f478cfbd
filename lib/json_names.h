/* The member names that the strict parser has met, when no json-c object remembers them: to find one that comes a second
 * time in its object. Not thread-safe. Nobody else's.
 */
#ifndef VF_JSON_NAMES_H
#define VF_JSON_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_name;

/* Begins as all zeros. Takes 32 to 64 bytes a name at most. */
struct json_names {
	struct json_name *open;     /* the first names of each object that is open, innermost last */
	size_t n_open, room;
	struct json_name *slots;    /* open addressing: those beyond the first of objects that have many */
	size_t n_slots;             /* 0 or a power of two */
	size_t count;
};

void json_names_deinit(struct json_names *names);

/* An object: its number, which no other of its set has, and where its names begin. */
struct json_names_object {
	uint32_t number;
	size_t first;
};

/* Every object that is entered is left, the innermost first. */
struct json_names_object json_names_enter(const struct json_names *names, uint32_t number);
void json_names_leave(struct json_names *names, const struct json_names_object *object);

/* Remembers the name text[at..at + len), at least one byte, of the innermost object. False: it was there before. All
 * names of one set lie in the same text of less than 4 GiB, which may move but not change. */
bool json_names_add(struct json_names *names, const struct json_names_object *object, const char *text, size_t at,
                    size_t len);

#endif
