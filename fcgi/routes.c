/* The calls of the API; each is its handler's file. */
#include "api.h"

const struct route *const api_routes[] = {
	&jobs_post_route,
	&jobs_get_route,
	&jobs_raw_get_route,
	&webhook_post_route,
	&health_get_route,
	&openapi_get_route,
	NULL,
};
