/* The table of settings, and the four places that they come from. */
#include "settings.h"

#include "mem.h"
#include "secret.h"
#include "settings_file.h"
#include "text_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "development"
#endif
#ifndef VENDORFETCH_SYSCONFDIR
#define VENDORFETCH_SYSCONFDIR "/etc/vendorfetch"
#endif

static const char default_file[] = VENDORFETCH_SYSCONFDIR "/vendorfetch.conf";
static const char own_prefix[] = "VENDORFETCH_";

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum { ALIASES_MAX = 2, NAME_SIZE = 64, PATH_PREFIX_MAX = 128, SECRET_BYTES_MAX = 64 << 10, EXIT_USAGE = 2 };

/* ---- The table ---- */

enum setting_type { TYPE_STRING, TYPE_INT };

struct setting {
	const char *name;              /* in environment and file; the flag is made from it */
	const char *aliases[ALIASES_MAX];
	enum setting_type type;
	size_t offset;
	const char *fallback;
	int64_t min, max;
	const char *unit;
	const char *(*bad)(const char *value);   /* what is wrong with it, or NULL */
	const char *help;
};

static const char *bad_level(const char *value)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(value, levels[i]) == 0)
			return NULL;
	return "is not one of error, warn, info, debug";
}

static const char *bad_url(const char *value)
{
	const char *host = strstr(value, "://");

	if (strncasecmp(value, "http://", 7) != 0 && strncasecmp(value, "https://", 8) != 0)
		return "does not begin with http:// or https://";
	if (host[3] == '\0' || host[3] == '/')
		return "has no host";
	return value[strcspn(value, " \t\r\n")] ? "has white space in it" : NULL;
}

/* Braces would move the tag that Redis finds a key's slot by. */
static const char *bad_key_prefix(const char *value)
{
	for (; *value; value++)
		if (*value <= ' ' || *value >= 0x7f || *value == '{' || *value == '}')
			return "may only hold printable ASCII characters other than space and braces";
	return NULL;
}

/* lighttpd.conf makes a part of a pattern of it, so nothing in it may mean anything there. */
static const char *bad_path_prefix(const char *value)
{
	if (strlen(value) > PATH_PREFIX_MAX)
		return "has more than 128 characters";
	while (*value) {
		size_t len = value[0] == '/' ? strcspn(value + 1, "/") : 0;

		if (len == 0 || value[1] == '.' || strspn(value + 1, ALPHANUMERIC "._~-") < len)
			return "is not like /api/v1: parts of letters, digits, '.', '_', '~' and '-', each after a slash";
		value += 1 + len;
	}
	return NULL;
}

#define STRING(field) TYPE_STRING, offsetof(struct settings, field)
#define INT(field) TYPE_INT, offsetof(struct settings, field)

