/* vendorfetch vendor test: one real call, as the worker makes it, and what the worker would make of the answer.
 *
 * The request is made by lib/request.h, carried out by http/exchange.h, judged and cleaned by lib/outcome.h: the worker's own.
 * What is printed has no secrets in it (lib/redact.h), wherever they come back.
 */
#include "command.h"
#include "mistakes.h"

#include "../http/exchange.h"
#include "../http/http.h"
#include "../http/token_fetch.h"
#include "clock.h"
#include "json_strict.h"
#include "mem.h"
#include "redact.h"
#include "secret.h"
#include "store.h"
#include "text_file.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* What the worker would make of it; beside those of every command. */
enum { TEST_FAIL = 3, TEST_RETRY = 4, TEST_NO_DATA = 5 };

enum { PAYLOAD_BYTES_MAX = 15 << 20, SHOWN_BYTES_MAX = 64 << 10, HEAD_BYTES_MAX = 300 << 10 };

enum option { OPTION_PAYLOAD, OPTION_FILE, OPTION_DRY_RUN, OPTION_POLL };

struct test {
	const struct settings *settings;
	const struct command_line *line;
	struct vendor_set *set;
	const struct vendor *vendor;
	struct redaction *redaction;
	struct job *job;
	char *token;               /* the access token that the vendor's calls show, or NULL */
	char token_id[TOKEN_ID_SIZE];
	CURL *easy;
	struct buffer head;        /* of the answer that is coming in */
};

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "vendorfetch: %s: %s\n", what, why);
	return COMMAND_BAD;
}

/* ---- Printing ---- */

/* What a terminal would obey is written as \xNN. Line ends stay where there may be several lines. */
static void print_plain(const char *text, size_t len, bool lines)
{
	for (size_t i = 0, bytes; i < len; i += bytes) {
		char c = text[i];

		bytes = utf8_printable(text + i, len - i);
		if (bytes == 0 && (c == '\t' || (c == '\n' && lines)))
			bytes = 1;
		fwrite(text + i, 1, bytes, stdout);
		if (bytes > 0)
			continue;
		bytes = 1;
		if (c != '\r' || !lines || i + 1 >= len || text[i + 1] != '\n')
			printf("\\x%02x", (unsigned char)c);
	}
}

static void print_text(const struct test *t, const char *text, size_t len, bool lines)
{
	size_t shown_len;
	char *shown = redaction_apply(t->redaction, text, len, &shown_len);
	size_t most = shown_len < SHOWN_BYTES_MAX ? shown_len : SHOWN_BYTES_MAX;

	print_plain(shown, most, lines);
	if (most < shown_len)
		printf("\n... and %zu bytes more", shown_len - most);
	explicit_bzero(shown, shown_len);
	free(shown);
}

static void print_line(const struct test *t, const char *name, const char *text)
{
	printf("%s", name);
	print_text(t, text, strlen(text), false);
	putchar('\n');
}

static void print_body(const struct test *t, const char *body, size_t len)
{
	if (len == 0)
		return;
	putchar('\n');
	print_text(t, body, len, true);
	putchar('\n');
}

static void print_request(const struct test *t, const struct request *request)
{
	printf("> %s ", request->method);
	print_line(t, "", request->url);
	for (size_t i = 0; i < request->n_headers; i++)
		print_line(t, "> ", request->headers[i]);
	print_body(t, request->body ? request->body : "", request->body_len);
}

/* ---- The answer ---- */

/* Of a head that curl tells line by line: of several (a 100 before it) the last. */
static void keep_head(struct exchange *exchange, const char *line, size_t len)
{
	struct test *t;

	curl_easy_getinfo(exchange->easy, CURLINFO_PRIVATE, (char **)&t);
	if (strncasecmp(line, "HTTP/", 5) == 0)
		buffer_reset(&t->head);
	buffer_append(&t->head, line, len);
}

