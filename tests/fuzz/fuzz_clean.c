/* Cleaning: cleaned twice is cleaned once, and what comes out is JSON. Parts: `response` of a vendor file, a vendor's
 * body. */
#include "fuzz.h"
#include "fuzz_vendor.h"

#include "clean.h"
#include "contact.h"
#include "mem.h"
#include "utf8.h"

static bool is_utf8(const char *text)
{
	for (size_t len = strlen(text), n; len; text += n, len -= n)
		if (!(n = utf8_sequence(text, len)))
			return false;
	return true;
}

static char *cleaned(const struct vendor *vendor, const char *text, size_t len)
{
	struct json_object *value = NULL;
	char *out;

	if (json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) != ERR_OK)
		return NULL;
	value = clean_result(vendor, value);
	out = json_text(value, NULL);
	json_object_put(value);
	return out;
}

static void check_words(const struct vendor *vendor, const struct fuzz_part *body)
{
	struct json_object *value = NULL;
	char *words;

	if (json_strict_parse(body->text, body->len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) != ERR_OK)
		return;
	words = clean_words_at(vendor, value, "");
	FUZZ_CHECK(!words || (is_utf8(words) && strlen(words) <= CLEAN_WORDS_BYTES), "%s", words);
	free(words);
	json_object_put(value);
}

/* The same of any text, whatever a vendor file may say. */
static void check_text(const struct fuzz_part *part)
{
	const struct personal_rules rules = { ~0u, 0, 3 };
	size_t len, again_len;
	char *once, *twice;

	if (!is_utf8(part->text) || strlen(part->text) != part->len)
		return;
	if ((once = personal_scrub(&rules, part->text, part->len, &len))) {
		twice = personal_scrub(&rules, once, len, &again_len);
		FUZZ_CHECK(!twice || (again_len == len && memcmp(twice, once, len) == 0), "%s\n%s\n%s", part->text, once, twice);
		free(twice);
		free(once);
	}
	once = contact_email(part->text, part->len, &len);
	twice = contact_email(once, len, &again_len);
	FUZZ_CHECK(strcmp(once, twice) == 0, "%s\n%s", once, twice);
	free(once);
	free(twice);
	if ((once = contact_phone(part->text, part->len, "44"))) {
		twice = contact_phone(once, strlen(once), "44");
		FUZZ_CHECK(!twice, "%s\n%s", once, twice);
		free(twice);
		free(once);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[2];
	struct vendor vendor;
	struct err_text why;
	char *file, *once, *twice;

	fuzz_split(data, len, parts, 2);
	file = mem_printf("{\"name\":\"v\",\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"},\"response\":%s}",
	                  parts[0].len ? parts[0].text : "{}");
	if (fuzz_vendor_read(&vendor, file, strlen(file), &why) == ERR_OK &&
	    (once = cleaned(&vendor, parts[1].text, parts[1].len))) {
		twice = cleaned(&vendor, once, strlen(once));
		FUZZ_CHECK(twice && strcmp(once, twice) == 0, "%s\n%s\n%s\n%s", file, parts[1].text, once,
		           twice ? twice : "is no JSON");
		check_words(&vendor, &parts[1]);
		free(once);
		free(twice);
	}
	check_text(&parts[1]);
	vendor__deinit(&vendor);
	free(file);
	fuzz_free(parts, 2);
	return 0;
}