static const struct setting table[] = {
	{ "STORE_URI", { "MONGODB_URI", "MONGO_URL" }, STRING(store_uri), "sqlite:/var/lib/vendorfetch/vendorfetch.db", 0, 0, "",
	  NULL, "Where jobs are kept: `sqlite:/path` or `mongodb://...`." },
	{ "REDIS_URL", { NULL }, STRING(redis_url), "redis://127.0.0.1:6379/0", 0, 0, "", NULL,
	  "The queue: `redis://[[user]:password@]host[:port][/db]` or `unix:///path`." },
	{ "LOG_LEVEL", { NULL }, STRING(log_level), "info", 0, 0, "", bad_level, "`error`, `warn`, `info` or `debug`." },
	{ "API_BASE_URL", { NULL }, STRING(api_base_url), "http://127.0.0.1:3000", 0, 0, "", bad_url,
	  "Where vendors reach the API for their callbacks." },
	{ "SYNC_VENDOR_URL", { NULL }, STRING(sync_vendor_url), "http://127.0.0.1:3001", 0, 0, "", bad_url,
	  "The URL in the shipped `syncVendor.json`." },
	{ "ASYNC_VENDOR_URL", { NULL }, STRING(async_vendor_url), "http://127.0.0.1:3002", 0, 0, "", bad_url,
	  "The URL in the shipped `asyncVendor.json`." },
	{ "VENDORFETCH_VENDORS_DIR", { NULL }, STRING(vendors_dir), VENDORFETCH_SYSCONFDIR "/vendors.d", 0, 0, "", NULL,
	  "The folder of vendor files." },
	{ "VENDORFETCH_CA_FILE", { NULL }, STRING(ca_file), "", 0, 0, "", NULL,
	  "A file of certificates (PEM): who signs those of `https` vendors; empty: the system's." },
	{ "VENDORFETCH_DEFAULT_VENDOR", { NULL }, STRING(default_vendor), "", 0, 0, "", NULL,
	  "The vendor of jobs that name none; empty: such jobs are refused." },
	{ "VENDORFETCH_ROUTES", { NULL }, STRING(routes), "", 0, 0, "", NULL,
	  "A file of rules that choose the vendor of jobs that name none by what is in their payload." },
	{ "VENDORFETCH_TOKENS", { NULL }, STRING(tokens), "", 0, 0, "", NULL,
	  "A file of the clients that may call and their tokens ([who may call](api.md#who-may-call)); empty: none is asked for, "
	  "and only clients on the machine itself are let in." },
	{ "VENDORFETCH_OPEN", { NULL }, INT(open), "0", 0, 1, "", NULL,
	  "1: without tokens, clients of other machines are let in as well (something in front asks who they are)." },
	{ "VENDORFETCH_ACCEPT_STATUS", { NULL }, INT(accept_status), "202", 200, 202, "", NULL,
	  "The HTTP status of an accepted job, for clients that insist on another." },
	{ "VENDORFETCH_PATH_PREFIX", { NULL }, STRING(path_prefix), "", 0, 0, "", bad_path_prefix,
	  "In front of every path of the API, for clients that know it there, such as `/api/v1`; the paths without it stay." },
	{ "VENDORFETCH_EXTRA_FIELDS", { NULL }, STRING(extra_fields), "", 0, 0, "", NULL,
	  "More names for members of answers about a job, such as `request_id=requestId,jobId;result=data`; at most 16." },
	{ "VENDORFETCH_OTHER_NAMES", { NULL }, INT(other_names), "1", 0, 1, "", NULL,
	  "1: clients may use the other names of `vendor` and `payload`, too (docs/api.md); 0: these two only." },
	{ "VENDORFETCH_API_THREADS", { NULL }, INT(api_threads), "64", 1, 1024, "", NULL, "Request threads of one API process." },
	{ "VENDORFETCH_MAX_BODY_BYTES", { NULL }, INT(max_body_bytes), "1048576", 1024, 15 << 20, "bytes", NULL,
	  "The longest request body." },
	{ "VENDORFETCH_JSON_MAX_DEPTH", { NULL }, INT(json_max_depth), "200", 1, 200, "", NULL,
	  "How deep objects and arrays may be nested in a request body." },
	{ "VENDORFETCH_JSON_MAX_MEMBERS", { NULL }, INT(json_max_members), "100000", 1, 1000000, "", NULL,
	  "The most values in a request body: itself, members of objects and items of arrays, all together." },
	{ "VENDORFETCH_JSON_MAX_STRING_BYTES", { NULL }, INT(json_max_string_bytes), "1048576", 16, 15 << 20, "bytes", NULL,
	  "The longest string, member name or number in a request body." },
	{ "VENDORFETCH_REDIS_PREFIX", { NULL }, STRING(redis_prefix), "", 0, 0, "", bad_key_prefix,
	  "In front of every key: keeps systems apart that share a Redis." },
	{ "VENDORFETCH_STORE_TIMEOUT_MS", { NULL }, INT(store_timeout_ms), "5000", 100, 60000, "ms", NULL,
	  "The longest that one operation of the store may take." },
	{ "VENDORFETCH_REDIS_TIMEOUT_MS", { NULL }, INT(redis_timeout_ms), "1000", 50, 60000, "ms", NULL,
	  "The longest that Redis may take to connect or answer." },
	{ "VENDORFETCH_ACCEPT_TIMEOUT_MS", { NULL }, INT(accept_timeout_ms), "2000", 100, 60000, "ms", NULL,
	  "How long a new job waits to be stored before the client is told to try again." },
	{ "VENDORFETCH_IDEMPOTENCY_HOURS", { NULL }, INT(idempotency_hours), "24", 1, 8760, "hours", NULL,
	  "How long an Idempotency-Key is remembered." },
	{ "VENDORFETCH_RETENTION_DAYS", { NULL }, INT(retention_days), "30", 1, 3650, "days", NULL,
	  "How long finished jobs are kept." },
	{ "VENDORFETCH_WORKER_SLOT", { NULL }, INT(worker_slot), "1", 1, 64, "", NULL,
	  "The number of this worker; no two may share one." },
	{ "VENDORFETCH_CALLS_MAX", { NULL }, INT(calls_max), "10000", 1, 60000, "", NULL, "Calls in flight in one worker." },
	{ "VENDORFETCH_LEASE_MS", { NULL }, INT(lease_ms), "30000", 1000, 3600000, "ms", NULL,
	  "How long a worker may hold a job without an answer; prolonged to the longest vendor timeout and some more." },
	{ "VENDORFETCH_REPAIR_PERIOD_MS", { NULL }, INT(repair_period_ms), "5000", 100, 3600000, "ms", NULL,
	  "How often a worker looks for jobs that were lost." },
	{ "VENDORFETCH_REPAIR_GRACE_MS", { NULL }, INT(repair_grace_ms), "10000", 100, 3600000, "ms", NULL,
	  "How long something must look lost before it is repaired." },
	{ "VENDORFETCH_DRAIN_MS", { NULL }, INT(drain_ms), "25000", 0, 3600000, "ms", NULL,
	  "How long open calls may go on after TERM." },
	{ "VENDORFETCH_CORE_DUMPS", { NULL }, INT(core_dumps), "0", 0, 1, "", NULL,
	  "1: a handler or worker that dies may leave a core dump, with the secrets that it holds; other programs of its user may look "
	  "into it then ([secrets](#secrets))." },
};