static const struct exchange_hooks hooks = { .on_header = keep_head };

/* What a vendor sets as a cookie is its secret. */
static void print_head(const struct test *t)
{
	const char *end = t->head.data ? t->head.data + t->head.len : NULL;

	for (const char *line = t->head.data; line && line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((next ? next : end) - line);

		while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
			len--;
		if (len > strlen("set-cookie:") && strncasecmp(line, "set-cookie:", strlen("set-cookie:")) == 0)
			printf("< Set-Cookie: " REDACTED "\n");
		else if (len > 0) {
			printf("< ");
			print_text(t, line, len, false);
			putchar('\n');
		}
		line = next ? next + 1 : end;
	}
}

static double ms_of(CURL *easy, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, what, &us);
	return (double)us / 1000;
}

static void print_answer(const struct test *t, const struct exchange *exchange)
{
	static const char *const transports[TRANSPORT_COUNT] = {
		[TRANSPORT_ANSWERED] = "answered", [TRANSPORT_NOT_MADE] = "not made", [TRANSPORT_NOT_SENT] = "not sent",
		[TRANSPORT_CONNECT_FAILED] = "no connection", [TRANSPORT_TIMEOUT] = "no answer in time",
		[TRANSPORT_CONNECTION_LOST] = "connection lost", [TRANSPORT_TOO_BIG] = "too big",
		[TRANSPORT_LOCAL_ERROR] = "not possible from here",
	};
	const struct answer *answer = &exchange->answer;

	printf("\n");
	print_head(t);
	print_body(t, answer->body, answer->body_len);
	printf("\nanswer: %s", transports[answer->transport]);
	if (answer->transport == TRANSPORT_ANSWERED)
		printf(" %d", answer->http_status);
	if (answer->detail) {
		printf(": ");
		print_text(t, answer->detail, strlen(answer->detail), false);
	}
	printf("\ntimes: name %.1f ms, connected %.1f ms, TLS %.1f ms, first byte %.1f ms, all %.1f ms\n",
	       ms_of(t->easy, CURLINFO_NAMELOOKUP_TIME_T), ms_of(t->easy, CURLINFO_CONNECT_TIME_T),
	       ms_of(t->easy, CURLINFO_APPCONNECT_TIME_T), ms_of(t->easy, CURLINFO_STARTTRANSFER_TIME_T),
	       ms_of(t->easy, CURLINFO_TOTAL_TIME_T));
}

/* ---- What the worker would make of it ---- */

static bool is_no_data(const struct outcome *outcome)
{
	return outcome->history_entry && strstr(outcome->history_entry, "\"outcome\":\"no_data\"");
}

static double seconds_until(int64_t at) { return (double)(at - clock_now_ms()) / 1000; }

/* The rest of the verdict's line. */
static int print_verdict(const struct test *t, const struct outcome *outcome)
{
	const struct retry_rules *retry = &t->vendor->retry;

	switch (outcome->kind) {
	case OUTCOME_COMPLETE:
		if (!is_no_data(outcome)) {
			printf("success: the job would be complete\n");
			return COMMAND_OK;
		}
		printf("no_data: the vendor has nothing; the job would be complete with response/no_data_result\n");
		return TEST_NO_DATA;
	case OUTCOME_AWAIT_CALLBACK:
		printf("success: the vendor has accepted the job; the worker would wait %.0f s for its callback "
		       "(one for this job will be refused: no store has it)\n", seconds_until(outcome->callback_until));
		return COMMAND_OK;
	case OUTCOME_AWAIT_POLL:
		printf("success: the vendor has accepted the job; the worker would ask for it in %.1f s\n",
		       seconds_until(outcome->retry_at));
		return COMMAND_OK;
	case OUTCOME_POLL_AGAIN:
		printf("success: the vendor is at work; the worker would ask again in %.1f s\n", seconds_until(outcome->retry_at));
		return COMMAND_OK;
	case OUTCOME_RETRY:
		printf("retry: the worker would call again in %.1f s, up to %d times in all\n", seconds_until(outcome->retry_at),
		       retry->max_attempts);
		return TEST_RETRY;
	case OUTCOME_RETURNED:
		printf("retry: the worker would call again in %.1f s; this call costs the job no attempt\n",
		       seconds_until(outcome->retry_at));
		return TEST_RETRY;
	case OUTCOME_FAILED:
		break;
	}
	printf("fail: the job would fail, and not be tried again\n");
	return TEST_FAIL;
}

