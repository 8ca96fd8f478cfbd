/* Walks along one pointer and skips what lies beside it. It leans on the text being JSON: nothing is checked again. */
#include "json_locate.h"

#include "json_parser.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_SIZE = 24 };

static void skip_string(struct json_parser *p, struct json_span *string)
{
	struct json_place whole = { .up = NULL };

	if (json_parser__string(p, &whole, string) != ERR_OK)
		p->at = p->len;
}

static void skip_value(struct json_parser *p)
{
	struct json_span string;
	int depth = 0;

	do {
		json_parser__skip_space(p);
		if (json_parser__next_is(p, '"'))
			skip_string(p, &string);
		else if (json_parser__take(p, '{') || json_parser__take(p, '['))
			depth++;
		else if (json_parser__take(p, '}') || json_parser__take(p, ']'))
			depth--;
		else if (!json_parser__take(p, ',') && !json_parser__take(p, ':'))
			while (p->at < p->len && !strchr(",]} \t\r\n", p->text[p->at]))
				p->at++;
	} while (depth > 0 && p->at < p->len);
}

/* Past the name of a member, or nowhere in an array. Is it the one that token names? */
static bool take_name(struct json_parser *p, bool in_object, size_t index, const char *token)
{
	char number[INDEX_SIZE];
	struct json_span name;
	bool same;

	if (!in_object) {
		snprintf(number, sizeof(number), "%zu", index);
		return strcmp(number, token) == 0;
	}
	skip_string(p, &name);
	same = name.len == strlen(token) && memcmp(name.bytes, token, name.len) == 0;
	json_parser__skip_space(p);
	json_parser__take(p, ':');
	json_parser__skip_space(p);
	return same;
}

/* From the container at p to the value of that name or index in it; *found is where its entry begins. False: there is none. */
static bool step_into(struct json_parser *p, const char *token, size_t *found)
{
	bool in_object = json_parser__take(p, '{');

	if (!in_object && !json_parser__take(p, '['))
		return false;
	for (size_t i = 0; p->at < p->len; i++) {
		size_t start;

		json_parser__skip_space(p);
		if (json_parser__next_is(p, in_object ? '}' : ']'))
			return false;
		start = p->at;
		if (take_name(p, in_object, i, token)) {
			*found = start;
			return true;
		}
		skip_value(p);
		json_parser__skip_space(p);
		json_parser__take(p, ',');
	}
	return false;
}

size_t json_locate(const char *text, size_t len, const char *pointer)
{
	struct json_parser p = { .text = text, .len = len, .limits = &JSON_LIMITS_DEFAULT };
	char *token = mem_alloc(strlen(pointer) + 1);
	size_t found;
	bool there = true;

	buffer_init(&p.unescaped, len);
	json_parser__skip_space(&p);
	found = p.at;
	while (there && pointer[0] == '/') {
		pointer = json_pointer_next(pointer, token);
		there = step_into(&p, token, &found);
	}
	buffer_deinit(&p.unescaped);
	free(token);
	return found;
}

struct json_position json_position(const char *text, size_t at)
{
	struct json_position position = { 1, 1 };

	for (const char *c = text; c < text + at; c++) {
		if (*c == '\n')
			position = (struct json_position){ position.line + 1, 1 };
		else if (((unsigned char)*c & 0xc0) != 0x80)   /* not the second or later byte of a character */
			position.column++;
	}
	return position;
}