enum { SETTING_COUNT = sizeof(table) / sizeof(table[0]) };

/* What settings_env() gives: the texts that were loaded last. */
static char *loaded[SETTING_COUNT];

/* What else ${env:NAME} may name: the lines of the file that was read last. Of names that the program was started with the
 * environment's value counts; those that are in the environment because of us are listed. */
static struct settings_file file_read;
static char *config_path;
static char **put_names;
static size_t n_put_names;

/* ---- Names ---- */

static size_t setting_index(const char *name)
{
	size_t i;

	for (i = 0; i < SETTING_COUNT; i++) {
		if (strcmp(table[i].name, name) == 0)
			break;
		for (int k = 0; k < ALIASES_MAX && table[i].aliases[k]; k++)
			if (strcmp(table[i].aliases[k], name) == 0)
				return i;
	}
	return i;
}

/* VENDORFETCH_API_THREADS -> api-threads */
static void flag_of(const struct setting *s, char out[NAME_SIZE])
{
	const char *name = s->name;
	size_t i;

	if (strncmp(name, own_prefix, strlen(own_prefix)) == 0)
		name += strlen(own_prefix);
	for (i = 0; i < NAME_SIZE - 1 && name[i]; i++)
		out[i] = name[i] == '_' ? '-' : (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
	out[i] = '\0';
}

static size_t flag_index(const char *flag, size_t len)
{
	char name[NAME_SIZE];
	size_t i;

	for (i = 0; i < SETTING_COUNT; i++) {
		flag_of(&table[i], name);
		if (strlen(name) == len && memcmp(name, flag, len) == 0)
			break;
	}
	return i;
}

/* ---- Ends of the program ---- */

static const char *program_name = "vendorfetch";

__attribute__((noreturn, format(printf, 1, 2)))
static void refuse(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_USAGE);
}

