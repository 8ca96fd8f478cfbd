/* Looks into JSON text without making values of it.
 *
 * The text is as json_strict_compact() and json_text() make it: valid, nothing between its marks, each name written in
 * one way only. In any other text less may be found, but nothing outside of it is read. Reentrant.
 */
#ifndef VF_JSON_WALK_H
#define VF_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the text, borrowed from it; at == NULL: nothing. */
struct json_piece {
	const char *at;
	size_t len;
};

/* The members of an object or the items of an array, one after the other. */
struct json_walk {
	const char *at, *end;
	bool object;
};

/* Begins at the first; a value that is no container has none. */
struct json_walk json_walk_of(struct json_piece value);
/* The next value, and in an object its name as it is written, with the quotes. False: that was the last one. */
bool json_walk_next(struct json_walk *walk, struct json_piece *name, struct json_piece *value);

/* Is it this text, to the byte? */
bool json_piece_is(struct json_piece piece, const char *text);

#endif
