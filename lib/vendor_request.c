/* The readers of what makes a request, of a call or a poll: method, URL, query, headers, body. */
#include "json_strict.h"
#include "mem.h"
#include "secret.h"
#include "vendor_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_SIZE = 256, NAME_SHOWN = 64 };

static const char *const method_names[] = { METHODS };
/* In their order. */
static const struct { bool takes_body, has_body; } methods[] = {
	{ true, true }, { true, true }, { true, true }, { false, false }, { true, false }
};

enum { METHOD_COUNT = sizeof(methods) / sizeof(methods[0]) };
_Static_assert(sizeof(method_names) / sizeof(method_names[0]) == METHOD_COUNT, "each of METHODS has a row");

static bool takes_body(const char *method)
{
	size_t i = 0;

	while (strcmp(method_names[i], method) != 0)
		i++;
	return methods[i].takes_body;
}

enum err vendor__read_method(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct vendor_request *request = field;
	size_t which;
	enum err err = vendor__read_word(r, m, value, method_names, METHOD_COUNT, &which);

	if (err)
		return err;
	request->method = mem_strdup(method_names[which]);
	request->body_kind = methods[which].has_body ? BODY_PAYLOAD : BODY_NONE;
	return ERR_OK;
}

/* A poll has a body only if its file gives one. */
enum err vendor__read_poll_method(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const words[] = { POLL_METHODS };
	struct vendor_request *request = field;
	size_t which;
	enum err err = vendor__read_word(r, m, value, words, sizeof(words) / sizeof(words[0]), &which);

	if (err)
		return err;
	request->method = mem_strdup(words[which]);
	request->body_kind = BODY_NONE;
	return ERR_OK;
}

static bool is_poll(const struct reader *r, const struct vendor_request *request) { return request == &r->vendor->ask; }

/* What is known when it is made. */
static unsigned known(const struct reader *r, const struct vendor_request *request)
{
	return is_poll(r, request) ? REFERS_TO_ACCEPTED_JOB : REFERS_TO_JOB;
}

unsigned vendor_request_refers(const struct vendor_request *request)
{
	unsigned refers = request->url.refers | request->body.refers;

	for (size_t i = 0; i < request->n_headers; i++)
		refers |= request->headers[i].line.refers;
	return refers;
}

/* ---- Objects of names and texts ---- */

enum err vendor__add_pairs(const struct reader *r, const struct member *m, struct json_object *object,
                           vendor_add_pair_fn *add, void *arg)
{
	struct member pair = *m;
	struct buffer path;
	enum err err = ERR_OK;

	if (!json_object_is_type(object, json_type_object))
		return vendor__fail(r, m, "must be an object of names and values");
	if (m->max && json_object_object_length(object) > m->max)
		return vendor__fail(r, m, "has more than %lld members", (long long)m->max);
	buffer_init(&path, PATH_SIZE);
	json_object_object_foreach(object, name, value) {
		const char *text = vendor__string(value);

		buffer_reset(&path);
		buffer_printf(&path, "%s/", m->path);
		json_pointer_put(&path, name, strnlen(name, NAME_SHOWN));
		pair.path = path.data;
		vendor__at(r, &pair);
		err = vendor__go_on(r, text ? add(r, &pair, name, text, arg) : vendor__fail(r, &pair, "must be a string"));
		if (err)
			break;
	}
	buffer_deinit(&path);
	return err;
}

/* ---- URL and query ---- */

/* Of a URL in whose host or port a reference stands: as whole labels or the port, or it is a path that lacks its '/'. */
static const char *bad_referred_host(const struct template *url, const char *rest)
{
	const char *beginning = template_beginning(url), *host = strstr(beginning, "://") + 3;

	if (!vendor__is_http(beginning))
		return "must begin with http:// or https://";
	if (*host == ':')
		return "has no host";
	if (!strchr("/.:", beginning[strlen(beginning) - 1]))
		return "has a reference right behind its host: a '/' or '?' has to be between them";
	if (strchr(host, '@') || strcspn(rest, "@") < strcspn(rest, "/?"))
		return "has a user name, which a host that a job names would be told";
	return NULL;
}

static const char *bad_url(const struct template *url)
{
	const char *beginning = template_beginning(url), *rest;

	if (template_host_refers(url, &rest))
		return bad_referred_host(url, rest);
	if (!url->n_references && template_url_has_dots(beginning))
		return "has a path segment that is \".\" or \"..\"";
	return vendor__bad_url(beginning);
}

