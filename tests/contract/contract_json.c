/* JSON comes out as it went in, byte by byte, as payload and as result. */
#include "store_contract.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
	/* the empty and the scalar */
	"{}", "[]", "\"\"", "null", "true", "false", "0", "-1", "\"text\"", "[[]]", "[{}]", "{\"a\":{}}",
	"{\"a\":[]}", "[null,true,false,0,\"\",[],{}]", "{\"a\":null}",
	/* numbers: the text counts, not the value */
	"1.0", "1.00", "1e3", "1E3", "1e+3", "-0", "-0.0", "0.1", "1e-7", "123456789.123456789",
	"0.30000000000000004", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
	"18446744073709551616", "123456789012345678901234567890", "2147483647", "2147483648", "4294967296",
	"9007199254740993", "5e-324", "1e400", "3.141592653589793238462643383279", "[1,1.0,1e0]",
	"{\"price\":10.50,\"qty\":1e2}",
	/* strings and escapes */
	"\"\\u0000\"", "{\"a\":\"x\\u0000y\"}", "\"\\u0041\"", "\"\\/\"", "\"/\"",
	"\"\\b\\f\\n\\r\\t\\\\\\\"\"", "\"\\u00e9\"", "\"\\u00E9\"", "\"\xc3\xa9\"", "\"\\ud83d\\ude00\"",
	"\"\xf0\x9f\x98\x80\"", "\"\\u007f\"", "\"\x7f\"", "\"\xe2\x80\xa8\xe2\x80\xa9\"", "\"\xef\xbf\xbf\"",
	"\"\xef\xbb\xbf\"", "\"e\xcc\x81\"", "\"\xe6\x97\xa5\xe6\x9c\xac\"",
	"\"it's \\\"quoted\\\" -- ; %s %n \"",
	/* keys */
	"{\"\":1}", "{\"\":{\"\":{}}}", "{\"a.b\":1,\"a\":{\"b\":2}}", "{\"$set\":{\"status\":\"complete\"}}",
	"{\"a\":{\"$inc\":1}}", "{\"_id\":1}", "{\"_id\":null,\"x\":[{\"_id\":2}]}",
	"{\"requestId\":\"x\",\"status\":\"y\"}", "{\"b\":1,\"a\":2}", "{\"0\":1,\"1\":2}",
	"{\"a\":1,\"A\":2}", "{\"a\":1,\"a\":2}", "{\"\\u0061\":1}", "{\"\\u0000\":1}",
	"{\"\xf0\x9f\x98\x80\":\"\xc3\xa9\"}", "{\"a b\":1,\" \":2}", "{\"__proto__\":1,\"constructor\":2}",
	"{\"$\":1,\".\":2,\"..\":3,\"$$\":4}",
	/* what a database's own JSON dialect would take for something else */
	"{\"$oid\":\"507f1f77bcf86cd799439011\"}", "{\"a\":{\"$numberLong\":\"5\"}}",
	"{\"a\":{\"$numberInt\":\"5\"}}", "{\"a\":{\"$date\":\"2026-11-22T00:00:00Z\"}}",
	"{\"a\":{\"$date\":{\"$numberLong\":\"0\"}}}", "{\"a\":{\"$undefined\":true}}",
	"{\"a\":{\"$binary\":{\"base64\":\"AAAA\",\"subType\":\"00\"}}}",
	"{\"a\":{\"$regex\":\"x\",\"$options\":\"i\"}}", "{\"a\":{\"$numberDouble\":\"NaN\"}}",
	"{\"a\":{\"$numberDecimal\":\"1.10\"}}", "{\"a\":{\"$minKey\":1}}", "{\"a\":{\"$code\":\"x\"}}",
	"{\"a\":{\"$ref\":\"c\",\"$id\":\"d\"}}", "{\"a\":\"$b\"}", "{\"a\":\"$$ROOT\"}",
	"{\"a\":{\"$literal\":1}}", "{\"a\":[\"$b\",{\"$add\":[1,2]}]}", "\"$payload\"", "\"$$NOW\"",
	"[\"$a\"]",
	/* an ordinary one */
	("{\"customer\":{\"id\":42,\"name\":\"Ann\",\"tags\":[\"a\",\"b\"],\"balance\":-12.5,"
	"\"active\":true,\"note\":null},\"n\":[1,[2,[3]]]}"),
};

