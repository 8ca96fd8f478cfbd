/* A baseline: how many calls a bare libcurl-multi loop makes to a vendor, with nothing around it.
 *
 *   curl_rate URL IN_FLIGHT BODY_FILE SECONDS       prints one line of JSON, see rate.h
 *
 * So many calls at the same time on kept connections, each of which is followed by the next when its answer is there:
 * POSTs of the same body with an Idempotency-Key of their own, as the worker sends them.
 */
#include "clock.h"
#include "err.h"
#include "mem.h"
#include "rate.h"
#include "text_file.h"
#include "uuid.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { IN_FLIGHT_MAX = 10000, SECONDS_MAX = 3600, BODY_BYTES_MAX = 16 << 20, WAIT_MS = 1000, TIMEOUT_MS = 10000 };

struct call {
	CURL *easy;
	struct curl_slist *headers;
};

static size_t drop(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

static void call_send(CURLM *multi, struct call *call)
{
	char id[UUID_TEXT_SIZE], *key;

	uuid_new(clock_now_ms(), id);
	key = mem_printf("Idempotency-Key: %s", id);
	curl_slist_free_all(call->headers);
	call->headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), key);
	free(key);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
	curl_multi_add_handle(multi, call->easy);
}

static void call_init(struct call *call, const char *url, const char *body, size_t body_bytes)
{
	call->easy = curl_easy_init();
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)body_bytes);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(call->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
}

/* Counts the calls that are over, and sends the next ones. False: one of them failed. */
static bool take_answers(CURLM *multi, struct rate *rate)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left))) {
		CURLcode result = message->data.result;
		CURL *easy = message->easy_handle;
		curl_off_t took_us = 0;
		struct call *call;
		long status = 0;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took_us);
		if (result != CURLE_OK || status != 200) {
			fprintf(stderr, "curl_rate: status %ld: %s\n", status, curl_easy_strerror(result));
			return false;
		}
		rate_add(rate, took_us);
		curl_multi_remove_handle(multi, easy);
		call_send(multi, call);
	}
	return true;
}

static bool run(const char *url, int in_flight, const char *body, size_t body_bytes, int seconds)
{
	struct call *calls = mem_calloc((size_t)in_flight, sizeof(*calls));
	CURLM *multi = curl_multi_init();
	struct rate rate;
	int running;
	bool well = true;

	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
	rate_init(&rate, seconds);
	for (int i = 0; i < in_flight; i++) {
		call_init(&calls[i], url, body, body_bytes);
		call_send(multi, &calls[i]);
	}
	while (well && rate_begin(&rate)) {
		well = curl_multi_perform(multi, &running) == CURLM_OK && take_answers(multi, &rate) &&
		       curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL) == CURLM_OK;
	}
	if (well)
		rate_print(&rate, 1);
	rate_deinit(&rate);
	for (int i = 0; i < in_flight; i++) {
		curl_multi_remove_handle(multi, calls[i].easy);
		curl_easy_cleanup(calls[i].easy);
		curl_slist_free_all(calls[i].headers);
	}
	curl_multi_cleanup(multi);
	free(calls);
	return well;
}

int main(int argc, char **argv)
{
	int in_flight = argc == 5 ? rate_argument(argv[2], IN_FLIGHT_MAX) : 0;
	int seconds = argc == 5 ? rate_argument(argv[4], SECONDS_MAX) : 0;
	struct err_text why = { "" };
	size_t body_bytes;
	char *body;
	bool well;

	if (!in_flight || !seconds) {
		fprintf(stderr, "usage: curl_rate URL IN_FLIGHT BODY_FILE SECONDS\n");
		return 2;
	}
	if (text_file_read(argv[3], BODY_BYTES_MAX, &body, &body_bytes, &why) != ERR_OK) {
		fprintf(stderr, "curl_rate: %s\n", why.text);
		return 1;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	well = run(argv[1], in_flight, body, body_bytes, seconds);
	curl_global_cleanup();
	free(body);
	return well ? 0 : 1;
}