static int print_outcome(const struct test *t, const struct outcome *outcome)
{
	static const char *const modes[] = { [VENDOR_SYNC] = "sync", [VENDOR_ASYNC] = "async", [VENDOR_POLL] = "poll" };
	int status;

	printf("mode: %s\nverdict: ", modes[t->vendor->mode]);
	status = print_verdict(t, outcome);
	if (outcome->hold_ms > 0)
		printf("hold: no job of this vendor would be called for %.1f s\n", (double)outcome->hold_ms / 1000);
	if (outcome->error)
		print_line(t, "error: ", outcome->error);
	if (outcome->vendor_job_id)
		print_line(t, "vendor's job id: ", outcome->vendor_job_id);
	if (outcome->result) {
		printf("result: ");
		print_text(t, outcome->result, strlen(outcome->result), false);
		putchar('\n');
	}
	return status;
}

/* ---- The access token ---- */

static enum err fetch_token(const struct test *t, struct oauth2_token *token, struct err_text *why)
{
	CURLM *multi = curl_multi_init();
	struct token_fetch *fetch = multi ? token_fetch_begin(multi, t->vendor, NULL) : NULL;
	enum err err = err_set(why, ERR_UNAVAILABLE, "curl does not take the request");
	int running = fetch != NULL, left;
	int64_t retry_after_ms;
	CURLMsg *message;

