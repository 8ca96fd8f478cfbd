/* Requests, from their parameters to the bytes of the answer, through routes, access and all handlers, over a store that
 * is made up here. Whatever comes: no 500, no header that is none, a body of the length that is told, and of JSON.
 *
 * The input is as HTTP has it: method and target, a line for each header, an empty line, the body. Content-Length is that
 * of the body unless there is a header. With Authorization tokens are asked for ("good" is one), without it they are not.
 */
#include "fuzz.h"

#include "../../fcgi/accept_pool.h"
#include "log.h"
#include "mem.h"
#include "signature.h"
#include "store_engine.h"

#include <ctype.h>
#include <time.h>
#include <unistd.h>

enum { OUT_SIZE = 1 << 20, HEADERS_MAX = 32, BODY_MAX = 64 << 10, NUMBER_SIZE = 24 };

static const int64_t NOW = INT64_C(1760000000000);

/* ---- A store in which the last digits of an id say what job it is ---- */

static struct store the_store;

static struct job *job_of(const char *request_id, const char *vendor)
{
	struct job *job = job_new(NOW, vendor, mem_strdup("{\"a\":1}"), NOW + 1000000);

	snprintf(job->request_id, sizeof(job->request_id), "%s", request_id);
	switch (request_id[strlen(request_id) - 1]) {
	case '1': job->phase = PHASE_WAITING_CALLBACK; job->fence = 1; break;
	case '2': job->phase = PHASE_CALLING; job->fence = 2; break;
	case '3': job->phase = PHASE_DONE; job->status = STATUS_COMPLETE; job->result = mem_strdup("{\"b\":[1.50]}"); break;
	case '4': job->phase = PHASE_DONE; job->status = STATUS_FAILED; job->error = mem_strdup("no \"such\" thing\n"); break;
	default: break;
	}
	return job;
}

/* The digit before it, whose. */
static const char *vendor_of(const char *request_id)
{
	switch (request_id[strlen(request_id) - 2]) {
	case '1': return "token";
	case '2': return "signed";
	case '3': return "own";
	default: return "hook";
	}
}

static bool is_known(const char *request_id) { return strchr("1234", request_id[strlen(request_id) - 1]) != NULL; }

static void fake_close(struct store *store) { (void)store; }
static enum err fake_ping(struct store *store, struct err_text *why) { (void)store, (void)why; return ERR_OK; }

static enum err fake_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why)
{
	(void)store, (void)why;
	for (size_t i = 0; i < n; i++) {
		const char *key = items[i].idempotency_key;

		items[i].outcome = !key || strchr(key, 'n') ? ERR_OK : strchr(key, 'e') ? ERR_EXISTS : ERR_CONFLICT;
	}
	return ERR_OK;
}

static enum err fake_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
{
	(void)store, (void)why;
	for (size_t i = 0; i < n; i++) {
		items[i].job = is_known(items[i].request_id) ? job_of(items[i].request_id, vendor_of(items[i].request_id)) : NULL;
		items[i].outcome = items[i].job ? ERR_OK : ERR_NOT_FOUND;
	}
	return ERR_OK;
}

static enum err fake_get_by_own_id(struct store *store, const char *vendor, const char *own, struct job **job,
                                   struct err_text *why)
{
	(void)store, (void)why;
	*job = own[0] == 'k' ? job_of("0199f0c2-0000-7000-8000-000000000001", vendor) : NULL;
	return *job ? ERR_OK : ERR_NOT_FOUND;
}

static enum err fake_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	(void)store, (void)why;
	for (size_t i = 0; i < n; i++)
		items[i].outcome = ERR_OK;
	return ERR_OK;
}

static enum err fake_early_put(struct store *store, const struct store_early *early, struct err_text *why)
{
	(void)store;
	return early->vendor_job_id[0] == 'f' ? err_set(why, ERR_FULL, "full") : ERR_OK;
}

static enum err fake_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why)
{
	(void)store, (void)keys, (void)n, (void)why;
	return ERR_OK;
}

static const struct store_engine fake_engine = {
	.scheme = "fake:", .close = fake_close, .ping = fake_ping, .try_write = fake_ping, .insert = fake_insert,
	.get_by_vendor_job_id = fake_get_by_own_id, .look = fake_look, .change = fake_change, .early_put = fake_early_put,
	.early_drop = fake_early_drop,
};

static enum err open_store(void *arg, struct store **store, struct err_text *why)
{
	(void)arg, (void)why;
	*store = &the_store;
	return ERR_OK;
}

/* ---- The API over it ---- */

static struct api api;
static struct access *open_access, *token_access;

