/* Settings: flag > environment > settings file > default. One table in settings.c (name, type, default, min, max,
 * unit, help) makes the parser, --help and docs/settings.md.
 *
 * The file has KEY=VALUE lines (# starts a comment line; a value may stand in double quotes), as systemd,
 * compose's env_file and cron wrappers read them. Keys that the table does not know are put into the environment
 * if they are not there yet, for ${env:NAME} in vendor files. For every secret NAME, NAME_FILE names a file that
 * holds it.
 */
#ifndef VF_SETTINGS_H
#define VF_SETTINGS_H

#include "err.h"

#include <stdint.h>

/* Strings are owned by the settings, never NULL. */
struct settings {
	char *store_uri;
	char *redis_url;
	char *redis_prefix;
	char *log_level;
	char *api_base_url;          /* what vendors call back, no slash at its end */
	char *sync_vendor_url;
	char *async_vendor_url;
	char *ca_file;
	char *vendors_dir;
	char *default_vendor;        /* "" = none */
	char *routes;                /* the file of rules that come before the default vendor; "" = none */
	char *tokens;                /* the file of API clients; "" = none */
	char *path_prefix;           /* "" = none, else it begins with a slash and does not end in one */
	char *extra_fields;          /* "" = none; fcgi/extra_fields.h reads it */
	int64_t open;                /* 1: without tokens, not only clients on this machine are let in */
	int64_t accept_status;       /* 200, 201 or 202 */
	int64_t other_names;         /* 1: bodies of POST /jobs may use the other names of vendor and payload, too */
	int64_t api_threads;
	int64_t max_body_bytes;
	int64_t json_max_depth;      /* these three bound JSON in request bodies; lib/json_strict.h says what they count */
	int64_t json_max_members;
	int64_t json_max_string_bytes;
	int64_t store_timeout_ms;
	int64_t redis_timeout_ms;
	int64_t accept_timeout_ms;   /* how long a POST waits for its batch */
	int64_t idempotency_hours;
	int64_t retention_days;
	int64_t worker_slot;
	int64_t calls_max;           /* calls in flight in one worker */
	int64_t lease_ms;            /* at least; the longest vendor timeout and some more if that is longer */
	int64_t repair_period_ms;
	int64_t repair_grace_ms;
	int64_t drain_ms;            /* how long TERM lets calls in flight go on */
	int64_t core_dumps;          /* 1: handlers and workers may leave core dumps */
};

/* Which options a program takes beyond --config, --help, --version and one --flag for each setting (STORE_URI ->
 * --store-uri, VENDORFETCH_API_THREADS -> --api-threads). Prints and exits on --help and --version (status 0),
 * on a bad option or value with one clear line (status 2). Frees nothing on exit. Call once, before threads are
 * made. */
void settings_load(int argc, char **argv, const char *program, const char *summary, struct settings *settings);
void settings_free(struct settings *settings);

/* The value of a setting by its environment name, else of the environment; NULL if neither. For vendor_set_load().
 * Valid while the settings that were loaded last are. */
const char *settings_env(const char *name);

/* Reads the settings file once more, for what settings_env() gives of names that are no settings: secrets of vendors may
 * have changed. Settings stay as they were loaded, and so does what the environment had at the start. ERR_INVALID: the
 * file cannot be read; nothing has changed. Ends what settings_env() gave before. One thread, that of settings_env(). */
enum err settings_reload_env(struct err_text *why) __attribute__((warn_unused_result));

/* The settings file: that of --config, else the default's name, whether it is there or not. */
const char *settings_config_path(void);
const char *settings_default_config(void);

/* The table as Markdown on stdout (docs/settings.md). */
void settings_print_reference(void);

#endif
