/* vendorfetch token new: a token for a client of the API, and the client's entry in the file of clients. */
#include "command.h"

#include "signature.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum { TOKEN_BYTES = 32, TOKEN_SIZE = 3 + 2 * TOKEN_BYTES + 1 };

/* "vf_" and hex digits: what looks for secrets in files and logs can find one. */
static bool make_token(char out[TOKEN_SIZE])
{
	unsigned char bytes[TOKEN_BYTES];
	bool made = getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
	int len = snprintf(out, TOKEN_SIZE, "vf_");

	for (int i = 0; i < TOKEN_BYTES; i++)
		len += snprintf(out + len, (size_t)(TOKEN_SIZE - len), "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	return made;
}

static int run(const struct settings *settings, const struct command_line *line)
{
	const char *name = line->operands[0];
	char token[TOKEN_SIZE], hash[SIGNATURE_TEXT_SIZE];

	(void)settings;
	if (!*name || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")]) {
		fprintf(stderr, "vendorfetch: a client's name has letters, digits, '.', '_' and '-' only\n");
		return COMMAND_USAGE;
	}
	if (!make_token(token)) {
		fprintf(stderr, "vendorfetch: no random bytes: %s\n", strerror(errno));
		return COMMAND_BAD;
	}
	signature_sha256_hex(token, strlen(token), hash);
	printf("The token, for the client; it is kept nowhere:\n\n  %s\n\n"
	       "The entry, for \"clients\" in the file of VENDORFETCH_TOKENS:\n\n"
	       "  {\"name\": \"%s\", \"token_sha256\": \"%s\", \"scopes\": [\"submit\", \"read\"]}\n", token, name, hash);
	explicit_bzero(token, sizeof(token));
	return COMMAND_OK;
}

const struct command token_new_command = {
	.name = "token new",
	.operands = "NAME",
	.operands_min = 1,
	.operands_max = 1,
	.help = "Makes a token for a client of the API.",
	.run = run,
};
