#include "clients.h"

#include "file_fail.h"
#include "json_strict.h"
#include "mem.h"
#include "signature.h"
#include "text_file.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FILE_BYTES_MAX = 4 << 20,
	CLIENTS_MAX = 10000,
	HASH_LEN = 64,            /* hex digits of a SHA-256 */
	HASHES_MAX = 4,           /* of one client */
	VENDORS_MAX = 1000,
	NAME_MAX_LEN = 64,
	TOKEN_MAX_LEN = 512,
	REQUESTS_MAX = 1000000,
	SECONDS_MAX = 86400,
};

struct entry {
	struct client client;
	char hashes[HASHES_MAX][HASH_LEN + 1];
	size_t n_hashes;
};

struct clients {
	_Atomic int holders;
	struct entry *entries;
	size_t n;
};

/* ---- Reading the file ---- */

static bool is_name(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len >= 1 && len <= NAME_MAX_LEN && !name[len];
}

/* A copy, which the caller owns. */
static enum err read_name(const struct file_place *r, const char *member, struct json_object *value, char **name)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	if (!is_name(text) || strlen(text) != (size_t)json_object_get_string_len(value))
		return file_fail(r, member, "must be a name of 1 to %d letters, digits, '.', '_' and '-'", NAME_MAX_LEN);
	free(*name);
	*name = mem_strdup(text);
	return ERR_OK;
}

static enum err read_client_name(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	return read_name(r, "name", value, &entry->client.name);
}

static enum err read_tenant(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	return read_name(r, "tenant", value, &entry->client.tenant);
}

static enum err read_hash(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	char *hash = entry->hashes[entry->n_hashes];

	if (strlen(text) != HASH_LEN || strspn(text, "0123456789abcdefABCDEF") != HASH_LEN)
		return file_fail(r, "token_sha256", "must be %d hex digits (vendorfetch token new NAME makes them)", HASH_LEN);
	for (size_t i = 0; i < HASH_LEN; i++)
		hash[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
	entry->n_hashes++;
	return ERR_OK;
}

static enum err read_hashes(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
	enum err err = ERR_OK;

	if (!json_object_is_type(value, json_type_array))
		return read_hash(r, value, entry);
	if (n < 1 || n > HASHES_MAX)
		return file_fail(r, "token_sha256", "must have 1 to %d of them", HASHES_MAX);
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		err = read_hash(r, json_object_array_get_idx(value, i), entry);
	return err;
}

static enum err read_scopes(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	static const struct { const char *name; unsigned scopes; } known[] = {
		{ "submit", SCOPE_SUBMIT }, { "read", SCOPE_READ }, { "admin", SCOPES_ALL },
	};
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;

	if (n < 1)
		return file_fail(r, "scopes", "must be an array of submit, read and admin, at least one of them");
	for (size_t i = 0; i < n; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(value, i));
		size_t k = 0;

		while (k < sizeof(known) / sizeof(known[0]) && (!name || strcmp(known[k].name, name) != 0))
			k++;
		if (k == sizeof(known) / sizeof(known[0]))
			return file_fail(r, "scopes", "\"%.40s\" is none of submit, read and admin", name ? name : "null");
		entry->client.scopes |= known[k].scopes;
	}
	return ERR_OK;
}

static enum err read_vendors(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
	enum err err = ERR_OK;

	if (n < 1 || n > VENDORS_MAX)
		return file_fail(r, "vendors", "must be an array of 1 to %d names of vendors; without it all are allowed", VENDORS_MAX);
	entry->client.vendors = mem_calloc(n + 1, sizeof(*entry->client.vendors));
	for (size_t i = 0; i < n && err == ERR_OK; i++)
		err = read_name(r, "vendors", json_object_array_get_idx(value, i), &entry->client.vendors[i]);
	return err;
}

/* A day begins at midnight UTC. */
static enum err read_expires(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 }, same;
		const char *end = strptime(text, forms[i], &tm);
		time_t at;

		same = tm;
		at = timegm(&same);   /* makes March of February 30 */
		if (end && !*end && at > 0 && same.tm_mday == tm.tm_mday && same.tm_sec == tm.tm_sec) {
			entry->client.expires_at = (int64_t)at * 1000;
			return ERR_OK;
		}
	}
	return file_fail(r, "expires", "must be a time in UTC such as 2027-01-31T00:00:00Z, or a day");
}

static enum err read_limit(const struct file_place *r, struct json_object *value, struct entry *entry)
{
	struct json_object *requests = NULL, *seconds = NULL;

	if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) != 2 ||
	    !json_object_object_get_ex(value, "requests", &requests) ||
	    !json_object_object_get_ex(value, "per_seconds", &seconds))
		return file_fail(r, "limit", "must be an object of requests and per_seconds");
	if (!json_object_is_type(requests, json_type_int) || json_object_get_int64(requests) < 1 ||
	    json_object_get_int64(requests) > REQUESTS_MAX)
		return file_fail(r, "limit/requests", "must be an integer from 1 to %d", REQUESTS_MAX);
	if (!json_object_is_type(seconds, json_type_int) || json_object_get_int64(seconds) < 1 ||
	    json_object_get_int64(seconds) > SECONDS_MAX)
		return file_fail(r, "limit/per_seconds", "must be an integer from 1 to %d", SECONDS_MAX);
	entry->client.limit_requests = json_object_get_int64(requests);
	entry->client.limit_ms = json_object_get_int64(seconds) * 1000;
	return ERR_OK;
}

