#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "signature.h"

/* ---- The example of the Standard Webhooks libraries ---- */

static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
static const char timestamp[] = "1614265330";
static const char body[] = "{\"test\": 2432232314}";
static const char signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const int64_t sent_ms = INT64_C(1614265330000);

static enum err check(const char *with_secret, const char *signatures, int64_t now_ms, struct err_text *why)
{
	return signature_check(with_secret, id, timestamp, signatures, body, strlen(body), now_ms, why);
}

static void the_published_example_is_authentic(void **state)
{
	(void)state;
	assert_int_equal(check(secret, signature, sent_ms, NULL), ERR_OK);
}

static void one_of_several_signatures_is_enough(void **state)
{
	(void)state;
	assert_int_equal(check(secret, "v1,AAAA v1a,xxxx  v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", sent_ms, NULL), ERR_OK);
	assert_int_equal(check(secret, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v2,zzz", sent_ms, NULL), ERR_OK);
}

static void every_other_signature_is_refused(void **state)
{
	static const char *const others[] = {
		"", " ", "v1", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE==", "V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	};
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(check(secret, others[i], sent_ms, &why), ERR_INVALID);
		assert_string_equal(why.text, "webhook-signature does not match");
	}
}

static void body_id_timestamp_and_secret_are_all_signed(void **state)
{
	(void)state;
	assert_int_equal(signature_check(secret, id, timestamp, signature, "{}", 2, sent_ms, NULL), ERR_INVALID);
	assert_int_equal(signature_check(secret, id, timestamp, signature, body, strlen(body) - 1, sent_ms, NULL), ERR_INVALID);
	assert_int_equal(signature_check(secret, "msg_x", timestamp, signature, body, strlen(body), sent_ms, NULL), ERR_INVALID);
	assert_int_equal(signature_check(secret, id, "1614265331", signature, body, strlen(body), sent_ms, NULL), ERR_INVALID);
	assert_int_equal(check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx", signature, sent_ms, NULL), ERR_INVALID);
	assert_int_equal(check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", signature, sent_ms, NULL), ERR_INVALID);
}

static void the_timestamp_may_be_five_minutes_off(void **state)
{
	struct err_text why;

	(void)state;
	assert_int_equal(check(secret, signature, sent_ms + 300000, NULL), ERR_OK);
	assert_int_equal(check(secret, signature, sent_ms - 300000, NULL), ERR_OK);
	assert_int_equal(check(secret, signature, sent_ms + 300001, &why), ERR_INVALID);
	assert_string_equal(why.text, "webhook-timestamp is more than five minutes off");
	assert_int_equal(check(secret, signature, sent_ms - 300001, &why), ERR_INVALID);
}

static void odd_timestamps_are_refused(void **state)
{
	static const char *const odd[] = { "", "-1614265330", "+1614265330", " 1614265330", "1614265330 ", "1614265330.0", "0x60",
	                                   "99999999999999999999999999", "1614265330\n" };
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(signature_check(secret, id, odd[i], signature, body, strlen(body), sent_ms, &why), ERR_INVALID);
		assert_string_equal(why.text, "webhook-timestamp is not a number of seconds");
	}
}

static void a_raw_secret_is_used_as_it_is(void **state)
{
	(void)state;
	/* openssl dgst -sha256 -hmac 'plain secret' -binary | base64, over "<id>.<timestamp>.<body>" */
	assert_int_equal(check("plain secret", "v1,gke7k785FD6W2FuaDcrvG3sQcmFE9YVaaAmarK4oi68=", sent_ms, NULL), ERR_OK);
}

static void base64_secrets_may_lack_their_padding(void **state)
{
	(void)state;
	/* Both are the 13 bytes "thirteenbytes". */
	assert_int_equal(check("whsec_dGhpcnRlZW5ieXRlcw==", "v1,pvM6fVlzPAE1+Jgs/j6NbbfPgGuaTCbdVUx7NL7S7jU=", sent_ms, NULL), ERR_OK);
	assert_int_equal(check("whsec_dGhpcnRlZW5ieXRlcw", "v1,pvM6fVlzPAE1+Jgs/j6NbbfPgGuaTCbdVUx7NL7S7jU=", sent_ms, NULL), ERR_OK);
}

static void secrets_that_are_no_base64_refuse(void **state)
{
	static const char *const bad[] = { "whsec_", "whsec_!!!!", "whsec_A", "whsec_====" };
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(check(bad[i], signature, sent_ms, &why), ERR_INVALID);
		assert_string_equal(why.text, "the secret is not base64 after whsec_");
	}
}

/* ---- Tokens ---- */

static const unsigned char key[STORE_SECRET_SIZE] = "0123456789abcdef0123456789abcde";
static const char job[] = "0198c0de-0000-7000-8000-000000000001";

static void a_token_gives_its_fence_back(void **state)
{
	static const int64_t fences[] = { 0, 1, 7, 1234567890123 };
	char token[CALLBACK_TOKEN_SIZE];
	int64_t fence;

	(void)state;
	for (size_t i = 0; i < sizeof(fences) / sizeof(fences[0]); i++) {
		callback_token(key, "asyncVendor", job, fences[i], token);
		assert_int_equal(strlen(strchr(token, '.') + 1), 32);
		fence = -1;
		assert_int_equal(callback_token_check(key, "asyncVendor", job, token, &fence), ERR_OK);
		assert_int_equal(fence, fences[i]);
	}
}

static void a_token_is_good_for_one_job_of_one_vendor(void **state)
{
	unsigned char other_key[STORE_SECRET_SIZE] = { 0 };
	char token[CALLBACK_TOKEN_SIZE];
	int64_t fence;

	(void)state;
	callback_token(key, "asyncVendor", job, 3, token);
	assert_int_equal(callback_token_check(key, "asyncVendo", job, token, &fence), ERR_INVALID);
	assert_int_equal(callback_token_check(key, "asyncVendor", "0198c0de-0000-7000-8000-000000000002", token, &fence), ERR_INVALID);
	assert_int_equal(callback_token_check(other_key, "asyncVendor", job, token, &fence), ERR_INVALID);
	token[0] = '4';
	assert_int_equal(callback_token_check(key, "asyncVendor", job, token, &fence), ERR_INVALID);
}

static void damaged_tokens_are_refused(void **state)
{
	char token[CALLBACK_TOKEN_SIZE], damaged[CALLBACK_TOKEN_SIZE + 8];
	int64_t fence;

	(void)state;
	callback_token(key, "v", job, 12, token);
	for (size_t i = 0; i < strlen(token); i++) {
		snprintf(damaged, sizeof(damaged), "%s", token);
		damaged[i] = damaged[i] == '1' ? '2' : '1';
		assert_int_equal(callback_token_check(key, "v", job, damaged, &fence), ERR_INVALID);
		damaged[i] = '\0';
		assert_int_equal(callback_token_check(key, "v", job, damaged, &fence), ERR_INVALID);
	}
	snprintf(damaged, sizeof(damaged), "0%s", token);
	assert_int_equal(callback_token_check(key, "v", job, damaged, &fence), ERR_INVALID);
	snprintf(damaged, sizeof(damaged), "%s0", token);
	assert_int_equal(callback_token_check(key, "v", job, damaged, &fence), ERR_INVALID);
	assert_int_equal(callback_token_check(key, "v", job, "99999999999999999999999999999.00", &fence), ERR_INVALID);
	assert_int_equal(callback_token_check(key, "v", job, "-1.00", &fence), ERR_INVALID);
}

/* ---- Digests ---- */

static void a_digest_knows_where_its_pieces_end(void **state)
{
	unsigned char one[32], other[32], again[32];

	(void)state;
	signature_digest("ab", 2, "c", 1, one);
	signature_digest("a", 1, "bc", 2, other);
	signature_digest("ab", 2, "c", 1, again);
	assert_memory_not_equal(one, other, 32);
	assert_memory_equal(one, again, 32);
	signature_digest(NULL, 0, "abc", 3, one);
	signature_digest("abc", 3, NULL, 0, other);
	assert_memory_not_equal(one, other, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_example_is_authentic),
		cmocka_unit_test(one_of_several_signatures_is_enough),
		cmocka_unit_test(every_other_signature_is_refused),
		cmocka_unit_test(body_id_timestamp_and_secret_are_all_signed),
		cmocka_unit_test(the_timestamp_may_be_five_minutes_off),
		cmocka_unit_test(odd_timestamps_are_refused),
		cmocka_unit_test(a_raw_secret_is_used_as_it_is),
		cmocka_unit_test(base64_secrets_may_lack_their_padding),
		cmocka_unit_test(secrets_that_are_no_base64_refuse),
		cmocka_unit_test(a_token_gives_its_fence_back),
		cmocka_unit_test(a_token_is_good_for_one_job_of_one_vendor),
		cmocka_unit_test(damaged_tokens_are_refused),
		cmocka_unit_test(a_digest_knows_where_its_pieces_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