static const char *const vendor_files[] = {
	"{\"name\":\"quick\",\"aliases\":[\"q\"],\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"}}",
	"{\"name\":\"hook\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"},\"response\":{\"job_id\":\"/id\"},"
	"\"callback\":{\"auth\":{\"type\":\"none\"}}}",
	"{\"name\":\"token\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"}}",
	"{\"name\":\"signed\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"},\"callback\":{\"secret\":\"s3cret\","
	"\"job_id_header\":\"X-Job\"}}",
	"{\"name\":\"own\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"},\"callback\":{\"auth\":{\"type\":\"hmac\","
	"\"secrets\":\"s3cret\",\"name\":\"X-Signature\",\"prefix\":\"sha256=\"}}}",
};

static void must(enum err err, const struct err_text *why) { FUZZ_CHECK(!err, "%s", why->text); }

static char *put_file(const char *dir, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	FILE *file = fopen(path, "w");

	FUZZ_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
	return path;
}

static void load_vendors(const char *dir)
{
	char *paths[sizeof(vendor_files) / sizeof(vendor_files[0])], name[NUMBER_SIZE];
	struct err_text why;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		paths[i] = put_file(dir, name, vendor_files[i]);
	}
	api.settings.vendors_dir = (char *)(uintptr_t)dir;
	must(vendors_new(&api.settings, true, &api.vendors, &why), &why);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		unlink(paths[i]);
		free(paths[i]);
	}
}

static void load_access(const char *dir)
{
	char hash[SIGNATURE_TEXT_SIZE], *text, *path;
	struct err_text why;

	signature_sha256_hex("good", 4, hash);
	text = mem_printf("{\"clients\":[{\"name\":\"c\",\"token_sha256\":\"%s\",\"scopes\":[\"submit\",\"read\"],"
	                  "\"tenant\":\"t\"}]}", hash);
	path = put_file(dir, "clients", text);
	must(access_new(&api.settings, &open_access, &why), &why);
	api.settings.tokens = path;
	must(access_new(&api.settings, &token_access, &why), &why);
	api.settings.tokens = (char *)"";
	unlink(path);
	free(path);
	free(text);
}

static void make_api(void)
{
	const char *redis_url = "unix:///nowhere/at/all";
	char dir[] = "/tmp/fuzz_request.XXXXXX";
	struct err_text why;

	log_init("fuzz_request", "error");
	api.settings = (struct settings){
		.redis_url = (char *)(uintptr_t)redis_url, .redis_prefix = (char *)"", .redis_timeout_ms = 50, .tokens = (char *)"",
		.default_vendor = (char *)"quick", .routes = (char *)"", .path_prefix = (char *)"/api", .open = 1,
		.accept_status = 202, .other_names = 1, .max_body_bytes = BODY_MAX, .idempotency_hours = 24, .retention_days = 30,
		.accept_timeout_ms = 2000,
	};
	api.body_limits = JSON_LIMITS_DEFAULT;
	the_store.engine = &fake_engine;
	FUZZ_CHECK(mkdtemp(dir), "%s", dir);
	load_vendors(dir);
	load_access(dir);
	rmdir(dir);
	must(extra_fields_new("request_id=requestId;result=data", &api.extra_fields, &why), &why);
	must(result_cache_new(redis_url, "", 50, 1 << 20, &api.cache, &why), &why);
	must(health_new(redis_url, "", 50, api.vendors, &api.health, &why), &why);
	must(queue_pusher_new(redis_url, "", 50, &api.pusher, &why), &why);
	api.link = store_link_new(open_store, &api, 2000);
	api.read = group_read_new(api.link);
	api.change = group_change_new(api.link);
	api.commit = group_commit_new(api.link, 2000, NULL, NULL);
	while (!store_link_get(api.link, NULL))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* ---- A request of the web server, and the answer ---- */

static void at_end_of_input(FCGX_Stream *stream) { stream->isClosed = 1; }
static void at_end_of_output(FCGX_Stream *stream, int closes) { (void)closes; stream->isClosed = 1; }

struct exchange {
	char *params[HEADERS_MAX + 5];
	int n;
	const char *body;
	size_t body_len;
	bool is_head;
};

static void put_param(struct exchange *x, char *param) { x->params[x->n++] = param; }

/* "Content-Type: x" is CONTENT_TYPE=x, "X-Job: y" is HTTP_X_JOB=y. */
static void put_header(struct exchange *x, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : len;
	bool own_name = (name_len == 12 && strncasecmp(line, "Content-Type", 12) == 0) ||
	                (name_len == 14 && strncasecmp(line, "Content-Length", 14) == 0);
	const char *value = colon ? colon + 1 + (colon[1] == ' ') : line + len;
	char *param = mem_printf("%s%.*s=%.*s", own_name ? "" : "HTTP_", (int)name_len, line, (int)(line + len - value), value);

	for (char *letter = param; *letter && *letter != '='; letter++)
		*letter = *letter == '-' ? '_' : (char)toupper((unsigned char)*letter);
	put_param(x, param);
}

static void read_exchange(const struct fuzz_part *input, struct exchange *x)
{
	const char *line = input->text, *end = input->text + input->len;
	size_t len = strcspn(line, "\n"), method_len = strcspn(line, " \n");
	bool has_length = false;

	memset(x, 0, sizeof(*x));
	put_param(x, mem_printf("REQUEST_METHOD=%.*s", (int)method_len, line));
	put_param(x, mem_printf("REQUEST_URI=%.*s", method_len < len ? (int)(len - method_len - 1) : 0, line + method_len + 1));
	x->is_head = method_len == 4 && memcmp(line, "HEAD", 4) == 0;
	for (line += len; line < end && *line == '\n'; line += len) {
		len = strcspn(++line, "\n");
		if (len == 0)
			break;
		has_length = has_length || strncasecmp(line, "Content-Length:", 15) == 0;
		if (x->n < HEADERS_MAX)
			put_header(x, line, len);
	}
	x->body = line < end && *line == '\n' ? line + 1 : end;
	x->body_len = (size_t)(end - x->body);
	put_param(x, mem_strdup("REMOTE_ADDR=127.0.0.1"));
	if (!has_length)
		put_param(x, mem_printf("CONTENT_LENGTH=%zu", x->body_len));
}

/* Lines of names and printable values; the value of this one, or NULL. */
static const char *check_head(const char *head, const char *end, const char *wanted)
{
	const char *found = NULL;

	for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2) {
		const char *line_end = strstr(line, "\r\n"), *p = line;

		while (isalnum((unsigned char)*p) || *p == '-')
			p++;
		FUZZ_CHECK(p > line && p[0] == ':' && p[1] == ' ', "%s", head);
		if (strncmp(line, wanted, strlen(wanted)) == 0 && p == line + strlen(wanted))
			found = p + 2;
		while (p < line_end && ((unsigned char)*p >= 0x20 && *p != 0x7f))
			p++;
		FUZZ_CHECK(p == line_end, "a header with a control character: %s", head);
	}
	return found;
}

