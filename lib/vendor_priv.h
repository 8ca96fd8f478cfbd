/* Between the parts of the vendor module. Nobody else's.
 *
 *   vendor.c         the table of members, and what drives it
 *   vendor_member.c  a reader for each type of member
 *   vendor_request.c the readers of what makes the request
 *   vendor_auth.c    the reader of auth
 *   vendor_oauth2.c  the same of auth/type oauth2
 *   vendor_group.c   vendors that share an account
 *   vendor_limits.c  the readers of limits, hours and time zones, and whether it is open
 *   vendor_callback.c the reader of callback/auth and callback/allow_from
 *   vendor_kind.c    objects whose type says which members they have
 *   vendor_clean.c   the readers of the rules by which results are cleaned
 *   vendor_verdict.c the readers of the rules that say what an answer means
 *   vendor_poll.c    checks of the group poll
 *   vendor_fallback.c the reader of fallback/on, and what lists of vendors say together
 *   vendor_value.c   checks of single texts, and ${...} references
 *   vendor_secret.c  what must not be shown of a vendor
 *   vendor_file.c    folder, files, the set and its look-up
 *   vendor_routes.c  which vendor a job goes to whose client names none
 *   vendor_lint.c    the same for whoever writes the files: every mistake, with its line
 *   vendor_show.c    a file with all defaults filled in
 *   vendor_schema.c  the table as a JSON Schema
 */
#ifndef VF_VENDOR_PRIV_H
#define VF_VENDOR_PRIV_H

#include "buffer.h"
#include "vendor.h"

#include <json-c/json.h>

struct mistakes;

/* Fills a vendor that is all zero from a file's JSON. Without mistakes (NULL), the first mistake ends it: ERR_INVALID,
 * why is "member: reason". With them all go there, and ERR_OK is the answer. The vendor is to be given to
 * vendor__deinit() either way. */
enum err vendor__read(struct vendor *vendor, struct json_object *file, vendor_env_fn env, struct mistakes *mistakes,
                      struct err_text *why);
void vendor__deinit(struct vendor *vendor);

/* ---- Members ---- */

enum member_type {
	TYPE_NAME, TYPE_NAMES, TYPE_MODE, TYPE_METHOD, TYPE_URL, TYPE_HEADERS, TYPE_SECRET, TYPE_POINTER, TYPE_POINTERS,
	TYPE_BOOL, TYPE_INT, TYPE_INT64, TYPE_SECONDS, TYPE_RATIO, TYPE_STATUSES, TYPE_LIMITS, TYPE_GROUP,
	TYPE_QUERY, TYPE_BODY_FORMAT, TYPE_BODY, TYPE_AUTH, TYPE_AUTH_KIND, TYPE_AUTH_PLACE, TYPE_KEY_ENCODING, TYPE_DIGEST,
	TYPE_SIGNATURE_ENCODING, TYPE_TEXT, TYPE_SECRET_TEXT, TYPE_TOKEN_URL, TYPE_PARAMETERS, TYPE_CLIENT_AUTH,
	TYPE_CALLBACK_AUTH, TYPE_CALLBACK_AUTH_KIND, TYPE_SECRETS, TYPE_NETWORKS,
	TYPE_VERDICTS, TYPE_RANGES, TYPE_EQUALS, TYPE_VALUES, TYPE_EXISTS, TYPE_VERDICT, TYPE_CALLBACK_VERDICT, TYPE_JSON,
	TYPE_PLACES, TYPE_HEADER_NAME, TYPE_WORDS,
	TYPE_RENAMES, TYPE_PARTS, TYPE_KINDS, TYPE_COUNTRY,
	TYPE_POLL_METHOD, TYPE_RESET_IS,
	TYPE_ZONE, TYPE_UNIT, TYPE_HOURS, TYPE_DAYS, TYPE_CLOCK,
	TYPE_REASONS,
	TYPE_FOR_EDITORS,
	TYPE_COUNT
};

