/* Fills compiled templates in. */
#include "template_priv.h"

#include "json_strict.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

void template_values_deinit(struct template_values *values)
{
	json_object_put(values->parsed);
	values->parsed = NULL;
	values->is_parsed = false;
}

/* ---- The payload ---- */

/* Parsed at the first need. False: it is no JSON, which only a store that was changed by hand can give us. */
static bool parse_payload(struct template_values *values)
{
	if (!values->is_parsed)
		values->is_parsed = json_strict_parse(values->payload, strlen(values->payload), &JSON_LIMITS_DEFAULT,
		                                      &values->parsed, NULL, 0, NULL) == ERR_OK;
	return values->is_parsed;
}

/* NULL in text is nothing; as a JSON value it is what it is. */
static bool find(const struct template_segment *segment, struct template_values *values, struct json_object **found)
{
	return parse_payload(values) && json_at(values->parsed, segment->pointer, found) &&
	       (*found || segment->is_typed);
}

/* A string's own text, anything else as JSON has it. */
static const char *append_value(struct buffer *out, struct json_object *value, const struct template_segment *segment)
{
	const char *wrong;
	char *text;
	size_t len;

	if (json_object_is_type(value, json_type_string) && !segment->is_typed)
		return template__append(out, json_object_get_string(value), (size_t)json_object_get_string_len(value),
		                        segment->escape);
	text = json_text(value, &len);
	wrong = template__append(out, text, len, segment->is_typed ? ESCAPE_NONE : segment->escape);
	free(text);
	return wrong;
}

static const char *append_fallback(struct buffer *out, const struct template_segment *segment)
{
	if (!segment->is_typed)
		return template__append(out, segment->fallback, strlen(segment->fallback), segment->escape);
	buffer_append_json_string(out, segment->fallback, strlen(segment->fallback));
	return NULL;
}

/* NULL, or what is wrong. */
static const char *append_payload(struct buffer *out, const struct template_segment *segment,
                                  struct template_values *values)
{
	struct json_object *value;

	/* Nothing has to be parsed to give all of it. */
	if (segment->is_typed && segment->pointer[0] == '\0') {
		buffer_append_str(out, values->payload);
		return NULL;
	}
	if (find(segment, values, &value))
		return append_value(out, value, segment);
	return segment->fallback ? append_fallback(out, segment) : "is not there";
}

/* ---- Segments ---- */

/* Between two entries of a list. What was rendered ends with an opening only where there was none yet. */
static void separate(struct buffer *out, enum template_escape list)
{
	char last = out->len ? out->data[out->len - 1] : '\0';

	if (list == ESCAPE_QUERY && !(out->len && strchr(out->data, '?')))
		buffer_append(out, "?", 1);
	else if (list == ESCAPE_JSON && last != '{' && last != '[')
		buffer_append(out, ",", 1);
	else if ((list == ESCAPE_QUERY || list == ESCAPE_FORM) && last != '?' && last != '&' && last != '\0')
		buffer_append(out, "&", 1);
}

/* What was to be put in and does not fit. Only a payload or a vendor can bring such a thing. */
static enum err unfit(const struct template_segment *segment, const char *wrong, struct err_text *why)
{
	if (segment->refer == REFER_VENDOR_JOB_ID)
		return err_set(why, ERR_INVALID, "the vendor's id of the job %s", wrong);
	return err_set(why, ERR_INVALID, "%s of the payload %s", segment->pointer && segment->pointer[0] ? segment->pointer : "all",
	               wrong);
}

static enum err render_segment(const struct template_segment *segment, struct template_values *values,
                               struct buffer *out, struct err_text *why)
{
	const char *wrong = NULL, *bytes = values->texts[segment->refer].bytes;
	struct json_object *value;

	if (segment->is_optional && !find(segment, values, &value))
		return ERR_OK;
	if (segment->begins_entry)
		separate(out, segment->list);
	if (segment->text.len)
		buffer_append(out, segment->text.data, segment->text.len);
	if (segment->refer == REFER_PAYLOAD)
		wrong = append_payload(out, segment, values);
	else if (segment->refer == REFER_VENDOR_JOB_ID && !bytes)
		wrong = "is not there";
	else if (segment->refer != REFER_NOTHING)
		wrong = template__append(out, bytes, values->texts[segment->refer].len, segment->escape);
	return wrong ? unfit(segment, wrong, why) : ERR_OK;
}

enum err template_render(const struct template *t, struct template_values *values, struct buffer *out,
                         struct err_text *why)
{
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < t->n; i++)
		err = render_segment(&t->segments[i], values, out, why);
	if (err == ERR_OK && out->overflowed)
		err = err_set(why, ERR_TOO_BIG, "is longer than %zu bytes", out->max);
	return err;
}