static const struct member {
	const char *name;
	enum err (*read)(const struct file_place *r, struct json_object *value, struct entry *entry);
	bool required;
} members[] = {
	{ "name", read_client_name, true },
	{ "token_sha256", read_hashes, true },
	{ "scopes", read_scopes, true },
	{ "vendors", read_vendors, false },
	{ "tenant", read_tenant, false },
	{ "expires", read_expires, false },
	{ "limit", read_limit, false },
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

static enum err check_names(const struct file_place *r, struct json_object *object)
{
	json_object_object_foreach(object, name, unused) {
		size_t i = 0;

		(void)unused;
		while (i < MEMBER_COUNT && strcmp(members[i].name, name) != 0)
			i++;
		if (i == MEMBER_COUNT)
			return file_fail(r, name, "unknown member");
	}
	return ERR_OK;
}

static enum err read_client(const struct file_place *r, struct json_object *object, struct entry *entry)
{
	enum err err = json_object_is_type(object, json_type_object) ? check_names(r, object)
	                                                             : file_fail(r, "", "must be an object");

	for (size_t i = 0; i < MEMBER_COUNT && err == ERR_OK; i++) {
		struct json_object *value;

		if (json_object_object_get_ex(object, members[i].name, &value))
			err = members[i].read(r, value, entry);
		else if (members[i].required)
			err = file_fail(r, members[i].name, "is missing");
	}
	return err;
}

/* Names are in logs and count limits; a token of two clients would be either's. */
static enum err check_unique(const struct file_place *r, const struct clients *clients)
{
	const struct entry *last = &clients->entries[clients->n - 1];

	for (const struct entry *e = clients->entries; e < last; e++) {
		if (strcmp(e->client.name, last->client.name) == 0)
			return file_fail(r, "name", "\"%s\" is there twice", e->client.name);
		for (size_t i = 0; i < e->n_hashes; i++)
			for (size_t k = 0; k < last->n_hashes; k++)
				if (strcmp(e->hashes[i], last->hashes[k]) == 0)
					return file_fail(r, "token_sha256", "is that of \"%s\", too", e->client.name);
	}
	return ERR_OK;
}

static enum err read_file(struct file_place *r, struct json_object *file, struct clients *clients)
{
	struct json_object *list = NULL;
	enum err err = ERR_OK;
	size_t n;

	if (!json_object_is_type(file, json_type_object) || json_object_object_length(file) != 1 ||
	    !json_object_object_get_ex(file, "clients", &list) || !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > CLIENTS_MAX)
		return file_fail(r, "", "must be an object with one member, clients, an array of up to %d", CLIENTS_MAX);
	n = json_object_array_length(list);
	clients->entries = mem_calloc(n + 1, sizeof(*clients->entries));
	for (size_t i = 0; i < n && err == ERR_OK; i++) {
		snprintf(r->group, sizeof(r->group), "clients/%zu", i);
		err = read_client(r, json_object_array_get_idx(list, i), &clients->entries[clients->n++]);
		if (err == ERR_OK)
			err = check_unique(r, clients);
	}
	return err;
}

enum err clients_load(const char *path, struct clients **clients, struct err_text *why)
{
	struct clients *loaded = mem_calloc(1, sizeof(*loaded));
	struct file_place r = { .path = path, .why = why };
	struct json_object *file = NULL;
	struct err_text reason;
	char *text = NULL;
	size_t len;
	enum err err;

	atomic_init(&loaded->holders, 1);
	err = text_file_read(path, FILE_BYTES_MAX, &text, &len, why);
	if (err)
		goto out;
	err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &file, NULL, 0, &reason);
	err = err ? err_set(why, ERR_INVALID, "%.120s: %.380s", path, reason.text) : read_file(&r, file, loaded);
out:
	json_object_put(file);
	free(text);
	if (err)
		clients_release(loaded);
	else
		*clients = loaded;
	return err;
}

/* ---- Life ---- */

struct clients *clients_hold(struct clients *clients)
{
	atomic_fetch_add(&clients->holders, 1);
	return clients;
}

static void client_deinit(struct client *client)
{
	for (char **vendor = client->vendors; vendor && *vendor; vendor++)
		free(*vendor);
	free(client->vendors);
	free(client->name);
	free(client->tenant);
}

void clients_release(struct clients *clients)
{
	if (!clients || atomic_fetch_sub(&clients->holders, 1) > 1)
		return;
	for (size_t i = 0; i < clients->n; i++)
		client_deinit(&clients->entries[i].client);
	free(clients->entries);
	free(clients);
}

/* ---- Finding one ---- */

size_t clients_count(const struct clients *clients) { return clients->n; }

/* Looks at all hashes, also behind the one that it finds. */
const struct client *clients_find(const struct clients *clients, const char *token)
{
	size_t len = strnlen(token, TOKEN_MAX_LEN + 1);
	char hash[SIGNATURE_TEXT_SIZE];
	const struct client *found = NULL;

	if (len > TOKEN_MAX_LEN)
		return NULL;
	signature_sha256_hex(token, len, hash);
	for (size_t i = 0; i < clients->n; i++)
		for (size_t k = 0; k < clients->entries[i].n_hashes; k++)
			if (CRYPTO_memcmp(clients->entries[i].hashes[k], hash, HASH_LEN) == 0)
				found = &clients->entries[i].client;
	return found;
}

bool client_may_use(const struct client *client, const char *vendor)
{
	if (!client->vendors)
		return true;
	for (char **name = client->vendors; *name; name++)
		if (strcmp(*name, vendor) == 0)
			return true;
	return false;
}