/* A row of the table. */
struct member {
	const char *path;        /* as a JSON Pointer without its first slash; "*" stands for an index */
	enum member_type type;
	size_t offset;           /* in struct vendor; members of a limit or a verdict: in that one's struct, of auth: auth_texts, of
	                            hours: hours_texts */
	const char *fallback;    /* JSON text that is read when the member is not there; NULL: it stays unset */
	int64_t min, max;        /* of the number as it is stored (seconds: as ms), max of entries, min of bytes */
	const char *help;
};

/* The fallback of a member that has none and must be there. */
extern const char MEMBER_REQUIRED[];

/* The next row of a group after one of its rows (NULL: the first); NULL at the end. A group is what the paths of its rows
 * begin with: "" for the outermost, else with a slash at its end. */
const struct member *vendor__next_in_group(const char *group, const struct member *after);

/* The value of a JSON text that stands in one of our tables; the caller's to put. */
struct json_object *vendor__own_json(const char *text);

/* Takes the mistakes of a file, so that reading goes on behind each. */
struct mistakes {
	/* text is "member: reason", pointer the JSON Pointer of the place. warning: it is well on a machine that has
	 * the variable or the file. */
	void (*add)(void *arg, const char *pointer, const char *text, bool warning);
	void *arg;
	size_t errors;           /* those that were no warnings */
	struct buffer pointer;   /* of what is being read, or of the mistake that why tells of */
	bool placed;             /* the latter; else what why begins with is its place */
	bool lacking;            /* what is being read refers to something that this machine lacks */
	bool told;               /* the mistakes in it have been taken already */
};

/* Where the reader is in a file. */
struct reader {
	vendor_env_fn env;
	struct err_text *why;
	struct mistakes *mistakes;   /* NULL: the first one ends the reading */
	struct vendor *vendor;
	const char *group;       /* beginning of the table's rows that are being read: "" or with a slash at its end */
	const char *shown;       /* the same with indexes, for messages */
	char *base;              /* the struct that their offsets are in */
	const size_t *item;      /* which entry of an array is being read, or NULL; for the place of a mistake */
};

/* Reads all rows of r->group from an object of the file, and refuses members that have no row. ERR_INVALID also when all
 * mistakes have gone to r->mistakes: then some of what it should have set is not. */
enum err vendor__read_group(const struct reader *r, struct json_object *object);

/* Reads one value into r->base + m->offset, by its type. */
enum err vendor__read_member(const struct reader *r, const struct member *m, struct json_object *value);
/* An array of strings, at most m->max, each checked by bad(). *list is NULL-terminated. */
enum err vendor__read_list(const struct reader *r, const struct member *m, struct json_object *value, char ***list,
                           const char *(*bad)(const char *text));

/* A string with references, checked as it is once they are resolved. */
enum err vendor__read_resolved(const struct reader *r, const struct member *m, struct json_object *value, char **field,
                               const char *(*bad)(const char *text));
/* Once all members are read. ERR_INVALID: "member: reason". */
enum err vendor__check_poll(const struct vendor *vendor, struct err_text *why);

