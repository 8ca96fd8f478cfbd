/* The first few names of an object are compared with each other: most objects have no more. Those of objects that have
 * more go to one table. Its hash is a polynomial modulo a prime at a point that nobody outside knows, so that no text
 * can be made whose names all fall into one place. */
#include "json_names.h"

#include "mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	FEW = 8,
	FIRST_ROOM = 16, FIRST_SLOTS = 64,
	PIECE_BYTES = 3,    /* of a name are one coefficient: less than PRIME */
};

#define PRIME ((UINT64_C(1) << 31) - 1)

/* Small, for there are many. */
struct json_name {
	uint32_t hash, object, at, len;    /* len 0: a free slot */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t point;

static void choose_point(void)
{
	if (getrandom(&point, sizeof(point), 0) != (ssize_t)sizeof(point)) {
		perror("getrandom");
		abort();
	}
	point = point % (PRIME - 1) + 1;
}

static uint32_t hash_of(uint32_t object, const char *name, size_t len)
{
	uint64_t hash = ((uint64_t)object + len) * point % PRIME;

	for (size_t i = 0; i < len; i += PIECE_BYTES) {
		uint64_t piece = 0;

		memcpy(&piece, name + i, len - i < PIECE_BYTES ? len - i : PIECE_BYTES);
		hash = (hash + piece) * point % PRIME;
	}
	return (uint32_t)hash;
}

/* The slot of this name, or the free one where it belongs. */
static struct json_name *find(const struct json_names *names, const struct json_name *name, const char *text)
{
	for (uint32_t i = name->hash;; i++) {
		struct json_name *slot = &names->slots[i & (names->n_slots - 1)];

		if (!slot->len || (slot->hash == name->hash && slot->object == name->object && slot->len == name->len &&
		                   memcmp(text + slot->at, text + name->at, name->len) == 0))
			return slot;
	}
}

/* Never more than half full. */
static void make_room(struct json_names *names, const char *text)
{
	struct json_names bigger = *names;

	if (2 * (names->count + 1) <= names->n_slots)
		return;
	bigger.n_slots = names->n_slots ? 2 * names->n_slots : FIRST_SLOTS;
	bigger.slots = mem_calloc(bigger.n_slots, sizeof(*bigger.slots));
	for (size_t i = 0; i < names->n_slots; i++)
		if (names->slots[i].len)
			*find(&bigger, &names->slots[i], text) = names->slots[i];
	free(names->slots);
	*names = bigger;
}

static bool add_to_table(struct json_names *names, struct json_name name, const char *text)
{
	struct json_name *slot;

	pthread_once(&once, choose_point);
	make_room(names, text);
	name.hash = hash_of(name.object, text + name.at, name.len);
	slot = find(names, &name, text);
	if (slot->len)
		return false;
	*slot = name;
	names->count++;
	return true;
}

static void push(struct json_names *names, const struct json_name *name)
{
	if (names->n_open == names->room) {
		names->room = names->room ? 2 * names->room : FIRST_ROOM;
		names->open = mem_realloc(names->open, names->room * sizeof(*names->open));
	}
	names->open[names->n_open++] = *name;
}

bool json_names_add(struct json_names *names, const struct json_names_object *object, const char *text, size_t at,
                    size_t len)
{
	struct json_name name = { .object = object->number, .at = (uint32_t)at, .len = (uint32_t)len };

	for (size_t i = object->first; i < names->n_open; i++)
		if (names->open[i].len == len && memcmp(text + names->open[i].at, text + at, len) == 0)
			return false;
	if (names->n_open - object->first < FEW) {
		push(names, &name);
		return true;
	}
	return add_to_table(names, name, text);
}

struct json_names_object json_names_enter(const struct json_names *names, uint32_t number)
{
	return (struct json_names_object){ .number = number, .first = names->n_open };
}

void json_names_leave(struct json_names *names, const struct json_names_object *object)
{
	names->n_open = object->first;
}

void json_names_deinit(struct json_names *names)
{
	free(names->open);
	free(names->slots);
	*names = (struct json_names){ .slots = NULL };
}