static void print_help(const char *summary)
{
	char flag[NAME_SIZE];

	printf("Usage: %s [--SETTING VALUE]...\n%s\n\n", program_name, summary);
	printf("  --config FILE\n      settings file (default: %s, if there is one)\n", default_file);
	printf("  --help, --version\n\n");
	printf("Settings: flag > environment > settings file > default.\n");
	for (const struct setting *s = table; s < table + SETTING_COUNT; s++) {
		flag_of(s, flag);
		printf("  --%s, %s", flag, s->name);
		for (int k = 0; k < ALIASES_MAX && s->aliases[k]; k++)
			printf(", %s", s->aliases[k]);
		printf("\n      %s", s->help);
		if (s->type == TYPE_INT)
			printf(" %lld to %lld%s%s.", (long long)s->min, (long long)s->max, s->unit[0] ? " " : "", s->unit);
		printf(" Default: %s\n", s->fallback[0] ? s->fallback : "(empty)");
	}
}

/* The documentation is the same wherever the program was configured to be installed. */
static void print_documented_default(const char *fallback)
{
	size_t len = strlen(VENDORFETCH_SYSCONFDIR);

	if (strncmp(fallback, VENDORFETCH_SYSCONFDIR "/", len + 1) == 0)
		printf("`/etc/vendorfetch%s`", fallback + len);
	else if (fallback[0])
		printf("`%s`", fallback);
}

void settings_print_reference(void)
{
	char flag[NAME_SIZE];

	printf("| setting | flag | default | bounds | |\n|---|---|---|---|---|\n");
	for (const struct setting *s = table; s < table + SETTING_COUNT; s++) {
		flag_of(s, flag);
		printf("| `%s`", s->name);
		for (int k = 0; k < ALIASES_MAX && s->aliases[k]; k++)
			printf(" `%s`", s->aliases[k]);
		printf(" | `--%s` | ", flag);
		print_documented_default(s->fallback);
		printf(" | ");
		if (s->type == TYPE_INT)
			printf("%lld .. %lld%s%s", (long long)s->min, (long long)s->max, s->unit[0] ? " " : "", s->unit);
		printf(" | %s |\n", s->help);
	}
}

/* ---- The four places ---- */

/* Where a value was found. */
struct found {
	char *value;               /* owned */
	const char *name;          /* the name it was found under */
	char where[256];
};

struct sources {
	char *flags[SETTING_COUNT];
	const char *config;        /* NULL: the default file, if there is one */
	struct settings_file file;
};

typedef const char *(*lookup_fn)(const struct sources *sources, const char *name, char *where, size_t where_size);

static const char *in_environment(const struct sources *sources, const char *name, char *where, size_t where_size)
{
	const char *value = getenv(name);

	(void)sources;
	snprintf(where, where_size, "environment");
	return value && value[0] ? value : NULL;
}

static const char *in_file(const struct sources *sources, const char *name, char *where, size_t where_size)
{
	const struct settings_line *line = settings_file_find(&sources->file, name);

	if (!line || line->value[0] == '\0')
		return NULL;
	snprintf(where, where_size, "%s line %d", sources->file.path, line->number);
	return line->value;
}

/* NAME itself, or for strings the content of the file that NAME_FILE names. */
static bool look_up(const struct sources *sources, const struct setting *s, const char *name, lookup_fn lookup,
                    struct found *found)
{
	char file_name[NAME_SIZE];
	const char *value = lookup(sources, name, found->where, sizeof(found->where));
	size_t len, first_line;
	struct err_text why;