static struct job *job_with(int64_t now, char *payload)
{
	return job_new(now, "alpha", payload, now + DAY_MS);
}

/* Stores the text as a payload, then as the same job's result, and wants it back both times. */
static void assert_survives(struct contract *c, const char *text)
{
	struct job *job = job_with(c->now, mem_strdup(text));
	struct job_change change = { .request_id = job->request_id, .event = EVENT_SUCCEED, .fence = FENCE_ANY,
	                             .now = c->now, .result = text, .expire_at = c->now + DAY_MS };
	struct job *got;

	must_insert(c->store, job);
	assert_err(claim_one(c->store, job->request_id, c->now, &got), ERR_OK);
	assert_same_text("payload with the claim", got->payload, text);
	job_free(got);
	assert_err(change_one(c->store, &change), ERR_OK);
	got = must_get(c->store, job->request_id);
	assert_same_text("payload", got->payload, text);
	assert_same_text("result", got->result, text);
	job_free(got);
	job_free(job);
}

static void every_text_survives_alone(void **state)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_survives(*state, texts[i]);
}

/* In batches texts go another way through an engine. */
static void every_text_survives_in_one_batch(void **state)
{
	struct contract *c = *state;
	struct store_insert inserts[COUNT(texts)] = { 0 };
	struct store_claim claims[COUNT(texts)] = { 0 };
	struct job_change changes[COUNT(texts)];

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct job *job = job_with(c->now, mem_strdup(texts[i]));

		inserts[i].job = job;
		claims[i].request_id = job->request_id;
		changes[i] = (struct job_change){ .request_id = job->request_id, .event = EVENT_SUCCEED, .fence = 1,
		                                  .now = c->now, .result = texts[i], .expire_at = c->now + DAY_MS };
	}
	assert_ok(store_insert(c->store, inserts, COUNT(texts), &contract_why));
	assert_ok(store_claim(c->store, claims, COUNT(texts), c->now, c->now + LEASE_MS, &contract_why));
	assert_ok(store_change(c->store, changes, COUNT(texts), &contract_why));
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct job *got = must_get(c->store, claims[i].request_id);

		assert_err(inserts[i].outcome, ERR_OK);
		assert_err(claims[i].outcome, ERR_OK);
		assert_err(changes[i].outcome, ERR_OK);
		assert_same_text("payload", claims[i].job->payload, texts[i]);
		assert_same_text("payload", got->payload, texts[i]);
		assert_same_text("result", got->result, texts[i]);
		job_free(got);
		job_free(claims[i].job);
		job_free(inserts[i].job);
	}
}

static char *nested(const char *open, const char *inside, const char *close, size_t levels)
{
	size_t open_len = strlen(open), inside_len = strlen(inside), close_len = strlen(close);
	char *text = mem_alloc(levels * (open_len + close_len) + inside_len + 1), *p = text;

	for (size_t i = 0; i < levels; i++, p += open_len)
		memcpy(p, open, open_len);
	memcpy(p, inside, inside_len);
	p += inside_len;
	for (size_t i = 0; i < levels; i++, p += close_len)
		memcpy(p, close, close_len);
	*p = '\0';
	return text;
}

static void deep_nesting_survives(void **state)
{
	static const size_t levels[] = { 30, 60, 63, 64, 65, 98, 100, 101, 180, 200 };

	for (size_t i = 0; i < COUNT(levels); i++) {
		char *arrays = nested("[", "1", "]", levels[i]), *objects = nested("{\"a\":", "\"x\"", "}", levels[i]);

		assert_survives(*state, arrays);
		assert_survives(*state, objects);
		free(arrays);
		free(objects);
	}
}