static void check_answer(const struct exchange *x, const char *answer, size_t len)
{
	const char *head_end = strstr(answer, "\r\n\r\n"), *body = head_end ? head_end + 4 : NULL, *length;
	int status = strncmp(answer, "Status: ", 8) == 0 ? (int)strtol(answer + 8, NULL, 10) : 0;
	size_t body_len = body ? (size_t)(answer + len - body) : 0;
	struct json_object *value = NULL;
	struct err_text why;

	FUZZ_CHECK(body && status >= 200 && status != 500, "%s", answer);
	length = check_head(answer, head_end + 2, "Content-Length");
	if (!x->is_head && length)
		FUZZ_CHECK(strtoull(length, NULL, 10) == body_len, "%s", answer);
	if (body_len)
		FUZZ_CHECK(!x->is_head &&
		           json_strict_parse(body, body_len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why) == ERR_OK, "%s", answer);
	json_object_put(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static unsigned char out[OUT_SIZE + 1];
	struct fuzz_part input = fuzz_part_new(data, len);
	struct exchange x;
	unsigned char *body;
	FCGX_Stream in, answer = { .wrNext = out, .stop = out + OUT_SIZE, .rdNext = out + OUT_SIZE,
	                           .emptyBuffProc = at_end_of_output };
	FCGX_Request fcgx = { .in = &in, .out = &answer };

	if (!api.link)
		make_api();
	read_exchange(&input, &x);
	body = (unsigned char *)fuzz_part_new(x.body, x.body_len).text;
	in = (FCGX_Stream){ .rdNext = body, .stop = body + x.body_len, .wrNext = body + x.body_len, .stopUnget = body,
	                    .isReader = 1, .fillBuffProc = at_end_of_input };
	fcgx.envp = x.params;
	api.access = FCGX_GetParam("HTTP_AUTHORIZATION", x.params) ? token_access : open_access;
	accept_pool__serve(&api, &fcgx);
	*answer.wrNext = '\0';
	check_answer(&x, (const char *)out, (size_t)(answer.wrNext - out));
	for (int i = 0; i < x.n; i++)
		free(x.params[i]);
	free(body);
	free(input.text);
	return 0;
}
