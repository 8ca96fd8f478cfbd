#include "callback_body.h"

#include "buffer.h"
#include "clean.h"
#include "json_strict.h"
#include "mem.h"
#include "uuid.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Which job ---- */

#define VISIBLE "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

/* Ours are UUIDs of version 7. */
static bool looks_like_ours(const char *id)
{
	char parsed[UUID_TEXT_SIZE];

	return uuid_parse(id, parsed) && parsed[14] == '7';
}

const char *callback_body_job_id(const struct vendor *vendor, const char *header, struct json_object *body)
{
	const char *first = NULL;

	if (header && header[0] != '\0' && header[strspn(header, VISIBLE)] == '\0')
		return header;
	/* A vendor that has an id of its own in one place may repeat ours in another. */
	for (char **place = vendor->callback_job_id; *place; place++) {
		const char *id = json_string_at(body, *place);

		if (id && looks_like_ours(id))
			return id;
		if (!first && id && id[0] != '\0')
			first = id;
	}
	return first;
}

/* ---- News ---- */

bool callback_body_is_no_news(const struct vendor *vendor, struct json_object *body)
{
	size_t index;

	return verdict_of(&vendor->callback_verdicts, 0, body, true, &index) == SAYS_IGNORE;
}

/* ---- Failures ---- */

/* An empty place would be any body. */
char *callback_body_words(const struct vendor *vendor, struct json_object *body)
{
	return vendor->callback_error[0] != '\0' ? clean_words_at(vendor, body, vendor->callback_error) : NULL;
}

/* The word at callback/status if it is one of callback/failed_values, or NULL. */
static const char *failed_status(const struct vendor *vendor, struct json_object *body)
{
	const char *status = json_string_at(body, vendor->callback_status);

	for (char **failed = vendor->callback_failed; status && *failed; failed++)
		if (strcasecmp(status, *failed) == 0)
			return status;
	return NULL;
}

/* Is this boolean at callback/success? */
static bool says_success(const struct vendor *vendor, struct json_object *body, bool success)
{
	struct json_object *found;

	return vendor->callback_success[0] != '\0' && json_at(body, vendor->callback_success, &found) &&
	       json_object_is_type(found, json_type_boolean) && json_object_get_boolean(found) == success;
}

char *callback_body_failure(const struct vendor *vendor, struct json_object *body)
{
	char *words = callback_body_words(vendor, body), *error = NULL;

	if (words)
		error = mem_printf("vendor called back with an error: %s", words);
	else if (failed_status(vendor, body))
		error = mem_printf("vendor called back with status \"%s\"", failed_status(vendor, body));
	else if (says_success(vendor, body, false))
		error = mem_strdup("vendor called back without success");
	free(words);
	return error;
}

/* ---- Results ---- */

static enum err no_result(const struct vendor *vendor, struct err_text *why)
{
	struct buffer places;
	char *text;

	buffer_init(&places, sizeof(why->text));
	for (char **place = vendor->callback_result; *place; place++)
		buffer_printf(&places, "%s\"%s\"", place == vendor->callback_result ? "" : " or ", *place);
	text = buffer_take(&places, NULL);
	err_set(why, ERR_INVALID, "there is neither a result at %s nor an error at \"%s\"", text, vendor->callback_error);
	free(text);
	return ERR_INVALID;
}

enum err callback_body_result(const struct vendor *vendor, struct json_object *body, struct json_object **value,
                              struct err_text *why)
{
	bool found = false;

	*value = NULL;
	for (char **place = vendor->callback_result; *place && !*value; place++)
		found |= json_at(body, *place, value);
	return found || says_success(vendor, body, true) ? ERR_OK : no_result(vendor, why);
}
