/* The thread that talks to vendors: curl and nothing else.
 *
 * It takes prepared calls from its inbox, carries out thousands at once (curl_multi_socket_action over epoll:
 * a turn costs by event, not by transfer in flight) and puts them into `done`. It never waits for the store
 * or Redis: answers left in sockets meanwhile would become false timeouts.
 *
 * A turn is short however much there is to do: some events of each shard (shard.h) that has any, then calls begin, one of
 * each lane in turn (fair_queue.h), for a few milliseconds; the others begin in the next turns.
 */
#ifndef VF_LOOP_H
#define VF_LOOP_H

#include "call.h"
#include "err.h"
#include "mailbox.h"

struct loop;

/* Borrows done and late_poke for its life. late_poke is poked when a lane's count of late calls has grown. calls_max: no more will be in flight at once; idle connections are
 * closed rather than that there are more connections than this. */
enum err loop_new(int calls_max, struct mailbox *done,
                  struct mailbox *late_poke, struct loop **loop, struct err_text *why)
	__attribute__((warn_unused_result));
enum err loop_start(struct loop *loop, struct err_text *why) __attribute__((warn_unused_result));

/* Takes the list of calls. From any thread. */
void loop_submit(struct loop *loop, struct call *list);

/* No more calls will come: those that have not left are given back as not sent, those that have may go on
 * until give_up_mono_ms, then they are abandoned. Returns when the thread has ended. */
void loop_stop(struct loop *loop, int64_t give_up_mono_ms);
void loop_free(struct loop *loop);

#endif