	found->name = name;
	if (value) {
		found->value = mem_strdup(value);
		return true;
	}
	if (s->type != TYPE_STRING)
		return false;
	snprintf(file_name, sizeof(file_name), "%s_FILE", name);
	value = lookup(sources, file_name, found->where, sizeof(found->where));
	if (!value)
		return false;
	if (text_file_read(value, SECRET_BYTES_MAX, &found->value, &len, &why) != ERR_OK)
		refuse("%s: %s (from %s)", file_name, why.text, found->where);
	first_line = strcspn(found->value, "\r\n");
	explicit_bzero(found->value + first_line, len - first_line);
	return true;
}

static bool look_up_all_names(const struct sources *sources, const struct setting *s, lookup_fn lookup, struct found *found)
{
	if (look_up(sources, s, s->name, lookup, found))
		return true;
	for (int k = 0; k < ALIASES_MAX && s->aliases[k]; k++)
		if (look_up(sources, s, s->aliases[k], lookup, found))
			return true;
	return false;
}

static void find_value(struct sources *sources, size_t i, struct found *found)
{
	const struct setting *s = &table[i];

	if (sources->flags[i]) {
		*found = (struct found){ .value = sources->flags[i], .name = s->name, .where = "command line" };
		sources->flags[i] = NULL;
		return;
	}
	if (look_up_all_names(sources, s, in_environment, found) || look_up_all_names(sources, s, in_file, found))
		return;
	*found = (struct found){ .value = mem_strdup(s->fallback), .name = s->name, .where = "default" };
}

/* ---- Values ---- */

static void set_int(const struct setting *s, const struct found *found, int64_t *field)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(found->value, &end, 10);
	if (end == found->value || *end != '\0' || found->value[strcspn(found->value, " \t\n")] != '\0')
		refuse("%s: \"%s\" is not an integer (from %s)", found->name, found->value, found->where);
	if (errno != 0 || number < s->min || number > s->max)
		refuse("%s: %s is not between %lld and %lld (from %s)", found->name, found->value, (long long)s->min,
		       (long long)s->max, found->where);
	*field = number;
}

/* The value itself stays out of the message: it may be a secret. */
static void set_string(const struct setting *s, const struct found *found, char **field)
{
	if (s->bad && s->bad(found->value))
		refuse("%s: %s (from %s)", found->name, s->bad(found->value), found->where);
	*field = mem_strdup(found->value);
}

static void set_value(struct settings *settings, struct sources *sources, size_t i)
{
	void *field = (char *)settings + table[i].offset;
	struct found found;

	find_value(sources, i, &found);
	if (table[i].type == TYPE_INT)
		set_int(&table[i], &found, field);
	else
		set_string(&table[i], &found, field);
	secret_free(loaded[i]);
	loaded[i] = found.value;
}

/* ---- Flags ---- */

static void on_flag(struct sources *sources, const char *summary, const char *flag, size_t len, const char *value,
                    const char *next, bool *took_next)
{
	size_t i;

	*took_next = false;
	if (!value && strcmp(flag, "help") == 0) {
		print_help(summary);
		exit(EXIT_SUCCESS);
	}
	if (!value && strcmp(flag, "version") == 0) {
		printf("%s %s\n", program_name, PACKAGE_VERSION);
		exit(EXIT_SUCCESS);
	}
	if (!value && strcmp(flag, "print-settings-reference") == 0) {
		settings_print_reference();
		exit(EXIT_SUCCESS);
	}
	i = flag_index(flag, len);
	if (i == SETTING_COUNT && !(len == strlen("config") && memcmp(flag, "config", len) == 0))
		refuse("unknown option --%.*s (--help lists them)", (int)len, flag);
	if (!value) {
		if (!next)
			refuse("--%.*s needs a value", (int)len, flag);
		value = next;
		*took_next = true;
	}
	if (i == SETTING_COUNT) {
		sources->config = value;
		return;
	}
	if (secret_in_url(value))
		refuse("%s: has a password in it, which ps shows to everybody while the program runs: it belongs into the environment, the "
		       "settings file, or the file that %s_FILE names (from command line)", table[i].name, table[i].name);
	free(sources->flags[i]);
	sources->flags[i] = mem_strdup(value);
}

