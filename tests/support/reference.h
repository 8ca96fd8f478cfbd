/* For tests that compare a generated table with the one in the documentation. Include after cmocka.h.
 * With UPDATE_DOCS=1 in the environment the table in the documentation is replaced instead. */
#ifndef VF_TEST_REFERENCE_H
#define VF_TEST_REFERENCE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFERENCE_BEGIN "<!-- generated -->\n"
#define REFERENCE_END "<!-- /generated -->\n"

/* A file of the source tree: make check sets top_srcdir; by hand it is the current directory. */
static inline void reference_source_path(const char *name, char *out, size_t size)
{
	const char *srcdir = getenv("top_srcdir");

	snprintf(out, size, "%s/%s", srcdir ? srcdir : ".", name);
}

static inline char *reference_read(FILE *file)
{
	size_t size = 1 << 20, n;
	char *text = malloc(size);

	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	return text;
}

/* What print writes on stdout. */
static inline char *reference_capture(void (*print)(void))
{
	FILE *file = tmpfile();
	int out;
	char *text;

	assert_non_null(file);
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	print();
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	text = reference_read(file);
	fclose(file);
	return text;
}

static inline void reference_check(const char *name, void (*print)(void))
{
	const char *asked = getenv("UPDATE_DOCS");
	bool update = asked && strcmp(asked, "1") == 0;
	char path[512], *doc, *table, *begin, *end;
	FILE *file;

	reference_source_path(name, path, sizeof(path));
	file = fopen(path, update ? "r+" : "r");
	assert_non_null(file);
	doc = reference_read(file);
	table = reference_capture(print);
	begin = strstr(doc, REFERENCE_BEGIN);
	assert_non_null(begin);
	begin += strlen(REFERENCE_BEGIN);
	end = strstr(begin, REFERENCE_END);
	assert_non_null(end);
	if (update) {
		rewind(file);
		fprintf(file, "%.*s%s%s", (int)(begin - doc), doc, table, end);
		fflush(file);
		assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
	} else if ((size_t)(end - begin) != strlen(table) || memcmp(begin, table, strlen(table)) != 0) {
		fail_msg("the table in %s is old: run this test with UPDATE_DOCS=1", path);
	}
	fclose(file);
	free(table);
	free(doc);
}

#endif
