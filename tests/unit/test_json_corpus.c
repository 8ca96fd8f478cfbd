/* Every text of tests/corpus/json gets the verdict that stands beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/reference.h"
#include "hex.h"
#include "json_strict.h"
#include "mem.h"

/* See tests/corpus/json/README. */
struct line {
	char *name, *verdict, *text;
	size_t len;
};

/* %XX is a byte. */
static size_t decode(char *text)
{
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		int byte = *c == '%' ? hex_byte(c + 1, strlen(c + 1)) : (unsigned char)*c;

		assert_true(byte >= 0);
		c += *c == '%' ? 2 : 0;
		text[n++] = (char)byte;
	}
	text[n] = '\0';
	return n;
}

static bool split(char *bytes, struct line *line)
{
	if (*bytes == '#' || *bytes == '\0')
		return false;
	line->name = strsep(&bytes, "\t");
	line->verdict = strsep(&bytes, "\t");
	line->text = bytes;
	assert_non_null(line->text);
	decode(line->verdict);
	line->len = decode(line->text);
	return true;
}

/* "= COMPACT", "=" for a text that is compact, or "BYTE: REASON". Both ways to read it say the same. */
static void assert_verdict(const struct line *line)
{
	char *copy = malloc(line->len ? line->len : 1), *compact, *said, *printed;
	struct err_text why = { "" }, again = { "" };
	struct json_object *value;
	enum err err;

	memcpy(copy, line->text, line->len);    /* of the exact size, for the sanitizers */
	err = json_strict_compact(copy, line->len, &JSON_LIMITS_DEFAULT, NULL, 0, &compact, NULL, 0, &why);
	assert_int_equal(json_strict_parse(copy, line->len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, &again), err);
	assert_string_equal(again.text, why.text);
	if (err == ERR_OK) {
		said = strcmp(compact, line->text) == 0 ? mem_strdup("=") : mem_printf("= %s", compact);
		printed = json_text(value, NULL);
		assert_string_equal(printed, compact);
		free(printed);
	} else {
		said = mem_strdup(why.text + strlen("byte "));
	}
	if (strcmp(said, line->verdict) != 0)
		fail_msg("%s: %s, not %s", line->name, said, line->verdict);
	json_object_put(value);
	free(said);
	free(compact);
	free(copy);
}

static size_t check_file(const char *name)
{
	char path[512], *bytes = NULL;
	size_t room = 0, n = 0;
	struct line line;
	ssize_t len;
	FILE *file;

	reference_source_path(name, path, sizeof(path));
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be opened", path);
	while ((len = getline(&bytes, &room, file)) > 0) {
		bytes[strcspn(bytes, "\n")] = '\0';
		if (!split(bytes, &line))
			continue;
		assert_verdict(&line);
		n++;
	}
	free(bytes);
	fclose(file);
	return n;
}

static void every_valid_text_is_taken(void **state)
{
	(void)state;
	assert_true(check_file("tests/corpus/json/valid.tsv") > 80);
}

static void every_invalid_text_is_refused_at_its_byte(void **state)
{
	(void)state;
	assert_true(check_file("tests/corpus/json/invalid.tsv") > 150);
}

static void what_the_standard_leaves_open_is_decided(void **state)
{
	(void)state;
	assert_true(check_file("tests/corpus/json/open.tsv") > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_valid_text_is_taken),
		cmocka_unit_test(every_invalid_text_is_refused_at_its_byte),
		cmocka_unit_test(what_the_standard_leaves_open_is_decided),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