static void a_string_of_a_mebibyte_survives(void **state)
{
	char *string = contract_text(1 << 20, 's');
	char *object = mem_printf("{\"a\":%s,\"b\":1}", string);

	assert_survives(*state, string);
	assert_survives(*state, object);
	free(object);
	free(string);
}

static void a_wide_object_survives(void **state)
{
	enum { MEMBERS = 20000, MEMBER_BYTES = 24 };
	char *text = mem_alloc(MEMBERS * MEMBER_BYTES + 3);
	size_t len = 0;

	text[len++] = '{';
	for (int i = 0; i < MEMBERS; i++)
		len += (size_t)snprintf(text + len, MEMBER_BYTES, "%s\"key%d\":%d", i ? "," : "", i, i * 1000);
	memcpy(text + len, "}", 2);
	assert_survives(*state, text);
	free(text);
}

static void history_entries_keep_their_text(void **state)
{
	struct contract *c = *state;
	struct job *job = job_with(c->now, mem_strdup("{}"));
	static const char *const entries[] = {
		"{\"attempt\":1,\"at\":1795363440123,\"seconds\":0.10,\"error\":\"said \\\"no\\\" \xf0\x9f\x98\x80\"}",
		"{\"$set\":{\"phase\":\"done\"},\"a.b\":\"$c\",\"big\":123456789012345678901234567890}",
		"{}",
	};
	struct job_change change = { .request_id = job->request_id, .now = c->now, .next_attempt_at = c->now,
	                             .queued_at = c->now, .due_at = job->deadline_at, .event = EVENT_RETRY };
	char *expected = mem_printf("[%s,%s,%s]", entries[0], entries[1], entries[2]);
	struct job *got;

	must_insert(c->store, job);
	for (size_t i = 0; i < COUNT(entries); i++) {
		assert_err(claim_one(c->store, job->request_id, c->now, NULL), ERR_OK);
		change.fence = (int64_t)i + 1;
		change.history_entry = entries[i];
		assert_err(change_one(c->store, &change), ERR_OK);
	}
	got = must_get(c->store, job->request_id);
	assert_same_text("history", got->history, expected);
	job_free(got);
	job_free(job);
	free(expected);
}

/* Plain texts are no JSON and no expressions either. */
static void error_and_vendor_job_id_keep_their_text(void **state)
{
	static const char *const plain[] = { "$result", "$$NOW", "{\"$set\":1}", "'; DROP TABLE jobs; --", "1", "null",
	                                     "", " ", "caf\xc3\xa9 \xf0\x9f\x98\x80", "a\nb\tc\x01" };
	struct contract *c = *state;

	for (size_t i = 0; i < COUNT(plain); i++) {
		struct job *job = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
		struct job_change change = { .request_id = job->request_id, .event = EVENT_AWAIT_CALLBACK, .fence = 1,
		                             .now = c->now, .due_at = c->now + LEASE_MS, .error = plain[i],
		                             .vendor_job_id = plain[i] };
		struct job *got;

		assert_err(change_one(c->store, &change), ERR_OK);
		got = must_get(c->store, job->request_id);
		assert_same_text("error", got->error, plain[i]);
		assert_same_text("vendor_job_id", got->vendor_job_id, plain[i]);
		job_free(got);
		job_free(job);
	}
}

static const struct CMUnitTest tests[] = {
	contract_test(every_text_survives_alone),
	contract_test(every_text_survives_in_one_batch),
	contract_test(deep_nesting_survives),
	contract_test(a_string_of_a_mebibyte_survives),
	contract_test(a_wide_object_survives),
	contract_test(history_entries_keep_their_text),
	contract_test(error_and_vendor_job_id_keep_their_text),
};
const struct contract_group contract_json = CONTRACT_GROUP(tests);
