/* Callbacks: no text passes for a signature or a token that is none, what is signed with the secret passes, and whatever
 * the body says is an outcome or an error. Parts: what the signature's headers have (id, timestamp, signature, or the
 * token), the secret, the body. */
#include "fuzz.h"
#include "fuzz_vendor.h"

#include "callback_auth.h"
#include "callback_body.h"
#include "mem.h"
#include "outcome.h"
#include "signature.h"

static const int64_t NOW = INT64_C(1760000000000);

static const char *const files[] = {
	"{\"name\":\"v\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"}}",
	"{\"name\":\"v\",\"mode\":\"async\",\"request\":{\"url\":\"http://h/\"},\"callback\":{\"job_id\":[\"/id\",\"/meta/id\"],"
	"\"result\":[\"/a/b\",\"/a\",\"\"],\"status\":\"/s\",\"failed_values\":[\"no\"],\"error\":\"/e/message\",\"verdicts\":["
	"{\"where\":\"/s\",\"equals\":\"wait\",\"verdict\":\"ignore\"},{\"where\":\"/s\",\"in\":[1,\"bad\"],\"verdict\":\"fail\"}]},"
	"\"response\":{\"trim_strings\":true,\"remove\":[\"/ssn\"],\"drop_empty\":true}}",
};
enum { FILES = sizeof(files) / sizeof(files[0]), SECRET_MAX = 1024, LATE_MS = 301000 };

static struct vendor vendors[FILES];

static void read_vendors(void)
{
	struct err_text why = { "" };
	static bool done;

	for (int i = 0; !done && i < FILES; i++)
		FUZZ_CHECK(fuzz_vendor_read(&vendors[i], files[i], strlen(files[i]), &why) == ERR_OK, "%s", why.text);
	done = true;
}

/* ---- Signatures ---- */

/* What a vendor with this secret would send. */
static void sign(const char *secret, const struct fuzz_part *body, const char *id, const char *timestamp, char **standard,
                 char **own)
{
	enum key_encoding encoding = strncmp(secret, "whsec_", 6) == 0 ? KEY_BASE64 : KEY_TEXT;
	char text[SIGNATURE_TEXT_SIZE];
	unsigned char *key = NULL;
	size_t key_len = 0, len;
	char *message;

	*standard = *own = NULL;
	if (signature_key(encoding == KEY_BASE64 ? secret + 6 : secret, encoding, &key, &key_len, NULL) != ERR_OK)
		return;
	message = malloc(strlen(id) + strlen(timestamp) + body->len + 3);
	len = (size_t)sprintf(message, "%s.%s.", id, timestamp);
	memcpy(message + len, body->text, body->len);
	signature_hmac("SHA256", key, key_len, message, len + body->len, true, text);
	*standard = mem_printf("v1,%s", text);
	signature_hmac("SHA256", key, key_len, body->text, body->len, false, text);
	*own = mem_printf("sha256=%s", text);
	free(message);
	free(key);
}

/* The same value for every header that is asked for. */
static const char *any_header(const void *arg, const char *name) { (void)name; return arg; }

static bool passes(const struct callback_auth *auth, const char *header, const struct fuzz_part *body)
{
	const struct callback_proof proof = { any_header, header, "192.0.2.1", body->text, body->len };

	return callback_auth_check(auth, &proof, NOW, NULL) == ERR_OK;
}

static bool is_signed(const char *secret, const char *id, const char *timestamp, const char *signatures,
                      const struct fuzz_part *body, int64_t now)
{
	return signature_check(secret, id, timestamp, signatures, body->text, body->len, now, NULL) == ERR_OK;
}