enum err vendor__read_url(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct vendor_request *request = field;
	struct template_rules rules = vendor__rules(r, known(r, request));
	const char *text = vendor__string(value);
	struct err_text reason = { "" };
	const char *rest;

	if (!text)
		return vendor__fail(r, m, "must be a string");
	if (template_add(&request->url, text, ESCAPE_URL, &rules, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	request->host_is_referred = template_host_refers(&request->url, &rest);
	if (is_poll(r, request))
		r->vendor->poll.has_url = true;
	else
		r->vendor->url = mem_strdup(template_beginning(&request->url));
	vendor__keep_user(r->vendor, template_beginning(&request->url));
	return bad_url(&request->url) ? vendor__fail(r, m, "%s", bad_url(&request->url)) : ERR_OK;
}

static bool shows_auth(const struct vendor *vendor)
{
	bool found = vendor->credentials.n > 0 || vendor->oauth2.url;

	for (size_t i = 0; i < vendor->call.n_headers; i++)
		found |= vendor->call.headers[i].is_auth;
	for (size_t i = 0; i < vendor->ask.n_headers; i++)
		found |= vendor->ask.headers[i].is_auth;
	return found;
}

static bool ends_with_own_domain(const struct template *url)
{
	const char *rest;

	return !template_host_refers(url, &rest) || (rest[0] == '.' && strcspn(rest, "/?") >= 2);
}

enum err vendor__check_referred_host(const struct vendor *vendor, struct err_text *why)
{
	bool call_is_own = ends_with_own_domain(&vendor->call.url);

	if (shows_auth(vendor) && (!call_is_own || !ends_with_own_domain(&vendor->ask.url)))
		return err_set(why, ERR_INVALID, "%s/url: auth would be shown to whomever a job names: its host has to end with a "
		               "domain of the file", call_is_own ? "poll" : "request");
	if (vendor->mode == VENDOR_POLL && vendor->call.host_is_referred && !vendor->poll.has_url)
		return err_set(why, ERR_INVALID, "poll/url: is missing, as request/url has no host of its own");
	return ERR_OK;
}

/* Of the query or a form. */
struct list { enum template_escape escape; struct template *out; unsigned known; };

static enum err add_to_list(const struct reader *r, const struct member *m, const char *name, const char *text, void *arg)
{
	const struct list *list = arg;
	struct template_rules rules = vendor__rules(r, list->known);
	struct err_text reason = { "" };

	if (template_add_pair(list->out, name, text, list->escape, &rules, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return ERR_OK;
}

enum err vendor__read_query(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct vendor_request *request = field;

	vendor__keep_named(r->vendor, value);
	return vendor__add_pairs(r, m, value, add_to_list, &(struct list){ ESCAPE_QUERY, &request->url, known(r, request) });
}

/* ---- Headers ---- */

static struct vendor_header *find_header(const struct vendor_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return &request->headers[i];
	return NULL;
}

static bool may_be_secret(const char *name, const char *value)
{
	return vendor__sounds_secret(name) || strstr(value, "${env:") || strstr(value, "${file:");
}

static enum err add_header(const struct reader *r, struct vendor_request *to, const struct member *name_from,
                           const struct member *value_from, const char *name, const char *value, unsigned allowed)
{
	struct template_rules rules = vendor__rules(r, allowed);
	struct vendor_header *header;
	struct err_text reason = { "" };

	if (vendor__bad_header_name(name))
		return vendor__fail(r, name_from, "%s", vendor__bad_header_name(name));
	if (find_header(to, name))
		return vendor__fail(r, name_from, "%s is there twice", name);
	to->headers = mem_realloc(to->headers, (to->n_headers + 1) * sizeof(*to->headers));
	header = &to->headers[to->n_headers++];
	*header = (struct vendor_header){ .name = mem_strdup(name), .is_secret = may_be_secret(name, value) };
	if (template_add_pair(&header->line, name, value, ESCAPE_HEADER, &rules, &reason) != ERR_OK)
		return vendor__fail(r, value_from, "%s", reason.text);
	return ERR_OK;
}

enum err vendor__add_header(const struct reader *r, const struct member *name_from, const struct member *value_from,
                            const char *name, const char *value, unsigned allowed)
{
	return add_header(r, &r->vendor->call, name_from, value_from, name, value, allowed);
}

static enum err add_own_header(const struct reader *r, const struct member *m, const char *name, const char *text,
                               void *arg)
{
	struct vendor_request *request = arg;
	/* The host is no more the job's to say here than in the URL. */
	bool is_host = strcasecmp(name, "Host") == 0;

	return add_header(r, request, m, m, name, text, is_host ? 0 : known(r, request) | REFER_BIT(REFER_BODY_SHA256));
}

enum err vendor__read_headers(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	vendor__keep_named(r->vendor, value);
	return vendor__add_pairs(r, m, value, add_own_header, field);
}

/* Of polls: their own headers come in the place of the calls', but for what auth says. */
static enum err complete_ask(const struct reader *r)
{
	const struct member headers = { .path = "poll/headers" }, body = { .path = "poll/body" };
	struct vendor_request *ask = &r->vendor->ask;
	struct vendor_header *other;
	const char *type = ask->is_form ? "application/x-www-form-urlencoded" : "application/json";

	if (ask->is_form && ask->body_kind == BODY_NONE)
		return vendor__fail(r, &body, "is missing, a form needs it");
	for (size_t i = 0; i < ask->n_headers; i++) {
		other = find_header(&r->vendor->call, ask->headers[i].name);
		if (other && other->is_auth)
			return vendor__fail(r, &headers, "%s is there twice, auth sends it, too", ask->headers[i].name);
		if (other)
			other->calls_only = true;
	}
	other = find_header(&r->vendor->call, "Content-Type");
	if (ask->body_kind == BODY_NONE || find_header(ask, "Content-Type") || (other && !other->calls_only))
		return ERR_OK;
	return add_header(r, ask, &headers, &headers, "Content-Type", type, 0);
}

enum err vendor__complete_request(const struct reader *r)
{
	struct vendor_request *call = &r->vendor->call;
	const struct { const char *name, *value; bool wanted; } defaults[] = {
		{ "Content-Type", call->is_form ? "application/x-www-form-urlencoded" : "application/json",
		  call->body_kind != BODY_NONE },
		{ "Idempotency-Key", "${job:request_id}", true },
	};
	const struct member headers = { .path = "request/headers" }, body = { .path = "request/body" };
	enum err err = ERR_OK;

	if (call->is_form && call->body_kind == BODY_PAYLOAD)
		return vendor__fail(r, &body, "is missing, a form needs it");
	for (size_t i = 0; err == ERR_OK && i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (!defaults[i].wanted || find_header(call, defaults[i].name))
			continue;
		err = vendor__add_header(r, &headers, &headers, defaults[i].name, defaults[i].value, REFERS_TO_JOB);
		/* A poll has no body, may be made twice, and its answer must not be that of the call. */
		call->headers[call->n_headers - 1].calls_only = true;
	}
	return err ? err : complete_ask(r);
}

/* ---- Body ---- */

enum err vendor__read_body_format(const struct reader *r, const struct member *m, struct json_object *value,
                                  void *field)
{
	static const char *const formats[] = { BODY_FORMATS };
	struct vendor_request *request = field;
	size_t which;
	enum err err = vendor__read_word(r, m, value, formats, sizeof(formats) / sizeof(formats[0]), &which);

	if (err == ERR_OK)
		request->is_form = which == 1;
	return err;
}

enum err vendor__read_body(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct vendor_request *request = field;
	struct template_rules rules = vendor__rules(r, known(r, request));
	struct err_text reason = { "" };

	/* A method that could not be read is a mistake already. */
	if (request->method && !takes_body(request->method))
		return vendor__fail(r, m, "a %s has none", request->method);
	request->body_kind = BODY_TEMPLATE;
	vendor__keep_named(r->vendor, value);
	if (request->is_form)
		return vendor__add_pairs(r, m, value, add_to_list, &(struct list){ ESCAPE_FORM, &request->body, known(r, request) });
	if (template_add_json(&request->body, value, &rules, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return ERR_OK;
}

static void deinit_request(struct vendor_request *request)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		free(request->headers[i].name);
		template_deinit(&request->headers[i].line);
	}
	free(request->headers);
	free(request->method);
	template_deinit(&request->url);
	template_deinit(&request->body);
}

void vendor__deinit_request(struct vendor *vendor)
{
	deinit_request(&vendor->call);
	deinit_request(&vendor->ask);
	secret_free(vendor->url);
	template_deinit(&vendor->credentials);
	template_deinit(&vendor->signing.message);
	oauth2_rules_deinit(&vendor->oauth2);
	secret_free_bytes(vendor->signing.key, vendor->signing.key_len);
}
