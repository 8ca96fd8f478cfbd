#include "polling.h"

#include "buffer.h"
#include "job.h"
#include "json_strict.h"
#include "mem.h"
#include "request.h"
#include "vendor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MEMORY_BYTES_MAX = 8 * POLL_URL_BYTES_MAX };

/* ---- What is kept ---- */

static int number_of(struct json_object *memory, const char *name)
{
	struct json_object *value;
	int64_t number;

	if (!json_object_object_get_ex(memory, name, &value) || !json_object_is_type(value, json_type_int))
		return 0;
	number = json_object_get_int64(value);
	return number < 0 ? 0 : number > INT_MAX - 1 ? INT_MAX - 1 : (int)number;
}

void polling_memory_read(const char *text, struct polling_memory *memory)
{
	struct json_object *kept = NULL;
	const char *url, *token;

	*memory = (struct polling_memory){ 0 };
	if (!text || json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &kept, NULL, 0, NULL) != ERR_OK)
		return;
	url = json_string_at(kept, "/url");
	token = json_string_at(kept, "/refused_token");
	memory->url = url ? mem_strdup(url) : NULL;
	memory->polls = number_of(kept, "polls");
	memory->unusable = number_of(kept, "unusable");
	if (token && strlen(token) < sizeof(memory->refused_token))
		memcpy(memory->refused_token, token, strlen(token) + 1);
	json_object_put(kept);
}

char *polling_memory_text(const struct polling_memory *memory)
{
	struct buffer text;

	buffer_init(&text, MEMORY_BYTES_MAX);
	buffer_printf(&text, "{\"polls\":%d", memory->polls);
	if (memory->unusable)
		buffer_printf(&text, ",\"unusable\":%d", memory->unusable);
	if (memory->refused_token[0])
		buffer_printf(&text, ",\"refused_token\":\"%s\"", memory->refused_token);
	if (memory->url) {
		buffer_append_str(&text, ",\"url\":");
		buffer_append_json_string(&text, memory->url, strlen(memory->url));
	}
	buffer_append_str(&text, "}");
	return buffer_take(&text, NULL);
}

void polling_memory_deinit(struct polling_memory *memory)
{
	free(memory->url);
	*memory = (struct polling_memory){ 0 };
}

enum err polling_begin(const struct vendor *vendor, const struct job *job, const char *vendor_job_id,
                       struct json_object *body, const char *location, struct polling_memory *memory,
                       struct err_text *why)
{
	const struct polling_rules *rules = &vendor->poll;
	const char *named = rules->url_at ? json_string_at(body, rules->url_at) : location;
	bool foreign;
	enum err err = ERR_OK;

	*memory = (struct polling_memory){ 0 };
	if (!vendor_job_id && vendor_request_refers(&vendor->ask) & REFER_BIT(REFER_VENDOR_JOB_ID))
		return err_set(why, ERR_INVALID, "there is no id of the job at %s in its body", vendor->response_job_id);
	if (!rules->has_url && named)
		err = polling_resolve_url(vendor, named, &memory->url, &foreign, why);
	else if (!rules->has_url)
		err = rules->url_at ? err_set(why, ERR_INVALID, "there is no URL at %s in its body", rules->url_at)
		                    : err_set(why, ERR_INVALID, "it has no Location header");
	return err ? err : request_try_poll(vendor, job, vendor_job_id, why);
}

/* ---- When ---- */

int64_t polling_wait_ms(const struct polling_rules *rules, int polls, uint32_t random)
{
	double wait = (double)rules->interval_ms, most = (double)rules->max_interval_ms;
	int64_t whole;

	if (rules->factor > 1)
		for (int i = 0; i < polls && wait < most; i++)
			wait *= rules->factor;
	whole = (int64_t)(wait < most ? wait : most);
	return whole + (int64_t)((uint64_t)(whole / 10) * random >> 32);
}

/* ---- What its answer says ---- */

static bool lists(char *const *values, const char *value)
{
	for (; values && *values; values++)
		if (strcasecmp(*values, value) == 0)
			return true;
	return false;
}

const char *polling_state(const struct polling_rules *rules, struct json_object *body)
{
	struct json_object *state;

	if (!json_at(body, rules->state, &state) || json_object_is_type(state, json_type_object) ||
	    json_object_is_type(state, json_type_array))
		return NULL;
	if (json_object_is_type(state, json_type_string))
		return json_string_at(state, "");
	return state ? json_object_get_string(state) : "null";
}

enum polling_says polling_read(const struct polling_rules *rules, struct json_object *body)
{
	const char *state = polling_state(rules, body);

	if (!state)
		return POLL_UNUSABLE;
	if (lists(rules->done_values, state))
		return POLL_DONE;
	return lists(rules->failed_values, state) ? POLL_FAILED : POLL_WORKING;
}
