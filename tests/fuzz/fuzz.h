/* What the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): it takes any bytes, and says by FUZZ_CHECK() what must hold for all
 * of them. With --enable-fuzzing it is linked with libFuzzer; else with replay.c, which gives it what is in its folders
 * (tests/fuzz/targets), so that what was found once stays fixed. One file, one format: what has several parts is divided
 * by lines of three dashes.
 */
#ifndef VF_FUZZ_H
#define VF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends the process, which is what a finding is. */
#define FUZZ_CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n\t", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__); \
			fputc('\n', stderr); \
			abort(); \
		} \
	} while (0)

/* A part of an input: a copy with a NUL behind it, of just that size, so that nothing can be read behind it. */
struct fuzz_part {
	char *text;
	size_t len;
};

static inline struct fuzz_part fuzz_part_new(const void *bytes, size_t len)
{
	struct fuzz_part part = { malloc(len + 1), len };

	if (len)
		memcpy(part.text, bytes, len);
	part.text[len] = '\0';
	return part;
}

/* Into n parts; those that are not there are empty, the last one is all the rest. */
static inline void fuzz_split(const uint8_t *data, size_t len, struct fuzz_part *parts, size_t n)
{
	static const char mark[] = "\n---\n";
	const size_t mark_len = sizeof(mark) - 1;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *found = i + 1 < n && len ? memmem(data, len, mark, mark_len) : NULL;
		size_t part_len = found ? (size_t)(found - data) : len;

		parts[i] = fuzz_part_new(data, part_len);
		data += found ? part_len + mark_len : len;
		len -= found ? part_len + mark_len : len;
	}
}

static inline void fuzz_free(struct fuzz_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(parts[i].text);
}

#endif
