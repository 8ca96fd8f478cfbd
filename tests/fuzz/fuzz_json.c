/* JSON at the door: what parses is what is made compact, with the same errors, and comes out as it went in. */
#include "fuzz.h"

#include "json_locate.h"
#include "json_strict.h"
#include "json_walk.h"

enum { POINTER_SIZE = 64 };

static const struct json_limits narrow = { .max_bytes = 4096, .max_depth = 4, .max_members = 16, .max_string_bytes = 12,
                                           .are_settings = true };

struct said {
	enum err err;
	char pointer[POINTER_SIZE];
	struct err_text why;
};

/* A compact text is one that stays as it is, whichever way it goes through. */
static void check_compact(const char *compact)
{
	struct json_object *value = NULL, *copy;
	char *again = NULL, *printed, *copied;
	size_t len = strlen(compact);

	FUZZ_CHECK(json_strict_compact(compact, len, &JSON_LIMITS_DEFAULT, NULL, 0, &again, NULL, 0, NULL) == ERR_OK &&
	           strcmp(again, compact) == 0, "%s becomes %s", compact, again);
	FUZZ_CHECK(json_strict_parse(compact, len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) == ERR_OK, "%s", compact);
	copy = json_copy(value);
	printed = json_text(value, NULL);
	copied = json_text(copy, NULL);
	FUZZ_CHECK(strcmp(printed, compact) == 0, "%s is printed as %s", compact, printed);
	FUZZ_CHECK(strcmp(copied, compact) == 0, "%s is copied as %s", compact, copied);
	json_object_put(value);
	json_object_put(copy);
	free(again);
	free(printed);
	free(copied);
}

/* Each member of the outermost object is where the walk and json_compact's look-out find it. */
static void check_walk(const char *compact, const struct json_wanted *wanted)
{
	struct json_walk walk = json_walk_of((struct json_piece){ compact, strlen(compact) });
	struct json_piece name, value;

	while (json_walk_next(&walk, &name, &value)) {
		FUZZ_CHECK(value.at >= compact && value.at + value.len <= compact + strlen(compact), "%s", compact);
		if (walk.object && json_piece_is(name, "\"a\""))
			FUZZ_CHECK(value.at == compact + wanted->value_at && name.at == compact + wanted->at, "%s", compact);
	}
}

static void check(const char *text, size_t len, const struct json_limits *limits)
{
	struct said parse = { ERR_OK, "", { "" } }, compact = parse;
	struct json_wanted wanted = { .name = "a" };
	struct json_object *value = NULL;
	char *made = NULL, *printed;
	struct err_text reason;
	size_t at = 0;

	parse.err = json_strict_parse(text, len, limits, &value, parse.pointer, POINTER_SIZE, &parse.why);
	compact.err = json_strict_compact(text, len, limits, &wanted, 1, &made, compact.pointer, POINTER_SIZE,
	                                  &compact.why);
	FUZZ_CHECK(parse.err == compact.err, "parse: %s, compact: %s", parse.why.text, compact.why.text);
	if (!parse.err) {
		printed = json_text(value, NULL);
		FUZZ_CHECK(strcmp(printed, made) == 0, "parse: %s, compact: %s", printed, made);
		check_compact(made);
		check_walk(made, &wanted);
		FUZZ_CHECK(json_locate(text, len, "/a/0") <= len, "%s", text);
		free(printed);
	} else {
		FUZZ_CHECK(strcmp(parse.why.text, compact.why.text) == 0 && strcmp(parse.pointer, compact.pointer) == 0,
		           "parse: %s, compact: %s", parse.why.text, compact.why.text);
		json_object_put(value);
		value = NULL;
		FUZZ_CHECK(json_strict_parse_at(text, len, limits, &value, NULL, 0, &at, &reason) == parse.err && at <= len, "%s",
		           reason.text);
		json_position(text, at);
	}
	json_object_put(value);
	free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *exact = malloc(len ? len : 1);   /* not one byte behind it is there */

	memcpy(exact, data ? (const void *)data : "", len);
	check(exact, len, &JSON_LIMITS_DEFAULT);
	check(exact, len, &narrow);
	free(exact);
	return 0;
}
