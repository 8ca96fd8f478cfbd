#include "route.h"

#include "buffer.h"

#include <string.h>

enum { ALLOW_MAX_BYTES = 256 };

static size_t part_len(const char *s) { return strcspn(s, "/"); }

/* Compares part by part; the parts that stand for {...} are copied into params_text, each with its NUL. */
static bool matches(const char *pattern, struct request *request)
{
	const char *path = request->path + strlen(request->prefix);
	char *text = request->params_text;
	int n = 0;

	while (*pattern == '/' && *path == '/') {
		size_t want, have;

		pattern++;
		path++;
		want = part_len(pattern);
		have = part_len(path);
		if (pattern[0] == '{' && have > 0 && n < REQUEST_PARAMS_MAX) {
			memcpy(text, path, have);
			text[have] = '\0';
			request->params[n++] = text;
			text += have + 1;
		} else if (want != have || memcmp(pattern, path, want) != 0) {
			return false;
		}
		pattern += want;
		path += have;
	}
	return !*pattern && !*path;
}

static bool method_matches(const struct route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
	       (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void append_method(struct buffer *allow, const char *method)
{
	if (allow->len)
		buffer_append_str(allow, ", ");
	buffer_append_str(allow, method);
	if (strcmp(method, "GET") == 0)
		buffer_append_str(allow, ", HEAD");
}

bool route_prefix_clashes(const struct route *const *routes, const char *prefix)
{
	for (; *prefix && *routes; routes++) {
		size_t len = 1 + part_len((*routes)->pattern + 1);

		if (len == 1 + part_len(prefix + 1) && memcmp((*routes)->pattern, prefix, len) == 0)
			return true;
	}
	return false;
}

/* The prefix if the path has it in front, else "". */
static const char *prefix_of(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(path, prefix, len) == 0 && path[len] == '/' ? prefix : "";
}

const struct route *route_find(const struct route *const *routes, const char *prefix, struct request *request,
                               struct reply *reply)
{
	const struct route *found = NULL;
	struct buffer allow;

	request->prefix = prefix_of(request->path, prefix);
	buffer_init(&allow, ALLOW_MAX_BYTES);
	for (; *routes && !found; routes++) {
		if (!matches((*routes)->pattern, request))
			continue;
		if (method_matches(*routes, request->method))
			found = *routes;
		append_method(&allow, (*routes)->method);
	}
	if (found)
		goto out;
	if (!allow.len) {
		reply_problem(reply, 404, "there is nothing at this path");
		goto out;
	}
	append_method(&allow, "OPTIONS");
	reply_header(reply, "Allow", allow.data);
	if (strcmp(request->method, "OPTIONS") == 0)
		reply->status = 204;
	else
		reply_problem(reply, 405, "this path answers to %s", allow.data);
out:
	buffer_deinit(&allow);
	return found;
}
