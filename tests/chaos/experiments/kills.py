"""kill -9: at a named place in the code, at random, or of what the service stands on."""

import os
import random
import signal
import time

from experiment import CALLS_A_SECOND, experiment, limited_vendors
from waiting import wait_for

BACK_SECONDS = 20
PAUSE_SECONDS = 0.1
REPAIR_SECONDS = 30
# A handler that dies takes its open requests with it. lighttpd answers them 500, for nobody knows whether the job was
# stored; the client asks again with its key.
DEAD_HANDLER = (202, 500, 503)


def patient_vendors():
    """Where the store is away again and again, a callback may be refused each time until the vendor's last try, half a
    minute later: that one must still count."""
    return limited_vendors(callback={"timeout_seconds": 45})


def kill_9(stack, service):
    """One process of the service, without anybody being told; waits until it is back."""
    pids = wait_for(lambda: stack.pids(service), BACK_SECONDS, f"there is a process of {service}", PAUSE_SECONDS)
    os.kill(min(pids), signal.SIGKILL)

    def is_back():
        now = stack.pids(service)
        return min(pids) not in now and len(now) >= len(pids)

    wait_for(is_back, BACK_SECONDS, lambda: f"{service} is back: {stack.status()}", PAUSE_SECONDS)


@experiment(1, "kill a handler before the insert", answers=DEAD_HANDLER, crash_points=True, ci=("sqlite",))
def handler_before_insert(stack, load, crash):
    crash.repeat("accept_before_insert")


@experiment(2, "kill a handler after the insert, before XADD", answers=DEAD_HANDLER, crash_points=True, ci=("mongodb",))
def handler_after_insert(stack, load, crash):
    crash.repeat("accept_after_insert")


@experiment(3, "kill a handler after XADD", answers=DEAD_HANDLER, crash_points=True)
def handler_after_xadd(stack, load, crash):
    crash.repeat("push_after_xadd")


@experiment(4, "kill a worker after its take", crash_points=True, ci=("sqlite",))
def worker_after_take(stack, load, crash):
    crash.repeat("take_after")


@experiment(5, "kill a worker after its claim, before XACK", crash_points=True, ci=("mongodb",))
def worker_after_claim(stack, load, crash):
    crash.repeat("claim_after")


@experiment(6, "kill a worker after the vendor's answer, before its commit", crash_points=True, ci=("sqlite",))
def worker_before_commit(stack, load, crash):
    crash.repeat("commit_before")


@experiment(7, "kill a worker after its commit, before Redis", crash_points=True)
def worker_after_commit(stack, load, crash):
    crash.repeat("commit_after")


@experiment(8, "kill a worker in the middle of a repair round", crash_points=True, trickle=210)
def worker_in_repair(stack, load, crash):
    """Killed between the store and Redis: when jobs of a dead worker are due, and when Redis has forgotten some. There are some
    to forget, as more jobs come in than may be called until the end."""
    for _ in range(2):
        crash.arm("repair_after_change")
        crash.repeat("claim_after", 1)
        crash.wait_happened("repair_after_change", REPAIR_SECONDS)
        crash.arm("repair_after_requeue")
        wait_for(lambda: all(stack.queue.waiting(vendor) for vendor in ("at-once", "calls-back")), BACK_SECONDS,
                 "jobs wait in Redis")
        stack.queue.redis.flushall()
        crash.wait_happened("repair_after_requeue", REPAIR_SECONDS)


@experiment(9, "kill a handler after a callback's finish, before its answer", answers=DEAD_HANDLER,
            crash_points=True, ci=("mongodb",))
def handler_after_callback(stack, load, crash):
    crash.repeat("webhook_after_finish")


@experiment(10, "kill any process every 2 s for a minute", answers=DEAD_HANDLER, vendors=patient_vendors,
            trickle=100, deadline_seconds=300)
def any_process(stack, load, crash):
    services = ["api-handler", "multiwatch", "lighttpd", "redis", "worker-1", "worker-2"]
    services += ["mongod"] if stack.store == "mongodb" else []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        next_at = time.monotonic() + 2
        kill_9(stack, random.choice(services))
        load.go_on(max(next_at - time.monotonic(), 0))


@experiment(11, "kill mongod", stores=("mongodb",), vendors=patient_vendors, ci=("mongodb",))
def mongod(stack, load, crash):
    for _ in range(3):
        kill_9(stack, "mongod")
        load.wait_more(100)


@experiment(12, "kill Redis (AOF everysec)", ci=("sqlite",))
def redis(stack, load, crash):
    for _ in range(3):
        kill_9(stack, "redis")
        load.wait_more(200)


def quota_vendors():
    """With a window that is counted in the store, too, and never used up here."""
    return limited_vendors(limits=[{"calls": CALLS_A_SECOND, "per_seconds": 1}, {"calls": 100000, "per_seconds": 90}])


@experiment(38, "kill a worker after it counted a quota's calls, before its claim", crash_points=True,
            vendors=quota_vendors)
def worker_after_count(stack, load, crash):
    crash.repeat("count_after")


@experiment(39, "a quota's count was written but its answer lost", crash_points=True, vendors=quota_vendors)
def lost_count(stack, load, crash):
    crash.repeat("lost_quota_answer", times=4)


def leaving_vendors():
    """Nobody is there for the first: all its jobs go on to the second."""
    first, second = limited_vendors()
    return [{**first, "request": {**first["request"], "url": "http://127.0.0.1:1/"},
             "breaker": {"connect_failures": 1, "open_seconds": 600}, "fallback": {"vendors": [second["name"]]}}, second]


@experiment(41, "kill a worker while jobs go on to another vendor: before Redis, before their old entries go",
            crash_points=True, vendors=leaving_vendors)
def worker_in_fall_back(stack, load, crash):
    crash.repeat("fallback_after_change")
    crash.repeat("fallback_before_ack")
