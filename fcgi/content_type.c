#include "content_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char suffix[] = "+json";

static bool same(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static const char *skip_space(const char *p) { return p + strspn(p, " \t"); }

/* Past type/subtype if that is JSON, else NULL. */
static const char *take_json(const char *p)
{
	size_t type = strspn(p, TOKEN), subtype = p[type] == '/' ? strspn(p + type + 1, TOKEN) : 0, ending = sizeof(suffix) - 1;
	const char *name = p + type + 1, *end = name + subtype;

	if (type == 0 || subtype == 0)
		return NULL;
	if ((same(p, type, "application") && same(name, subtype, "json")) ||
	    (subtype > ending && same(end - ending, ending, suffix)))
		return end;
	return NULL;
}

/* Past a parameter's value: a token, or something in quotes (what is escaped in it fits no charset). Sets what it is. */
static const char *take_value(const char *p, const char **value, size_t *len)
{
	bool quoted = *p == '"';

	*value = p + quoted;
	*len = quoted ? strcspn(*value, "\"") : strspn(p, TOKEN);
	p = *value + *len;
	if (quoted ? *p != '"' : *len == 0)
		return NULL;
	return p + quoted;
}

/* Past a parameter; NULL if it is none, or names another charset. */
static const char *take_parameter(const char *p)
{
	size_t name = strspn(p, TOKEN), len;
	const char *value, *end;

	if (name == 0 || p[name] != '=')
		return NULL;
	end = take_value(p + name + 1, &value, &len);
	if (end && same(p, name, "charset") && !same(value, len, "utf-8") && !same(value, len, "utf8"))
		return NULL;
	return end;
}

bool content_type_is_json(const char *value)
{
	const char *p = take_json(skip_space(value));

	while (p && *(p = skip_space(p)) == ';') {
		p = skip_space(p + 1);
		if (*p && *p != ';')    /* `application/json;` is seen, and harmless */
			p = take_parameter(p);
	}
	return p && *p == '\0';
}
