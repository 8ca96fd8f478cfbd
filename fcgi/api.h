/* What the handlers share: made by main.c before the threads start, freed after they have ended. Every part
 * is immutable or thread-safe. */
#ifndef VF_API_H
#define VF_API_H

#include "access.h"
#include "extra_fields.h"
#include "group_change.h"
#include "group_commit.h"
#include "group_read.h"
#include "health.h"
#include "json_strict.h"
#include "queue_pusher.h"
#include "result_cache.h"
#include "route.h"
#include "settings.h"
#include "store_link.h"
#include "vendors.h"

struct api {
	struct settings settings;
	struct access *access;
	struct json_limits body_limits;                 /* of the settings: what JSON of a request is held to */
	struct vendors *vendors;                        /* a request has those by which it goes */
	struct extra_fields *extra_fields;
	unsigned char callback_key[STORE_SECRET_SIZE];  /* set once store_link_get() gives a store */
	struct store_link *link;
	struct group_commit *commit;
	struct group_read *read;
	struct group_change *change;
	struct queue_pusher *pusher;
	struct result_cache *cache;
	struct health *health;
};

/* The table of all calls, NULL-terminated (routes.c); each handler's file ends in its line. */
extern const struct route *const api_routes[];

extern const struct route jobs_post_route;
extern const struct route jobs_get_route;
extern const struct route jobs_raw_get_route;
extern const struct route webhook_post_route;
extern const struct route health_get_route;
extern const struct route openapi_get_route;

#endif