static void check_signatures(const char *header, char *secret, const struct fuzz_part *body)
{
	struct callback_key key = { (unsigned char *)secret, strlen(secret) };
	const struct callback_auth hmac = { .kind = CALLBACK_AUTH_HMAC, .keys = &key, .n_keys = 1, .header = (char *)"X-Signature",
		.digest = "SHA256", .prefix = (char *)"sha256=", .message = (char *)CALLBACK_BODY };
	const char *id = "msg_1", *timestamp = "1760000000";
	char *standard, *own;

	sign(secret, body, id, timestamp, &standard, &own);
	if (standard && *secret && strlen(secret) < SECRET_MAX) {
		FUZZ_CHECK(is_signed(secret, id, timestamp, standard, body, NOW), "%s", standard);
		FUZZ_CHECK(!is_signed(secret, id, timestamp, standard, body, NOW + LATE_MS), "late");
		FUZZ_CHECK(!is_signed(secret, "msg_2", timestamp, standard, body, NOW), "another id");
		FUZZ_CHECK(strncmp(secret, "whsec_", 6) == 0 || passes(&hmac, own, body), "%s", own);
	}
	/* Nobody guesses one that is right. */
	if (!standard || !strstr(header, standard + 3))
		FUZZ_CHECK(!is_signed(secret, header, header, header, body, NOW) && !is_signed(secret, id, timestamp, header, body, NOW),
		           "%s", header);
	if (own && *secret && strncmp(secret, "whsec_", 6) != 0 && strcasecmp(header, own) != 0)
		FUZZ_CHECK(!passes(&hmac, header, body), "%s", header);
	free(standard);
	free(own);
}

/* Where a secret has to be shown, nothing else is good. */
static void check_shown_secrets(const char *header, const struct fuzz_part *body)
{
	static struct callback_key key = { (unsigned char *)"an-unguessable-secret", 21 };
	static const enum callback_auth_kind kinds[] = { CALLBACK_AUTH_STANDARD_WEBHOOKS, CALLBACK_AUTH_HMAC, CALLBACK_AUTH_BEARER,
	                                                 CALLBACK_AUTH_BASIC, CALLBACK_AUTH_API_KEY };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct callback_auth auth = { .kind = kinds[i], .keys = &key, .n_keys = 1, .header = (char *)"X-Secret",
			.digest = "SHA256", .base64 = true, .prefix = (char *)"", .timestamp_header = (char *)"X-Timestamp",
			.timestamp_prefix = (char *)"t=", .message = (char *)CALLBACK_TIMESTAMP "." CALLBACK_BODY };

		FUZZ_CHECK(!passes(&auth, header, body) || strstr(header, (const char *)key.bytes), "%d: %s", (int)i, header);
	}
}

static void check_token(const char *text)
{
	static const unsigned char key[STORE_SECRET_SIZE] = { 1 };
	char token[CALLBACK_TOKEN_SIZE];
	int64_t fence = -1;

	if (callback_token_check(key, "v", "0199f0c2-0000-7000-8000-000000000001", text, &fence) == ERR_OK) {
		callback_token(key, "v", "0199f0c2-0000-7000-8000-000000000001", fence, token);
		FUZZ_CHECK(strcmp(token, text) == 0, "%s passes for %s", text, token);
	}
}

/* ---- Bodies ---- */

static void check_body(const struct vendor *vendor, const char *header, struct json_object *body)
{
	bool has_rules = vendor != &vendors[0];   /* they come first, whatever else the body says */
	struct outcome outcome;
	struct err_text why = { "" };
	struct json_object *result;
	char *words = callback_body_words(vendor, body), *failure = callback_body_failure(vendor, body);

	callback_body_job_id(vendor, header, body);
	callback_body_is_no_news(vendor, body);
	if (outcome_of_callback(vendor, body, &outcome, &why) == ERR_OK) {
		FUZZ_CHECK((outcome.kind == OUTCOME_COMPLETE) == !outcome.error, "%s", outcome.error ? outcome.error : "no error");
		FUZZ_CHECK(has_rules || !outcome.error == !failure, "%s", failure ? failure : "no failure");
		outcome_deinit(&outcome);
	} else {
		FUZZ_CHECK(why.text[0] && (has_rules || !failure), "%s", why.text);
		FUZZ_CHECK(callback_body_result(vendor, body, &result, &why) != ERR_OK, "%s", why.text);
	}
	free(words);
	free(failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[3];
	struct json_object *body = NULL;

	read_vendors();
	fuzz_split(data, len, parts, 3);
	check_signatures(parts[0].text, parts[1].text, &parts[2]);
	check_shown_secrets(parts[0].text, &parts[2]);
	check_token(parts[0].text);
	if (json_strict_parse(parts[2].text, parts[2].len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL) == ERR_OK)
		for (int i = 0; i < FILES; i++)
			check_body(&vendors[i], parts[0].text, body);
	json_object_put(body);
	fuzz_free(parts, 3);
	return 0;
}
