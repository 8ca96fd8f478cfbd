#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_strict.h"
#include "vendor_priv.h"
#include "../support/reference.h"

static void every_type_has_a_reader_a_schema_and_what_may_be_shown(void **state)
{
	(void)state;
	for (int i = 0; i < TYPE_COUNT; i++) {
		const struct type *type = vendor__type((enum member_type)i);
		struct json_object *schema = NULL;
		struct err_text why;

		if (!type->name || !type->read || !type->schema || !type->show)
			fail_msg("type %d (%s) has empty columns in lib/vendor_member.c", i, type->name ? type->name : "no name");
		if (json_strict_parse(type->schema, strlen(type->schema), &JSON_LIMITS_DEFAULT, &schema, NULL, 0, &why) != ERR_OK)
			fail_msg("the schema of type \"%s\": %s", type->name, why.text);
		assert_true(json_object_is_type(schema, json_type_object));
		json_object_put(schema);
	}
}

/* A fallback that the reader refuses would make every file bad; one that is no JSON would end show and schema. */
static void every_fallback_is_json(const char *group, size_t *seen)
{
	for (const struct member *m = NULL; (m = vendor__next_in_group(group, m)); (*seen)++) {
		struct json_object *value = NULL;
		char inside[128];
		struct err_text why;

		snprintf(inside, sizeof(inside), vendor__type(m->type)->rows == ROWS_OF_ENTRIES ? "%s/*/" : "%s/", m->path);
		every_fallback_is_json(inside, seen);
		if (!m->fallback || m->fallback == MEMBER_REQUIRED)
			continue;
		if (json_strict_parse(m->fallback, strlen(m->fallback), &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why) != ERR_OK)
			fail_msg("the default of %s: %s", m->path, why.text);
		json_object_put(value);
	}
}

static size_t rows_in_reference(void)
{
	char *table = reference_capture(vendor_print_reference);
	size_t n = 0;

	for (char *row = table; (row = strstr(row, "\n| `")); row++)
		n++;
	free(table);
	return n;
}

/* So that no row is out of reach of reader, show and schema. */
static void every_row_of_the_table_is_in_a_group_that_some_row_opens(void **state)
{
	size_t seen = 0;

	(void)state;
	every_fallback_is_json("", &seen);
	assert_int_equal(seen, rows_in_reference());
}

static void the_committed_schema_is_current(void **state)
{
	(void)state;
	reference_check_file("etc/vendor.schema.json", vendor_print_schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_a_reader_a_schema_and_what_may_be_shown),
		cmocka_unit_test(every_row_of_the_table_is_in_a_group_that_some_row_opens),
		cmocka_unit_test(the_committed_schema_is_current),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
