#include "uuid.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A batch of random bytes, so that an id costs no system call of its own. */
static struct {
	pthread_mutex_t lock;
	unsigned char bytes[1024];
	size_t left;
	int64_t last_ms;
	unsigned sequence;   /* the 12 bits of rand_a count up within a millisecond (RFC 9562, 6.2, method 1) */
} source = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void random_bytes(unsigned char *out, size_t len)
{
	if (source.left < len) {
		if (getrandom(source.bytes, sizeof(source.bytes), 0) != (ssize_t)sizeof(source.bytes)) {
			perror("getrandom");
			abort();
		}
		source.left = sizeof(source.bytes);
	}
	source.left -= len;
	memcpy(out, source.bytes + source.left, len);
}

/* Fills the time and the sequence so that they never go back within this process. */
static void next_tick(int64_t now_ms)
{
	unsigned char seed[2];

	if (now_ms > source.last_ms) {
		source.last_ms = now_ms;
		random_bytes(seed, sizeof(seed));
		source.sequence = ((unsigned)seed[0] << 8 | seed[1]) & 0x7ff;
	} else if (++source.sequence > 0xfff) {
		source.last_ms++;
		source.sequence = 0;
	}
}

void uuid_new(int64_t now_ms, char out[UUID_TEXT_SIZE])
{
	unsigned char r[8];
	uint64_t ms;
	unsigned sequence;

	pthread_mutex_lock(&source.lock);
	next_tick(now_ms);
	ms = (uint64_t)source.last_ms;
	sequence = source.sequence;
	random_bytes(r, sizeof(r));
	pthread_mutex_unlock(&source.lock);

	snprintf(out, UUID_TEXT_SIZE, "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	         (unsigned)(ms >> 16 & 0xffffffff), (unsigned)(ms & 0xffff), sequence,
	         (r[0] & 0x3f) | 0x80, r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
}

bool uuid_is_valid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; form[i]; i++) {
		char c = text[i];

		if (form[i] == '-' ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return text[i] == '\0';
}

bool uuid_parse(const char *text, char out[UUID_TEXT_SIZE])
{
	if (strlen(text) != UUID_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < UUID_TEXT_SIZE; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
	return uuid_is_valid(out);
}