	while (running) {
		curl_multi_perform(multi, &running);
		if (running)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	message = fetch ? curl_multi_info_read(multi, &left) : NULL;
	if (message)
		err = token_fetch_end(fetch, message->data.result, token, &retry_after_ms, why);
	token_fetch_free(fetch);
	curl_multi_cleanup(multi);
	return err;
}

/* A new one, for this test alone; the workers' lies in Redis. */
static int get_token(struct test *t)
{
	struct oauth2_token token = { .text = NULL };
	struct err_text why = { "" };

	if (!t->vendor->oauth2.url)
		return COMMAND_OK;
	token_new_id(t->token_id);
	if (t->line->values[OPTION_DRY_RUN]) {
		t->token = mem_strdup(REDACTED);
		return COMMAND_OK;
	}
	print_line(t, "token: asked for at ", t->vendor->oauth2.url);
	if (fetch_token(t, &token, &why) != ERR_OK || !token.text) {
		print_line(t, "error: ", why.text);
		printf("verdict: retry: jobs would wait until there is a token\n");
		return TEST_RETRY;
	}
	t->token = token.text;
	redaction_add(t->redaction, t->token, strlen(t->token));
	printf("token: good for %.0f s\n\n", (double)token.life_ms / 1000);
	return COMMAND_OK;
}

/* ---- The call ---- */

static uint32_t random_bits(void)
{
	uint32_t bits;

	return getrandom(&bits, sizeof(bits), 0) == (ssize_t)sizeof(bits) ? bits : (uint32_t)clock_mono_us();
}

/* What the store would keep of the outcome for the next poll. */
static void go_on(struct job *job, struct outcome *outcome)
{
	job->phase = PHASE_POLLING;
	job->attempts += outcome->attempts_add;
	job->fence++;
	if (outcome->deadline_at)
		job->deadline_at = outcome->deadline_at;
	if (outcome->vendor_job_id) {
		free(job->vendor_job_id);
		job->vendor_job_id = mem_strdup(outcome->vendor_job_id);
	}
	if (outcome->poll) {
		free(job->poll);
		job->poll = mem_strdup(outcome->poll);
	}
}

static void wait_until(int64_t at)
{
	int64_t ms = at - clock_now_ms();
	struct timespec wait = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	fflush(stdout);
	while (ms > 0 && nanosleep(&wait, &wait) < 0)
		;
}

/* One exchange, a call or a poll; *again: there is a poll to come, at outcome->retry_at. Gives the exit status. */
static int exchange_once(struct test *t, struct outcome *outcome)
{
	unsigned char key[STORE_SECRET_SIZE];   /* no callback of a job that no store knows can be good */
	const struct call_context context = { .api_base_url = t->settings->api_base_url, .callback_key = key,
	                                      .access_token = t->token };
	bool dry = t->line->values[OPTION_DRY_RUN] != NULL, made;
	struct exchange exchange;
	int status = COMMAND_OK;

	memset(key, 0, sizeof(key));
	*outcome = (struct outcome){ .kind = OUTCOME_COMPLETE };
	exchange_init(&exchange, t->vendor, &hooks);
	exchange.token_id = t->token ? t->token_id : NULL;
	made = exchange_make_request(&exchange, t->job, &context);
	if (made)
		print_request(t, &exchange.request);
	if (made && !dry) {
		curl_easy_reset(t->easy);
		buffer_reset(&t->head);
		exchange_prepare(&exchange, t->easy);
		curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
		exchange_finish(&exchange, curl_easy_perform(t->easy));
		print_answer(t, &exchange);
	}
	if (!made || !dry) {
		outcome_of_answer(t->vendor, t->job, &exchange.answer, clock_now_ms(), random_bits(), outcome);
		status = print_outcome(t, outcome);
	}
	exchange_deinit(&exchange);
	return status;
}

static bool is_waiting(const struct outcome *outcome)
{
	return outcome->kind == OUTCOME_AWAIT_POLL || outcome->kind == OUTCOME_POLL_AGAIN;
}

static int call(struct test *t)
{
	struct outcome outcome;
	int status = exchange_once(t, &outcome);

	while (t->line->values[OPTION_POLL] && is_waiting(&outcome) && outcome.retry_at < t->job->deadline_at) {
		go_on(t->job, &outcome);
		wait_until(outcome.retry_at);
		outcome_deinit(&outcome);
		printf("\n");
		status = exchange_once(t, &outcome);
	}
	outcome_deinit(&outcome);
	return status;
}

/* ---- What is called, and with what ---- */

static const char *name_of(const struct command_line *line) { return line->n_operands ? line->operands[0] : NULL; }

/* All mistakes, with their lines; what this machine lacks is one, for there would be no call. */
static int load_file(struct test *t, const char *path)
{
	struct mistakes_shown shown = { .out = stderr, .strict = true };
	struct err_text why = { "" };

	vendor_lint(&path, 1, settings_env, mistakes_show, &shown);
	if (shown.count > 0)
		return COMMAND_BAD;
	if (vendor_set_load_file(path, settings_env, &t->set, &why) != ERR_OK)
		return refuse(path, why.text);
	t->vendor = vendor_at(t->set, 0);
	if (name_of(t->line) && !vendor_find(t->set, name_of(t->line)))
		return refuse(name_of(t->line), "the file is another vendor's");
	return COMMAND_OK;
}

/* One file only: that others are bad, or lack something here, is no reason not to try this one. */
static int load_vendor(struct test *t)
{
	struct err_text why = { "" };
	char *path;
	int status;

	if (t->line->values[OPTION_FILE])
		return load_file(t, t->line->values[OPTION_FILE]);
	if (vendor_find_file(t->settings->vendors_dir, name_of(t->line), &path, &why) != ERR_OK)
		return refuse(name_of(t->line), why.text);
	status = load_file(t, path);
	free(path);
	return status;
}

static enum err read_payload_text(const char *from, char **text, size_t *len, struct err_text *why)
{
	if (from && strcmp(from, "-") == 0)
		return text_file_read("/dev/stdin", PAYLOAD_BYTES_MAX, text, len, why);
	if (from && from[0] == '@')
		return text_file_read(from + 1, PAYLOAD_BYTES_MAX, text, len, why);
	*text = mem_strdup(from ? from : "{}");
	*len = strlen(*text);
	return ERR_OK;
}

/* Compact, as POST /jobs makes it. */
static int read_payload(const struct command_line *line, char **payload)
{
	struct json_object *value = NULL;
	struct err_text why = { "" };
	char *text = NULL, pointer[256] = "";
	size_t len;
	enum err err = read_payload_text(line->values[OPTION_PAYLOAD], &text, &len, &why);

	if (err == ERR_OK)
		err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &value, pointer, sizeof(pointer), &why);
	if (err == ERR_OK)
		*payload = json_text(value, NULL);
	else
		fprintf(stderr, "vendorfetch: --payload: %s%s%s\n", pointer, pointer[0] ? ": " : "", why.text);
	json_object_put(value);
	free(text);
	return err == ERR_OK ? COMMAND_OK : COMMAND_BAD;
}

