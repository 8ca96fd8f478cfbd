/* Vendor files: `vendor lint` finds what loading refuses, and what was loaded makes requests and understands answers.
 * Parts: the file; a payload, which is the vendor's answer, too. */
#include "fuzz.h"
#include "fuzz_vendor.h"

#include "outcome.h"
#include "request.h"
#include "store.h"
#include "vendor_lint.h"

#include <sys/mman.h>
#include <unistd.h>

static const int64_t NOW = INT64_C(1760000000000);

static char path[64];

static void count(void *arg, const struct vendor_mistake *mistake)
{
	FUZZ_CHECK(mistake->text[0], "a mistake without words");
	++*(size_t *)arg;
}

/* How many mistakes a text has as a vendor file. */
static size_t lint(const struct fuzz_part *text)
{
	static int fd = -1;
	const char *paths[] = { path };
	size_t n = 0;

	if (fd < 0)
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd = memfd_create("vendor", 0));
	FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, text->text, text->len, 0) == (ssize_t)text->len, "memfd");
	vendor_lint(paths, 1, fuzz_env, count, &n);
	return n;
}

static void check_lines(const struct request *request)
{
	FUZZ_CHECK(!strpbrk(request->url, "\r\n \t"), "%s", request->url);
	for (size_t i = 0; i < request->n_headers; i++)
		FUZZ_CHECK(!strpbrk(request->headers[i], "\r\n") && strchr(request->headers[i], ':'), "%s", request->headers[i]);
}

static void check_request(const struct vendor *vendor, const struct job *job)
{
	static const unsigned char key[STORE_SECRET_SIZE];
	const struct call_context context = { "http://127.0.0.1:3000", key, "an-access-token" };
	struct request request = { .url = NULL };
	struct err_text why = { "" };

	if (request_make(vendor, job, &context, NOW, &request, &why) == ERR_OK)
		check_lines(&request);
	else
		FUZZ_CHECK(why.text[0], "an error without a reason");
	request_clear(&request);
}

static void check_text(const char *text, const char *what)
{
	struct json_object *value = NULL;
	struct err_text why = { "" };

	if (text)
		FUZZ_CHECK(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why) == ERR_OK,
		           "%s: %s: %s", what, why.text, text);
	json_object_put(value);
}

static void check_outcome(const struct outcome *outcome)
{
	check_text(outcome->result, "result");
	check_text(outcome->history_entry, "history");
	check_text(outcome->poll, "poll");
}

static void check_answer(const struct vendor *vendor, const struct job *job, const struct fuzz_part *body, int status)
{
	const struct answer answer = { .transport = TRANSPORT_ANSWERED, .http_status = status, .body = body->text,
	                               .body_len = body->len, .retry_after_ms = -1, .location = "/polls/1", .sent_at = NOW };
	struct outcome outcome;

	outcome_of_answer(vendor, job, &answer, NOW, 7, &outcome);
	check_outcome(&outcome);
	outcome_deinit(&outcome);
}

static void use(const struct vendor *vendor, const struct fuzz_part *body)
{
	static const int statuses[] = { 200, 202, 404, 429, 503 };
	struct json_object *value = NULL;
	struct job *job;

	if (json_strict_parse(body->text, body->len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) == ERR_OK) {
		job = job_new(NOW, vendor->name, json_text(value, NULL), NOW + 1000);
		job->phase = PHASE_CALLING;
		check_request(vendor, job);
		for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
			check_answer(vendor, job, body, statuses[i]);
		job_free(job);
	}
	json_object_put(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[2];
	struct vendor vendor;
	struct err_text why = { "" };
	size_t n;
	enum err err;

	fuzz_split(data, len, parts, 2);
	err = fuzz_vendor_read(&vendor, parts[0].text, parts[0].len, &why);
	n = lint(&parts[0]);
	FUZZ_CHECK(!err || n > 0, "loading says: %s; lint finds nothing", why.text);
	if (!err)
		use(&vendor, &parts[1]);
	vendor__deinit(&vendor);
	fuzz_free(parts, 2);
	return 0;
}
