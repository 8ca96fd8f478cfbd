#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "buffer.h"
#include "json_walk.h"

/* The entries as "name value|"; from a copy of the exact size, so that reading past the end is noticed. */
static void assert_walks(const char *text, size_t len, const char *expected)
{
	char *copy = malloc(len ? len : 1);
	struct json_walk walk;
	struct json_piece name, value;
	struct buffer out;

	memcpy(copy, text, len);
	buffer_init(&out, 1000);
	buffer_append_str(&out, "");
	walk = json_walk_of((struct json_piece){ copy, len });
	while (json_walk_next(&walk, &name, &value)) {
		if (name.at)
			buffer_append(&out, name.at, name.len);
		buffer_printf(&out, " %.*s|", (int)value.len, value.at);
	}
	assert_string_equal(out.data, expected);
	buffer_deinit(&out);
	free(copy);
}

static void members_and_items_come_in_order(void **state)
{
	static const struct { const char *text, *entries; } texts[] = {
		{ "{}", "" },
		{ "[]", "" },
		{ "{\"a\":1}", "\"a\" 1|" },
		{ "[1,\"x\",null,true,-2.5e3]", " 1| \"x\"| null| true| -2.5e3|" },
		{ "{\"a\":{\"b\":[1,{}]},\"c\":[]}", "\"a\" {\"b\":[1,{}]}|\"c\" []|" },
		{ "{\"a\\\"b\":\"}\",\"\":\"\\\\\"}", "\"a\\\"b\" \"}\"|\"\" \"\\\\\"|" },
		{ "[\"]\\\"\",[\"[,\"],\"\\\\\\\"\"]", " \"]\\\"\"| [\"[,\"]| \"\\\\\\\"\"|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_walks(texts[i].text, strlen(texts[i].text), texts[i].entries);
}

static void what_is_no_container_has_none(void **state)
{
	static const char *const texts[] = { "", "1", "null", "\"{}\"", "{", "[" };
	struct json_walk walk = json_walk_of((struct json_piece){ .at = NULL });
	struct json_piece name, value;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_walks(texts[i], strlen(texts[i]), "");
	assert_false(json_walk_next(&walk, &name, &value));
}

/* Whatever it is: an end is found, within the text. */
static void a_text_cut_anywhere_is_left_at_its_end(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\\\"\",{\"b\":[true,\"\\\\\"]}],\"c\\\"\":{\"d\":\"\\u0000\"},\"e\":-1}";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len ? len : 1);
		struct json_walk walk;
		struct json_piece name, value;

		memcpy(copy, text, len);
		walk = json_walk_of((struct json_piece){ copy, len });
		while (json_walk_next(&walk, &name, &value))
			assert_true(value.at >= copy && value.at + value.len <= copy + len);
		free(copy);
	}
	assert_walks("{}}]", 4, "");
	assert_walks("[,,]", 4, "");
	assert_walks("{x:1}", 5, "");
}

static void a_piece_is_compared_whole(void **state)
{
	(void)state;
	assert_true(json_piece_is((struct json_piece){ "abc", 2 }, "ab"));
	assert_false(json_piece_is((struct json_piece){ "abc", 2 }, "abc"));
	assert_false(json_piece_is((struct json_piece){ "abc", 2 }, "a"));
	assert_false(json_piece_is((struct json_piece){ .at = NULL }, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_items_come_in_order),
		cmocka_unit_test(what_is_no_container_has_none),
		cmocka_unit_test(a_text_cut_anywhere_is_left_at_its_end),
		cmocka_unit_test(a_piece_is_compared_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
