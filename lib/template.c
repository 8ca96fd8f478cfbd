/* Compiles texts with references into segments. */
#include "template_priv.h"

#include "json_strict.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const char payload_prefix[] = "payload:";

/* elsewhere: what is said where it may not stand, if there is more to say than that it is not known. */
static const struct { const char *name; enum refer refer; const char *elsewhere; } names[] = {
	{ "job:request_id", REFER_REQUEST_ID, NULL },
	{ "job:callback_url", REFER_CALLBACK_URL, NULL },
	{ "job:vendor_job_id", REFER_VENDOR_JOB_ID,
	  "is not known before the vendor has accepted the job: it can stand in url, query, headers and body of poll" },
	{ "time:s", REFER_TIME_S, NULL },
	{ "time:ms", REFER_TIME_MS, NULL },
	{ "time:rfc3339", REFER_TIME_RFC3339, NULL },
	{ "request:method", REFER_METHOD, NULL },
	{ "request:host", REFER_HOST, NULL },
	{ "request:path", REFER_PATH, NULL },
	{ "request:query", REFER_QUERY, NULL },
	{ "request:body", REFER_BODY, NULL },
	{ "request:body_sha256", REFER_BODY_SHA256, NULL },
	{ "request:signature", REFER_SIGNATURE, NULL },
	{ "auth:access_token", REFER_ACCESS_TOKEN, NULL },
};

/* ---- Segments ---- */

static struct template_segment *new_segment(struct template *t)
{
	t->segments = mem_realloc(t->segments, (t->n + 1) * sizeof(*t->segments));
	t->segments[t->n] = (struct template_segment){ .refer = REFER_NOTHING };
	buffer_init_secret(&t->segments[t->n].text, TEMPLATE_BYTES_MAX);
	return &t->segments[t->n++];
}

/* The one that more literal and a reference can be appended to. */
static struct template_segment *open_segment(struct template *t)
{
	struct template_segment *last = t->n ? &t->segments[t->n - 1] : NULL;

	return last && last->refer == REFER_NOTHING ? last : new_segment(t);
}

void template_deinit(struct template *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct template_segment *segment = &t->segments[i];

		buffer_deinit(&segment->text);
		free(segment->pointer);
		free(segment->fallback);
	}
	free(t->segments);
	*t = (struct template){ 0 };
}

const char *template_beginning(const struct template *t)
{
	return t->n && t->segments[0].text.data ? t->segments[0].text.data : "";
}

bool template_host_refers(const struct template *url, const char **rest)
{
	const char *host = strstr(template_beginning(url), "://"), *text = host ? host + 3 : NULL;
	bool found = false;

	for (size_t i = 0; text && i < url->n && !text[strcspn(text, "/?")] && url->segments[i].refer != REFER_NOTHING; i++) {
		found = true;
		text = i + 1 < url->n && url->segments[i + 1].text.data ? url->segments[i + 1].text.data : "";
		*rest = text;
	}
	return found;
}

/* ---- Literals ---- */

/* The author of a URL has encoded it. */
static const char *bad_url_literal(const char *text, size_t len)
{
	for (const char *c = text; c < text + len; c++) {
		if (*c <= ' ' || *c >= 0x7f)
			return "holds a character that must be percent-encoded";
		if (*c == '#')
			return "has a fragment, which is never sent";
	}
	return NULL;
}

static enum err add_literal(struct template *t, const char *text, size_t len, enum template_escape escape,
                            struct err_text *why)
{
	struct buffer *out;
	const char *wrong = NULL;

	if (len == 0)
		return ERR_OK;
	out = &open_segment(t)->text;
	if (escape == ESCAPE_URL) {
		wrong = bad_url_literal(text, len);
		buffer_append(out, text, len);
	} else {
		wrong = template__append(out, text, len, escape);
	}
	if (out->overflowed)
		return err_set(why, ERR_INVALID, "has more than %d bytes", TEMPLATE_BYTES_MAX);
	return wrong ? err_set(why, ERR_INVALID, "%s", wrong) : ERR_OK;
}

/* ---- References ---- */

static bool is_in_query(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->segments[i].text.data && strchr(t->segments[i].text.data, '?'))
			return true;
	return false;
}