static int run_test(struct test *t)
{
	int64_t now = clock_now_ms();
	char *payload = NULL;
	int status = load_vendor(t);

	if (status == COMMAND_OK && t->line->values[OPTION_POLL] && t->vendor->mode != VENDOR_POLL)
		status = refuse("--poll", "this vendor's mode is not poll");
	if (status == COMMAND_OK)
		status = read_payload(t->line, &payload);
	if (status != COMMAND_OK)
		return status;
	t->redaction = redaction_new(t->vendor);
	t->job = job_new(now, t->vendor->name, payload, now + t->vendor->deadline_ms);
	t->job->phase = PHASE_CALLING;
	t->job->fence = 1;
	if (!t->line->values[OPTION_DRY_RUN])
		fprintf(stderr, "vendorfetch: a real call: it counts against the limits at the vendor, and is not counted here\n");
	status = get_token(t);
	return status == COMMAND_OK ? call(t) : status;
}

static int run(const struct settings *settings, const struct command_line *line)
{
	struct test t = { .settings = settings, .line = line };
	int status;

	if (!name_of(line) && !line->values[OPTION_FILE]) {
		fprintf(stderr, "vendorfetch: vendor test needs the NAME of a vendor, or --file\n");
		return COMMAND_USAGE;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	http_use_ca_file(t.settings->ca_file);
	t.easy = curl_easy_init();
	buffer_init(&t.head, HEAD_BYTES_MAX);
	status = t.easy ? run_test(&t) : refuse("curl", "cannot be set up");
	buffer_deinit(&t.head);
	curl_easy_cleanup(t.easy);
	curl_global_cleanup();
	job_free(t.job);
	secret_free(t.token);
	redaction_free(t.redaction);
	vendor_set_free(t.set);
	return status;
}

const struct command vendor_test_command = {
	.name = "vendor test",
	.operands = " [NAME]",
	.operands_max = 1,
	.options = { [OPTION_PAYLOAD] = { "--payload", "JSON|@FILE|-" }, [OPTION_FILE] = { "--file", "FILE" },
	             [OPTION_DRY_RUN] = { "--dry-run", NULL }, [OPTION_POLL] = { "--poll", NULL } },
	.help = "Makes one real call, as the worker would, and shows request, answer, verdict and cleaned result, without secrets. "
	        "--file: of a file that is not installed. --dry-run: shows the request only. --poll: asks until the vendor is done. "
	        "Store, Redis and limits are not touched. "
	        "Exit status: 0 success, 1 nothing was called, 3 the job would fail, 4 it would be tried again, 5 no data.",
	.run = run,
};
