#include "json_walk.h"

#include <string.h>

/* ---- What ends where: each gives the place behind what begins at p, or end ---- */

static const char *skip_string(const char *p, const char *end)
{
	p++;
	while (p < end && *p != '"')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return p < end ? p + 1 : end;
}

static const char *skip_container(const char *p, const char *end)
{
	int depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p++;
		if (depth == 0)
			break;
	}
	return p;
}

static const char *skip_value(const char *p, const char *end)
{
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_container(p, end);
	while (p < end && *p != ',' && *p != '}' && *p != ']')
		p++;
	return p;
}

/* ---- The contract ---- */

struct json_walk json_walk_of(struct json_piece value)
{
	bool container = value.at && value.len >= 2 && (*value.at == '{' || *value.at == '[');

	if (!container)
		return (struct json_walk){ .at = NULL };
	return (struct json_walk){ .at = value.at + 1, .end = value.at + value.len - 1, .object = *value.at == '{' };
}

bool json_walk_next(struct json_walk *walk, struct json_piece *name, struct json_piece *value)
{
	const char *p = walk->at;

	*name = *value = (struct json_piece){ .at = NULL };
	if (walk->object && p < walk->end) {
		p = skip_string(p, walk->end);
		*name = (struct json_piece){ walk->at, (size_t)(p - walk->at) };
		p += p < walk->end;   /* the colon */
	}
	if (p >= walk->end)
		return false;
	*value = (struct json_piece){ p, (size_t)(skip_value(p, walk->end) - p) };
	p += value->len;
	walk->at = p + (p < walk->end);   /* the comma */
	return value->len > 0;
}

bool json_piece_is(struct json_piece piece, const char *text)
{
	return piece.at && strlen(text) == piece.len && memcmp(text, piece.at, piece.len) == 0;
}