/* Ends the open segment with a reference. ERR_NOT_FOUND: it is not allowed here. */
static enum err close_segment(struct template *t, enum refer refer, enum template_escape escape,
                              const struct template_rules *rules, struct template_segment **closed,
                              struct err_text *why)
{
	if (!(rules->allowed & REFER_BIT(refer)))
		return ERR_NOT_FOUND;
	if (++t->n_references > TEMPLATE_REFERENCES_MAX) {
		err_set(why, ERR_INVALID, "has more than %d references", TEMPLATE_REFERENCES_MAX);
		return ERR_INVALID;
	}
	*closed = open_segment(t);
	(*closed)->escape = escape == ESCAPE_URL && is_in_query(t) ? ESCAPE_QUERY : escape;
	(*closed)->refer = refer;
	t->refers |= REFER_BIT(refer);
	return ERR_OK;
}

static const char *bad_pointer(const char *text, size_t len)
{
	if (len > 0 && text[0] != '/')
		return "takes a JSON Pointer: empty, or beginning with '/'";
	for (const char *c = text; c < text + len; c++)
		if (*c == '~' && c[1] != '0' && c[1] != '1')
			return "takes a JSON Pointer, in which '~' is written ~0";
	return NULL;
}

/* NULL, or why the place can never take it. That a path takes no empty one is well: then the payload has to have it. */
static const char *bad_fallback(const char *text, enum template_escape escape)
{
	const char *wrong = NULL;
	struct buffer out;

	buffer_init(&out, TEMPLATE_BYTES_MAX);
	if (text[0])
		wrong = template__append(&out, text, strlen(text), escape);
	buffer_deinit(&out);
	return wrong;
}

/* What stands behind ${payload: */
static enum err add_payload(struct template *t, const char *text, enum template_escape escape,
                            const struct template_rules *rules, struct err_text *why)
{
	size_t len = strcspn(text, "|");
	struct template_segment *segment;
	enum err err;

	if (bad_pointer(text, len))
		return err_set(why, ERR_INVALID, "${payload:%s} %s", text, bad_pointer(text, len));
	err = close_segment(t, REFER_PAYLOAD, escape, rules, &segment, why);
	if (err)
		return err;
	segment->pointer = mem_strndup(text, len);
	if (text[len] == '\0')
		return ERR_OK;
	segment->fallback = mem_strdup(text + len + 1);
	if (bad_fallback(segment->fallback, escape))
		return err_set(why, ERR_INVALID, "the default of ${payload:%.*s} %s", (int)len, text,
		               bad_fallback(segment->fallback, escape));
	return ERR_OK;
}

static enum err add_fixed(struct template *t, const char *reference, enum template_escape escape,
                          const struct template_rules *rules, struct err_text *why)
{
	struct buffer value;
	enum err err;

	buffer_init_secret(&value, TEMPLATE_BYTES_MAX);
	err = rules->fixed(reference, rules->arg, &value, why);
	if (err == ERR_OK)
		err = add_literal(t, value.data ? value.data : "", value.len, escape, why);
	buffer_deinit(&value);
	return err;
}

/* What stands between ${ and }. */
static enum err add_reference(struct template *t, const char *reference, enum template_escape escape,
                              const struct template_rules *rules, struct err_text *why)
{
	struct template_segment *segment;
	bool is_payload = strncmp(reference, payload_prefix, strlen(payload_prefix)) == 0;
	enum err err = ERR_NOT_FOUND;
	const char *elsewhere = NULL;
	size_t i = 0;

	if (strstr(reference, "${"))
		return err_set(why, ERR_INVALID, "\"${\" inside of ${...}");
	while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i].name, reference) != 0)
		i++;
	if (is_payload) {
		err = add_payload(t, reference + strlen(payload_prefix), escape, rules, why);
	} else if (i < sizeof(names) / sizeof(names[0])) {
		err = close_segment(t, names[i].refer, escape, rules, &segment, why);
		elsewhere = names[i].elsewhere;
	}
	if (err == ERR_NOT_FOUND)
		err = add_fixed(t, reference, escape, rules, why);
	return err == ERR_NOT_FOUND ? err_set(why, ERR_INVALID, "${%s} %s", reference, elsewhere ? elsewhere : "is not known here")
	                            : err;
}

/* ---- Texts ---- */

enum err template_add(struct template *t, const char *text, enum template_escape escape,
                      const struct template_rules *rules, struct err_text *why)
{
	const char *start, *end;
	enum err err = ERR_OK;

	while (err == ERR_OK && (start = strstr(text, "${"))) {
		char *reference;

		end = strchr(start, '}');
		if (!end)
			return err_set(why, ERR_INVALID, "\"${\" without \"}\"");
		err = add_literal(t, text, (size_t)(start - text), escape, why);
		if (err)
			return err;
		reference = mem_strndup(start + 2, (size_t)(end - start - 2));
		err = add_reference(t, reference, escape, rules, why);
		free(reference);
		text = end + 1;
	}
	return err ? err : add_literal(t, text, strlen(text), escape, why);
}

