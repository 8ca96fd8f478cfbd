/* For tests that compare what is generated (a table in the documentation, a file) with what is committed. Include after
 * cmocka.h. With UPDATE_DOCS=1 in the environment the committed one is replaced instead. */
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

static inline bool reference_is_updated(void)
{
	const char *asked = getenv("UPDATE_DOCS");

	return asked && strcmp(asked, "1") == 0;
}

static inline FILE *reference_open(const char *path)
{
	FILE *file = fopen(path, reference_is_updated() ? "r+" : "r");

	if (!file)
		fail_msg("%s cannot be opened", path);
	return file;
}

/* Is this part of a file what is generated? With UPDATE_DOCS the file becomes before, generated, after. */
static inline void reference_compare(const char *path, FILE *file, const char *is, size_t is_len, const char *generated,
                                     const char *before, size_t before_len, const char *after)
{
	if (reference_is_updated()) {
		rewind(file);
		fprintf(file, "%.*s%s%s", (int)before_len, before, generated, after);
		fflush(file);
		assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
	} else if (is_len != strlen(generated) || memcmp(is, generated, is_len) != 0) {
		fail_msg("%s is old: run this test with UPDATE_DOCS=1", path);
	}
}

/* The table between the marks in a document. */
static inline void reference_check(const char *name, void (*print)(void))
{
	char path[512], *doc, *table, *begin, *end;
	FILE *file;

	reference_source_path(name, path, sizeof(path));
	file = reference_open(path);
	doc = reference_read(file);
	table = reference_capture(print);
	begin = strstr(doc, REFERENCE_BEGIN);
	assert_non_null(begin);
	begin += strlen(REFERENCE_BEGIN);
	end = strstr(begin, REFERENCE_END);
	assert_non_null(end);
	reference_compare(path, file, begin, (size_t)(end - begin), table, doc, (size_t)(begin - doc), end);
	fclose(file);
	free(table);
	free(doc);
}

/* A whole file. */
static inline void reference_check_file(const char *name, void (*print)(void))
{
	char path[512], *committed, *generated;
	FILE *file;

	reference_source_path(name, path, sizeof(path));
	file = reference_open(path);
	committed = reference_read(file);
	generated = reference_capture(print);
	reference_compare(path, file, committed, strlen(committed), generated, "", 0, "");
	fclose(file);
	free(generated);
	free(committed);
}

#endif
