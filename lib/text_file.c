#include "text_file.h"

#include "mem.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BYTES = 4096 };

struct content {
	char *bytes;
	size_t len, size;
};

/* Doubles the room. Not realloc(), which would leave secrets in freed memory. */
static void grow(struct content *c)
{
	char *bytes = mem_alloc(2 * c->size);

	memcpy(bytes, c->bytes, c->len);
	secret_free_bytes(c->bytes, c->len);
	c->bytes = bytes;
	c->size *= 2;
}

/* Reads to the end of the file, or one byte past max_bytes. */
static int read_all(int fd, size_t max_bytes, struct content *c)
{
	ssize_t n;

	do {
		if (c->size - c->len < 2)
			grow(c);
		n = read(fd, c->bytes + c->len, c->size - c->len - 1);
		if (n > 0)
			c->len += (size_t)n;
	} while (c->len <= max_bytes && (n > 0 || (n < 0 && errno == EINTR)));
	c->bytes[c->len] = '\0';
	return n < 0 ? -1 : 0;
}

static enum err check(const char *path, size_t max_bytes, const struct content *c, struct err_text *why)
{
	if (c->len > max_bytes)
		return err_set(why, ERR_INVALID, "%s has more than %zu bytes", path, max_bytes);
	if (memchr(c->bytes, '\0', c->len))
		return err_set(why, ERR_INVALID, "%s has a NUL byte in it", path);
	return ERR_OK;
}

enum err text_file_read(const char *path, size_t max_bytes, char **text, size_t *len, struct err_text *why)
{
	struct content c = { mem_alloc(FIRST_BYTES), 0, FIRST_BYTES };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err err;

	*text = NULL;
	if (fd < 0)
		err = err_set(why, ERR_INVALID, "cannot open %s: %s", path, strerror(errno));
	else if (read_all(fd, max_bytes, &c) < 0)
		err = err_set(why, ERR_INVALID, "cannot read %s: %s", path, strerror(errno));
	else
		err = check(path, max_bytes, &c, why);
	if (fd >= 0)
		close(fd);
	if (err) {
		secret_free_bytes(c.bytes, c.len);
		return err;
	}
	*text = c.bytes;
	if (len)
		*len = c.len;
	return ERR_OK;
}
