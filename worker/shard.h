/* A part of the loop's calls and connections: a curl multi handle with an epoll set of its own.
 *
 * Whenever a call begins or ends libcurl (7.88) looks through all connections of its multi handle, or all to that host.
 * With 10,000 in one that costs some tenths of a millisecond a call, of every vendor's; in shards of some hundred it is
 * not noticed. And those of other shards whose sockets are ready have their turn (loop.c), however many are in this one. */
#ifndef VF_SHARD_H
#define VF_SHARD_H

#include "err.h"

#include <curl/curl.h>
#include <stdint.h>

struct shard {
	CURLM *multi;
	int epoll_fd;             /* readable when one of its sockets has an event; an event's data.fd is the socket */
	int64_t timer_mono_ms;    /* when curl wants to be called; INT64_MAX = not */
	int n_running, room;      /* calls: those that it has, and may have */
};

/* room: also the most connections, idle ones are closed rather than that there are more. It does not move afterwards:
 * curl knows its address. */
enum err shard_init(struct shard *shard, int room, struct err_text *why) __attribute__((warn_unused_result));
/* Also of one that is all zero. */
void shard_deinit(struct shard *shard);

#endif
