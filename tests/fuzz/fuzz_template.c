/* Texts with references: whatever the payload has, a value stays in its place. Parts: the text, the payload. */
#include "fuzz.h"

#include "json_strict.h"
#include "template.h"

enum { OUT_MAX = 1 << 16 };

static enum err fixed(const char *reference, const void *arg, struct buffer *out, struct err_text *why)
{
	(void)arg, (void)why;
	if (strcmp(reference, "env:X") != 0)
		return ERR_NOT_FOUND;
	buffer_append_str(out, "${payload:/s}&\"");
	return ERR_OK;
}

static const struct template_rules rules = { REFERS_TO_JOB | REFERS_TO_REQUEST | REFERS_TO_SIGNATURE, fixed, NULL };

/* False: it cannot be rendered. out is for buffer_deinit() either way. */
static bool render(const struct template *t, const char *payload, struct buffer *out)
{
	struct template_values values = { .payload = payload };
	struct err_text why = { "" };
	enum err err;

	for (int i = 0; i < REFER_COUNT; i++) {
		values.texts[i].bytes = "a/../b\r\n\"&";
		values.texts[i].len = 10;
	}
	buffer_init(out, OUT_MAX);
	err = template_render(t, &values, out, &why);
	FUZZ_CHECK(err || !out->overflowed, "it does not fit and is well");
	FUZZ_CHECK(!err || why.text[0], "an error without a reason");
	template_values_deinit(&values);
	return err == ERR_OK;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

/* A value behind a literal, of the part that is made here; the literal is ours. */
static void check_value(const char *before, const char *reference, const char *payload, enum template_escape escape,
                        const char *never)
{
	struct template t = { 0 };
	struct buffer out;
	char *text = NULL;

	if (asprintf(&text, "%s%s", before, reference) > 0 && template_add(&t, text, escape, &rules, NULL) == ERR_OK &&
	    t.n_references > 0) {
		if (render(&t, payload, &out) && out.data) {
			FUZZ_CHECK(strlen(out.data) == out.len && !has_control(out.data), "%s: %s", text, out.data);
			FUZZ_CHECK(out.len < strlen(before) || !strpbrk(out.data + strlen(before), never), "%s: %s", text, out.data);
		}
		buffer_deinit(&out);
	}
	template_deinit(&t);
	free(text);
}

static void check_json(const struct fuzz_part *text, const char *payload)
{
	struct template t = { 0 };
	struct json_object *value = NULL, *made = NULL;
	struct err_text why = { "" };
	struct buffer out;

	if (json_strict_parse(text->text, text->len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) != ERR_OK)
		return;
	if (template_add_json(&t, value, &rules, NULL) == ERR_OK) {
		if (render(&t, payload, &out))
			FUZZ_CHECK(json_strict_parse(out.data, out.len, &JSON_LIMITS_DEFAULT, &made, NULL, 0, &why) != ERR_INVALID ||
			           strstr(why.text, "there before"), "%s: %s", why.text, out.data);
		buffer_deinit(&out);
	}
	json_object_put(made);
	json_object_put(value);
	template_deinit(&t);
}

static void check_any(const char *text, const char *payload)
{
	for (int escape = 0; escape < ESCAPE_COUNT; escape++) {
		struct template t = { 0 };
		struct buffer out;

		if (template_add(&t, text, (enum template_escape)escape, &rules, NULL) == ERR_OK) {
			template_beginning(&t);
			if (render(&t, payload, &out) && out.data && strlen(out.data) == out.len)
				template_url_has_dots(out.data);
			buffer_deinit(&out);
		}
		template_deinit(&t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_part parts[2];
	struct json_object *payload = NULL;
	char *compact;

	fuzz_split(data, len, parts, 2);
	if (json_strict_parse(parts[1].text, parts[1].len, &JSON_LIMITS_DEFAULT, &payload, NULL, 0, NULL) == ERR_OK) {
		compact = json_text(payload, NULL);
		check_any(parts[0].text, compact);
		check_json(&parts[0], compact);
		check_value("http://h/", "${payload:/a}", compact, ESCAPE_URL, "/?#&\"<> \\");
		check_value("http://h/?q=", "${payload:/a|}", compact, ESCAPE_URL, "/?#&\"<> \\");
		check_value("", "${payload:/a|}", compact, ESCAPE_QUERY, "/?#&=+\"<> \\");
		check_value("", "${payload:/a|}", compact, ESCAPE_FORM, "/?#&=\"<> \\");
		check_value("X: ", "${payload:/a|}", compact, ESCAPE_HEADER, "\r\n");
		free(compact);
	}
	json_object_put(payload);
	fuzz_free(parts, 2);
	return 0;
}
