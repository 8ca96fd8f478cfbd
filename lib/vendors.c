#include "vendors.h"

#include "buffer.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "signature.h"
#include "vendor_lint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MISTAKES_LOGGED = 50 };

struct vendors {
	const struct settings *settings;
	bool with_routes;
	_Atomic unsigned number;
	pthread_mutex_t lock;            /* held for the few instructions of taking hold, and of putting another in its place */
	struct generation *in_force;
};

/* ---- Generations ---- */

struct generation *generation_share(struct generation *generation)
{
	if (generation)
		atomic_fetch_add_explicit(&generation->holders, 1, memory_order_relaxed);
	return generation;
}

void generation_release(struct generation *generation)
{
	/* Whatever a holder has read, it has read before the last one frees it. */
	if (!generation || atomic_fetch_sub_explicit(&generation->holders, 1, memory_order_acq_rel) > 1)
		return;
	vendor_routes_free(generation->routes);
	vendor_set_free(generation->set);
	free(generation);
}

unsigned vendors_number(const struct vendors *vendors)
{
	return atomic_load_explicit(&vendors->number, memory_order_acquire);
}

struct generation *vendors_acquire(struct vendors *vendors)
{
	struct generation *generation;

	pthread_mutex_lock(&vendors->lock);
	generation = generation_share(vendors->in_force);
	pthread_mutex_unlock(&vendors->lock);
	return generation;
}

static void put_in_force(struct vendors *vendors, struct generation *generation)
{
	struct generation *before;

	pthread_mutex_lock(&vendors->lock);
	before = vendors->in_force;
	vendors->in_force = generation;
	atomic_store_explicit(&vendors->number, generation->number, memory_order_release);
	pthread_mutex_unlock(&vendors->lock);
	generation_release(before);
}

/* ---- Reading ---- */

static void make_digest(const struct vendor_set *set, char digest[VENDORS_DIGEST_SIZE])
{
	size_t n = vendor_count(set);
	char whole[SIGNATURE_TEXT_SIZE];
	struct buffer texts;

	buffer_init(&texts, n * SIGNATURE_TEXT_SIZE);
	for (size_t i = 0; i < n; i++)
		buffer_append_str(&texts, vendor_at(set, i)->file_digest);
	signature_sha256_hex(texts.data, texts.len, whole);
	buffer_deinit(&texts);
	memcpy(digest, whole, VENDORS_DIGEST_SIZE - 1);
	digest[VENDORS_DIGEST_SIZE - 1] = '\0';
}

static enum err read_choice(const struct vendors *vendors, struct generation *generation, struct err_text *why)
{
	const struct settings *s = vendors->settings;
	struct err_text reason = { "" };

	if (!vendors->with_routes)
		return ERR_OK;
	if (*s->default_vendor && !vendor_find(generation->set, s->default_vendor))
		return err_set(why, ERR_INVALID, "VENDORFETCH_DEFAULT_VENDOR: no file defines the vendor \"%.64s\"", s->default_vendor);
	if (!*s->routes || vendor_routes_load(s->routes, generation->set, &generation->routes, &reason) == ERR_OK)
		return ERR_OK;
	return err_set(why, ERR_INVALID, "VENDORFETCH_ROUTES: %.480s", reason.text);
}

static enum err read_generation(const struct vendors *vendors, struct generation **read, struct err_text *why)
{
	struct generation *generation = mem_calloc(1, sizeof(*generation));
	enum err err = vendor_set_load(vendors->settings->vendors_dir, settings_env, &generation->set, why);

	atomic_init(&generation->holders, 1);
	if (err == ERR_OK)
		err = read_choice(vendors, generation, why);
	if (err) {
		generation_release(generation);
		return err;
	}
	generation->number = vendors_number(vendors) + 1;
	generation->loaded_at = clock_now_ms();
	make_digest(generation->set, generation->digest);
	*read = generation;
	return ERR_OK;
}

enum err vendors_new(const struct settings *settings, bool with_routes, struct vendors **vendors, struct err_text *why)
{
	struct vendors *v = mem_calloc(1, sizeof(*v));
	struct generation *first;
	enum err err;

	v->settings = settings;
	v->with_routes = with_routes;
	pthread_mutex_init(&v->lock, NULL);
	err = read_generation(v, &first, why);
	if (err) {
		vendors_free(v);
		return err;
	}
	put_in_force(v, first);
	*vendors = v;
	return ERR_OK;
}

void vendors_free(struct vendors *vendors)
{
	if (!vendors)
		return;
	generation_release(vendors->in_force);
	pthread_mutex_destroy(&vendors->lock);
	free(vendors);
}

/* ---- Reading again ---- */

/* The vendor of the same name in another set, or NULL. */
static const struct vendor *same_name(const struct vendor_set *set, const struct vendor *vendor)
{
	const struct vendor *found = vendor_find(set, vendor->name);

	return found && strcmp(found->name, vendor->name) == 0 ? found : NULL;
}

static size_t count_missing(const struct vendor_set *from, const struct vendor_set *in)
{
	size_t missing = 0;

	for (size_t i = 0; i < vendor_count(from); i++)
		missing += same_name(in, vendor_at(from, i)) == NULL;
	return missing;
}

static size_t count_changed(const struct vendor_set *before, const struct vendor_set *now)
{
	size_t changed = 0;

	for (size_t i = 0; i < vendor_count(now); i++) {
		const struct vendor *old = same_name(before, vendor_at(now, i));

		changed += old && !vendor_is_same(old, vendor_at(now, i));
	}
	return changed;
}

static void log_change(const struct generation *before, const struct generation *now)
{
	log_info("vendor files were read again, they are in force vendors=%zu added=%zu changed=%zu removed=%zu generation=%u "
	         "digest=%s", vendor_count(now->set), count_missing(now->set, before->set),
	         count_changed(before->set, now->set), count_missing(before->set, now->set), now->number, now->digest);
}

static void log_mistake(void *arg, const struct vendor_mistake *mistake)
{
	size_t *told = arg;
	char *line;

	if ((*told)++ >= MISTAKES_LOGGED)
		return;
	line = vendor_mistake_line(mistake, false);
	log_error("vendor files: %s", line);
	free(line);
}

/* The first mistake has no line: whoever writes the files wants to know of all of them, and where they are. */
static void log_refusal(const struct vendors *vendors, const struct err_text *why)
{
	const char *dir = vendors->settings->vendors_dir;
	size_t told = 0;

	vendor_lint(&dir, 1, settings_env, log_mistake, &told);
	if (told == 0)
		log_error("vendor files: %s", why->text);
	log_error("vendor files are bad, those that were read before stay in force generation=%u digest=%s",
	          vendors->in_force->number, vendors->in_force->digest);
}

bool vendors_reload(struct vendors *vendors)
{
	struct err_text why = { "" };
	struct generation *now, *before;

	if (settings_reload_env(&why) != ERR_OK) {
		log_error("settings: %s", why.text);
		log_error("vendor files were not read again generation=%u", vendors->in_force->number);
		return false;
	}
	if (read_generation(vendors, &now, &why) != ERR_OK) {
		log_refusal(vendors, &why);
		return false;
	}
	before = generation_share(vendors->in_force);
	put_in_force(vendors, now);
	log_change(before, now);
	generation_release(before);
	return true;
}