/* "member: reason" into r->why; gives ERR_INVALID. */
enum err vendor__fail(const struct reader *r, const struct member *m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* After an attempt to read something: gives err back, or hands the mistake to r->mistakes and gives ERR_OK. For loops over
 * what is independent of each other. */
enum err vendor__go_on(const struct reader *r, enum err err) __attribute__((warn_unused_result));
/* With r->mistakes: m is read from here on, so it is the place of a warning. Else nothing. */
void vendor__at(const struct reader *r, const struct member *m);
/* With r->mistakes only: a warning that what is being read refers to something that this machine lacks. What else is wrong
 * with it is not told, for what it will be is not known. */
void vendor__lack(const struct reader *r, const char *reason);

/* The text of a string without NUL, or NULL. */
const char *vendor__string(struct json_object *value);

/* Which of n words a value is. */
enum err vendor__read_word(const struct reader *r, const struct member *m, struct json_object *value,
                           const char *const *words, size_t n, size_t *which);

typedef enum err vendor_reader_fn(const struct reader *r, const struct member *m, struct json_object *value,
                                  void *field);

/* The readers that are not in vendor_member.c. */
vendor_reader_fn vendor__read_method, vendor__read_poll_method, vendor__read_url, vendor__read_query, vendor__read_headers;
vendor_reader_fn vendor__read_body_format, vendor__read_body, vendor__read_auth;
vendor_reader_fn vendor__read_verdicts, vendor__read_ranges, vendor__read_equals, vendor__read_values, vendor__read_exists;
vendor_reader_fn vendor__read_verdict, vendor__read_callback_verdict, vendor__read_json;
vendor_reader_fn vendor__read_token_url, vendor__read_parameters;
vendor_reader_fn vendor__read_limits, vendor__read_zone, vendor__read_unit, vendor__read_hours, vendor__read_days;
vendor_reader_fn vendor__read_clock;
vendor_reader_fn vendor__read_callback_auth, vendor__read_secrets, vendor__read_networks;
vendor_reader_fn vendor__read_reasons;
vendor_reader_fn vendor__read_renames, vendor__read_parts, vendor__read_kinds, vendor__read_country;

/* ---- Types ---- */

/* What a member's min and max are bounds of. */
enum bounds_of {
	BOUNDS_OF_NOTHING, BOUNDS_OF_NUMBER, BOUNDS_OF_SECONDS, BOUNDS_OF_ENTRIES, BOUNDS_OF_MEMBERS, BOUNDS_OF_BYTES,
	BOUNDS_OF_COUNT
};

/* Which rows of the table say what is in a value: none; those below its path; those below its path and an index. */
enum rows_of { ROWS_OF_NOTHING, ROWS_OF_OBJECT, ROWS_OF_ENTRIES };

/* A row of the table of types in vendor_member.c: what reader, reference, schema and show need to know. */
struct type {
	const char *name;        /* in the reference */
	vendor_reader_fn *read;
	enum bounds_of bounds;
	enum rows_of rows;
	const char *schema;      /* JSON Schema of a value, without what bounds and rows say: JSON text of an object */
	/* What may be shown of a valid value (which is what its rows show, if it has rows): the caller's to put. */
	struct json_object *(*show)(struct json_object *value);
};

const struct type *vendor__type(enum member_type type);

enum { VENDOR_GROUP_SIZE = 128 };

/* The group of the rows that say what is in a value of m (or in each entry of it), written into group; NULL: there is
 * none. */
const char *vendor__rows(const struct member *m, char group[VENDOR_GROUP_SIZE]);

/* ---- What vendor show may print of a value ---- */

struct json_object *vendor__show_all(struct json_object *value);
/* References as they are written, anything else as ***. */
struct json_object *vendor__show_secret(struct json_object *value);
/* Of one or several. */
struct json_object *vendor__show_secrets(struct json_object *value);
/* Without what stands between :// and @. */
struct json_object *vendor__show_url(struct json_object *value);
/* At any depth: a text whose name sounds like a secret and that has no reference in it is ***. */
struct json_object *vendor__show_named(struct json_object *value);
/* Without the defaults of other kinds of auth. */
struct json_object *vendor__show_auth(struct json_object *value);
struct json_object *vendor__show_callback_auth(struct json_object *value);

/* ---- Objects whose type says which members they have ---- */

enum { KIND_MEMBERS_MAX = 8 };

/* Members that a type needs, and others that it takes. */
struct member_kind { const char *needs[KIND_MEMBERS_MAX], *takes[KIND_MEMBERS_MAX]; };

/* An object of the group (with a slash at its end) has what its type needs, and nothing of other types. *has_all: the
 * former; ERR_OK in spite of a mistake when mistakes are collected. */
enum err vendor__check_kind(const struct reader *r, struct json_object *object, const char *group, const char *kind_name,
                            const struct member_kind *kind, bool *has_all);
/* Which of the names its type is, in an object that was checked. */
size_t vendor__kind_of(struct json_object *value, const char *const *names, size_t n);
/* Without the defaults of other types; the caller's to put. */
struct json_object *vendor__show_kind(struct json_object *value, const struct member_kind *kind);

/* ---- Limits and hours ---- */

#define UNITS "minute", "hour", "day", "month"               /* enum calendar_unit, behind CALENDAR_NONE */

/* An entry of hours as the file has it. */
struct hours_texts {
	unsigned days;           /* bit 0: Monday */
	int from, to;            /* minutes of a day */
};

void vendor__deinit_limits(struct vendor *vendor);

/* ---- The request ---- */

/* Words that its members may be. */
#define METHODS "POST", "PUT", "PATCH", "GET", "DELETE"      /* methods in vendor_request.c */
#define POLL_METHODS "GET", "POST"
#define BODY_FORMATS "json", "form"
#define AUTH_KINDS "bearer", "basic", "api_key", "hmac", "oauth2"   /* kinds in vendor_auth.c */
#define AUTH_PLACES "header", "query"                        /* enum auth_place */
#define KEY_ENCODINGS "text", "base64", "hex"                /* enum key_encoding */
#define DIGESTS "sha256", "sha512"                           /* enum signature_algorithm */
#define SIGNATURE_ENCODINGS "hex", "base64"                  /* enum signature_encoding */
#define CLIENT_AUTHS "basic", "body"                          /* enum client_auth */
#define RESPONSE_VERDICTS "success", "retry", "limited", "fail", "no_data"     /* names in verdict.c */
#define CALLBACK_VERDICTS "success", "retry", "fail", "no_data", "ignore"
#define RESET_KINDS "auto", "seconds", "epoch", "epoch_ms"   /* enum reset_is */

enum auth_place { PLACE_HEADER, PLACE_QUERY };
enum client_auth { CLIENT_AUTH_BASIC, CLIENT_AUTH_BODY };

/* auth as the file has it: which of the words, and texts, each owned or NULL. */
struct auth_texts {
	int type, in, secret_encoding, algorithm, encoding, client_auth;
	char *token, *user, *password, *name, *value, *secret, *message;
	char *token_url, *client_id, *client_secret, *scope, *audience;
	struct template parameters;
	int64_t life_ms;
};

/* Of a vendor whose calls show what a token endpoint gives. */
enum err vendor__use_oauth2(const struct reader *r, const struct auth_texts *texts);
/* A header or a query parameter, as auth/in says, with the references that are allowed in its value. */
enum err vendor__place_auth(const struct reader *r, const struct auth_texts *texts, const char *name, const char *value,
                            unsigned allowed);
/* A value of HTTP Basic; the caller owns it (secret_free). */
char *vendor__basic_credentials(const char *user, const char *password);

typedef enum err vendor_add_pair_fn(const struct reader *r, const struct member *m, const char *name, const char *text,
                                    void *arg);
/* Calls add for each pair of a member's value, an object of names and texts, as a member of its own. */
enum err vendor__add_pairs(const struct reader *r, const struct member *m, struct json_object *object,
                           vendor_add_pair_fn *add, void *arg);

/* Appends a header to calls, and so to polls, whose value may hold the references that are allowed. Errors name the member
 * that name or value is from. */
enum err vendor__add_header(const struct reader *r, const struct member *name_from, const struct member *value_from,
                            const char *name, const char *value, unsigned allowed);

/* Once all members are read: what every vendor gets unless its file says otherwise. */
enum err vendor__complete_request(const struct reader *r);

void vendor__deinit_request(struct vendor *vendor);

/* ---- Callbacks ---- */

#define CALLBACK_AUTH_KINDS "token", "standard_webhooks", "hmac", "bearer", "basic", "api_key", "none"

/* callback/auth as the file has it: which of the words, and texts, each owned or NULL. Secrets, a NULL-terminated list, are
 * resolved already. */
struct callback_auth_texts {
	int type, secret_encoding, algorithm, encoding;
	char **secrets, *user, *name, *prefix, *timestamp_header, *timestamp_prefix, *message;
};

/* Once all members are read: callback/secret is a short form of callback/auth. ERR_INVALID: "member: reason". */
enum err vendor__complete_callback(struct vendor *vendor, struct err_text *why);

/* ---- Checks; NULL if the text is fine, else what is wrong with it (never with the text in it: it may be secret) ---- */

const char *vendor__bad_name(const char *text);
bool vendor__is_http(const char *url);
const char *vendor__bad_url(const char *text);
const char *vendor__bad_pointer(const char *text);
/* Of a vendor whose host a job names. why is "member: reason". */
enum err vendor__check_referred_host(const struct vendor *vendor, struct err_text *why);
const char *vendor__bad_header_name(const char *text);
const char *vendor__bad_secret(const char *text);

/* ---- Secrets ---- */

/* Adds to the vendor's. */
void vendor__keep_secret(struct vendor *vendor, const char *text, size_t len);
/* A text of the file that is a secret, unless it has references: what those stand for is kept when they are resolved. */
void vendor__keep_written(struct vendor *vendor, const char *text);
/* The texts in a JSON value, at any depth, whose names sound like secrets. */
void vendor__keep_named(struct vendor *vendor, struct json_object *value);
/* What a URL has between :// and @. */
void vendor__keep_user(struct vendor *vendor, const char *url);
void vendor__deinit_secrets(struct vendor *vendor);
bool vendor__sounds_secret(const char *name);

/* ---- Files ---- */

enum { VENDOR_FILE_BYTES_MAX = 1 << 20, VENDOR_FILES_MAX = 10000 };

/* A name or alias; the set keeps them sorted. */
struct name_entry {
	const char *name;      /* borrowed from the vendor */
	size_t vendor;
	size_t alias;          /* 0: its name; else which of its aliases, from 1 */
};

struct vendor_set {
	struct vendor *vendors;
	char **paths;          /* of the files, in the vendors' order */
	size_t n;
	struct name_entry *names;
	size_t n_names;
	struct vendor_group *groups;
	size_t n_groups;
};

/* Adds the vendor files of a folder to the set's paths, in order, without their vendors. */
enum err vendor__list_files(const char *dir, struct vendor_set *set, struct err_text *why);

/* The JSON of a file, whatever it says; the caller's to put. */
enum err vendor__parse_file(const char *path, struct json_object **file, struct err_text *why);

/* Fills the set's names from its vendors, also from one that was read in part, and sorts them. */
void vendor__index_names(struct vendor_set *set);

/* ---- Groups ---- */

/* Tells of a vendor of the set that does not fit into its group, at which member. text is "member: reason". */
typedef void (*vendor_misfit_fn)(void *arg, size_t vendor, const char *member, const char *text);

/* Looks at all vendors that have a group_name. */
void vendor__find_misfits(const struct vendor_set *set, vendor_misfit_fn on_misfit, void *arg);
/* Makes the set's groups and tells its vendors. ERR_INVALID: one does not fit; why names both files. */
enum err vendor__make_groups(struct vendor_set *set, struct err_text *why);
void vendor__free_groups(struct vendor_set *set);

/* ---- Lists of vendors to go on to ---- */

/* What is wrong with this entry of a vendor's list; why is "member: reason". The set's names are there. ERR_NOT_FOUND: there
 * is no such vendor; ERR_INVALID. */
enum err vendor__check_fallback(const struct vendor_set *set, size_t vendor, size_t entry, struct err_text *why);
/* Of lists that are well: sets what jobs may leave each vendor for. */
void vendor__link_fallbacks(struct vendor_set *set);

/* ---- References ---- */

/* The rules of a text that may hold ${env:NAME}, ${file:/path} and what is allowed beside them; what this machine lacks of
 * those two is an error, or a warning if r collects mistakes. Borrows r. */
struct template_rules vendor__rules(const struct reader *r, unsigned allowed);

/* Replaces ${env:NAME} and ${file:/path} by the same rules; anything else in ${} is an error. *out is owned by the caller
 * (secret_free). */
enum err vendor__resolve(const struct reader *r, const char *text, char **out, struct err_text *why);

#endif