/* Is it nothing but one ${payload:...}? */
static bool is_one_payload(const char *text)
{
	size_t prefix = strlen("${") + strlen(payload_prefix);

	return strncmp(text, "${", 2) == 0 && strncmp(text + 2, payload_prefix, strlen(payload_prefix)) == 0 &&
	       strchr(text + prefix, '}') == text + strlen(text) - 1;
}

static void begin_entry(struct template *t, enum template_escape list)
{
	struct template_segment *segment = new_segment(t);

	segment->begins_entry = true;
	segment->list = list;
}

/* The entry that began with segment `first` and whose value was `text` is complete. */
static void end_entry(struct template *t, size_t first, const char *text)
{
	struct template_segment *segment = &t->segments[first];

	segment->is_optional = is_one_payload(text) && segment->fallback && segment->fallback[0] == '\0';
}

enum err template_add_pair(struct template *t, const char *name, const char *text, enum template_escape escape,
                           const struct template_rules *rules, struct err_text *why)
{
	const char *between = escape == ESCAPE_HEADER ? ": " : "=";
	size_t first = t->n;
	enum err err;

	if (strstr(name, "${"))
		return err_set(why, ERR_INVALID, "a name cannot hold a reference");
	begin_entry(t, escape);
	err = add_literal(t, name, strlen(name), escape, why);
	buffer_append_str(&t->segments[first].text, between);
	if (err == ERR_OK)
		err = template_add(t, text, escape, rules, why);
	if (err == ERR_OK)
		end_entry(t, first, text);
	return err;
}

/* ---- JSON ---- */

static void add_mark(struct template *t, const char *mark) { buffer_append_str(&open_segment(t)->text, mark); }

static enum err add_string(struct template *t, struct json_object *value, const struct template_rules *rules,
                           struct err_text *why)
{
	const char *text = json_object_get_string(value);
	enum err err;

	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return err_set(why, ERR_INVALID, "a string holds a \\u0000");
	if (is_one_payload(text)) {
		err = template_add(t, text, ESCAPE_JSON, rules, why);
		if (err == ERR_OK)
			t->segments[t->n - 1].is_typed = true;
		return err;
	}
	add_mark(t, "\"");
	err = template_add(t, text, ESCAPE_JSON, rules, why);
	add_mark(t, "\"");
	return err;
}

static enum err add_entry(struct template *t, const char *name, struct json_object *value,
                          const struct template_rules *rules, struct err_text *why)
{
	size_t first = t->n;
	enum err err;

	if (name && strstr(name, "${"))
		return err_set(why, ERR_INVALID, "a name cannot hold a reference");
	begin_entry(t, ESCAPE_JSON);
	if (name) {
		buffer_append_json_string(&t->segments[first].text, name, strlen(name));
		add_mark(t, ":");
	}
	err = template_add_json(t, value, rules, why);
	if (err == ERR_OK && json_object_is_type(value, json_type_string))
		end_entry(t, first, json_object_get_string(value));
	return err;
}

static enum err add_object(struct template *t, struct json_object *object, const struct template_rules *rules,
                           struct err_text *why)
{
	enum err err = ERR_OK;

	add_mark(t, "{");
	json_object_object_foreach(object, name, value) {
		err = add_entry(t, name, value, rules, why);
		if (err)
			return err;
	}
	add_mark(t, "}");
	return err;
}

static enum err add_array(struct template *t, struct json_object *array, const struct template_rules *rules,
                          struct err_text *why)
{
	enum err err = ERR_OK;

	add_mark(t, "[");
	for (size_t i = 0; err == ERR_OK && i < json_object_array_length(array); i++)
		err = add_entry(t, NULL, json_object_array_get_idx(array, i), rules, why);
	add_mark(t, "]");
	return err;
}

enum err template_add_json(struct template *t, struct json_object *value, const struct template_rules *rules,
                           struct err_text *why)
{
	char *text;

	switch (json_object_get_type(value)) {
	case json_type_string:
		return add_string(t, value, rules, why);
	case json_type_object:
		return add_object(t, value, rules, why);
	case json_type_array:
		return add_array(t, value, rules, why);
	default:
		text = json_text(value, NULL);
		add_mark(t, text);
		free(text);
		return ERR_OK;
	}
}