static void read_flags(int argc, char **argv, const char *summary, struct sources *sources)
{
	for (int k = 1; k < argc; k++) {
		const char *equals = strchr(argv[k], '=');
		size_t len = equals ? (size_t)(equals - argv[k]) : strlen(argv[k]);
		bool took_next;

		if (strncmp(argv[k], "--", 2) != 0 || len == 2)
			refuse("unexpected argument \"%s\" (--help lists the options)", secret_hide_in_url(argv[k]));
		on_flag(sources, summary, argv[k] + 2, len - 2, equals ? equals + 1 : NULL, argv[k + 1], &took_next);
		k += took_next;
	}
}

/* For ${env:NAME} in vendor files, and libraries that look there. */
static void put_into_environment(const struct settings_file *file, const char *name)
{
	if (getenv(name))
		return;
	setenv(name, settings_file_find(file, name)->value, 0);
	put_names = mem_realloc(put_names, (n_put_names + 1) * sizeof(*put_names));
	put_names[n_put_names++] = mem_strdup(name);
}

static bool was_put(const char *name)
{
	for (size_t i = 0; i < n_put_names; i++)
		if (strcmp(put_names[i], name) == 0)
			return true;
	return false;
}

static void read_config(struct sources *sources)
{
	const char *path = sources->config;
	struct err_text why;

	if (!path && access(default_file, F_OK) == 0)
		path = default_file;
	if (path && settings_file_load(path, &sources->file, &why) != ERR_OK)
		refuse("%s", why.text);
	free(config_path);
	config_path = mem_strdup(path ? path : default_file);
	for (size_t i = 0; i < sources->file.n; i++)
		if (setting_index(sources->file.lines[i].name) == SETTING_COUNT)
			put_into_environment(&sources->file, sources->file.lines[i].name);
}

/* ---- The contract ---- */

void settings_load(int argc, char **argv, const char *program, const char *summary, struct settings *settings)
{
	struct sources sources = { .config = NULL };
	char *url;

	program_name = program;
	read_flags(argc, argv, summary, &sources);
	read_config(&sources);
	*settings = (struct settings){ .store_uri = NULL };
	for (size_t i = 0; i < SETTING_COUNT; i++)
		set_value(settings, &sources, i);
	settings_file_free(&file_read);
	file_read = sources.file;
	url = settings->api_base_url;
	for (size_t len = strlen(url); len > 0 && url[len - 1] == '/'; len--)
		url[len - 1] = '\0';
}

void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (table[i].type == TYPE_STRING)
			secret_free(*(char **)((char *)settings + table[i].offset));
		secret_free(loaded[i]);
		loaded[i] = NULL;
	}
	settings_file_free(&file_read);
	for (size_t i = 0; i < n_put_names; i++)
		free(put_names[i]);
	free(put_names);
	free(config_path);
	put_names = NULL;
	config_path = NULL;
	n_put_names = 0;
	*settings = (struct settings){ .store_uri = NULL };
}

const char *settings_config_path(void) { return config_path; }
const char *settings_default_config(void) { return default_file; }

enum err settings_reload_env(struct err_text *why)
{
	struct settings_file file = { .path = NULL };
	enum err err;

	/* It may be that of the default's name, and not there: it was not, or it was removed, which is to have no lines. */
	if (strcmp(config_path, default_file) == 0 && access(config_path, F_OK) != 0)
		err = ERR_OK;
	else
		err = settings_file_load(config_path, &file, why);
	if (err)
		return err;
	settings_file_free(&file_read);
	file_read = file;
	return ERR_OK;
}

const char *settings_env(const char *name)
{
	size_t i = setting_index(name);
	const struct settings_line *line;

	if (i < SETTING_COUNT && loaded[i])
		return loaded[i];
	if (getenv(name) && !was_put(name))
		return getenv(name);
	line = settings_file_find(&file_read, name);
	return line ? line->value : NULL;
}
