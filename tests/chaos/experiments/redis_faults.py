"""Redis forgets, is full, hangs, or comes back as it once was."""

import pathlib
import shutil

from experiment import experiment, none_refused
from waiting import wait_for

VENDORS = ("at-once", "calls-back")
MARK = "chaos:mark"          # a key of ours: whether it is there tells which data this Redis has
FULL_BYTES = 1000000         # less than an empty Redis takes
FULL_SECONDS = 5
HANG_SECONDS = 30


def stream_of(vendor):
    return "job-queue:{%s}" % vendor


def wait_waiting(stack):
    """Waits until each vendor has jobs in Redis, so that there is something to lose."""
    wait_for(lambda: all(stack.queue.waiting(vendor) for vendor in VENDORS), 20,
             lambda: f"jobs wait in Redis: {stack.queue.counts()}")


def data_folder(stack):
    return stack.folder / "redis"


def restart_with(stack, replace_data):
    """kill -9; what replace_data(folder) leaves there is what Redis starts with."""
    run_id = stack.queue.redis.info("server")["run_id"]
    stack.kill("redis")
    replace_data(data_folder(stack))
    stack.start("redis")
    assert stack.queue.redis.info("server")["run_id"] != run_id, "Redis was not restarted"


@experiment(13, "FLUSHALL", ci=("sqlite", "mongodb"))
def flushall(stack, load, crash):
    for _ in range(3):
        stack.queue.redis.flushall()
        load.wait_more(200)


@experiment(14, "DEL of one stream")
def delete_stream(stack, load, crash):
    def had_entries(stream):
        count, _ = stack.queue.redis.pipeline().xlen(stream).delete(stream).execute()
        return count

    for _ in range(3):
        for vendor in VENDORS:
            wait_for(lambda vendor=vendor: had_entries(stream_of(vendor)), 20, f"{vendor} has entries to lose")
            load.wait_more(100)


@experiment(15, "SCRIPT FLUSH", ci=("mongodb",))
def script_flush(stack, load, crash):
    for _ in range(5):
        stack.queue.redis.script_flush()
        load.wait_more(100)


@experiment(16, "maxmemory reached", also=none_refused)
def maxmemory(stack, load, crash):
    """Jobs are accepted all the while: the store is not Redis's business."""
    redis = stack.queue.redis
    before = redis.config_get("maxmemory*")

    def refused():
        return int(redis.info("errorstats").get("errorstat_OOM", "count=0").removeprefix("count="))

    for policy in ("noeviction", "volatile-lru"):
        wait_waiting(stack)
        count = refused()
        redis.config_set("maxmemory-policy", policy)
        redis.config_set("maxmemory", FULL_BYTES)
        load.wait_more(300)
        load.go_on(FULL_SECONDS)
        wait_for(lambda count=count: refused() > count + 10, 10, f"Redis refuses commands ({policy})")
        redis.config_set("maxmemory", before["maxmemory"])
        redis.config_set("maxmemory-policy", before["maxmemory-policy"])
        load.wait_more(100)


@experiment(17, "SIGSTOP of Redis for 30 s", also=none_refused, drain_seconds=90)
def hang(stack, load, crash):
    """Jobs are accepted all the while."""
    def states():
        stats = [pathlib.Path(f"/proc/{pid}/stat").read_text() for pid in stack.pids("redis")]
        return [stat.rsplit(")", 1)[1].split()[0] for stat in stats]

    wait_waiting(stack)
    stack.kill("redis", "STOP")
    try:
        wait_for(lambda: states() == ["T"], 5, lambda: f"Redis is stopped: {states()}")
        load.wait_more(300, 20)
        load.go_on(HANG_SECONDS)
    finally:
        stack.kill("redis", "CONT")
    load.wait_more(50)


@experiment(18, "Redis restarted empty")
def restarted_empty(stack, load, crash):
    def empty(folder):
        shutil.rmtree(folder)
        folder.mkdir()

    for _ in range(2):
        wait_waiting(stack)
        stack.queue.redis.set(MARK, "old")
        restart_with(stack, empty)
        assert stack.queue.redis.get(MARK) is None, "Redis still knows what it knew"
        load.wait_more(300)


@experiment(19, "Redis restarted from an old snapshot")
def restarted_from_snapshot(stack, load, crash):
    """Its files as they were some hundred jobs ago: jobs that are finished by now, and none of the newer ones."""
    redis, snapshot = stack.queue.redis, stack.folder / "redis-snapshot"

    def put_back(folder):
        shutil.rmtree(folder)
        shutil.copytree(snapshot, folder)

    for number in range(2):
        wait_waiting(stack)
        redis.set(MARK, f"snapshot {number}")
        shutil.rmtree(snapshot, ignore_errors=True)
        shutil.copytree(data_folder(stack), snapshot)
        load.wait_more(400)
        load.go_on(5)
        redis.set(MARK, "newer")
        restart_with(stack, put_back)
        assert redis.get(MARK) == f"snapshot {number}", f"Redis came back with {redis.get(MARK)}"
        load.wait_more(100)


@experiment(20, "XGROUP DELCONSUMER with pending entries", crash_points=True)
def delete_consumer(stack, load, crash):
    """A worker dies right after its take, and what it had taken is dropped before anybody reclaims it."""
    redis = stack.queue.redis

    def drop_all():
        return sum(redis.xgroup_delconsumer(stream_of(vendor), "workers", consumer["name"])
                   for vendor in VENDORS for consumer in redis.xinfo_consumers(stream_of(vendor), "workers"))

    for _ in range(3):
        wait_waiting(stack)
        crash.repeat("take_after", 1)
        dropped = drop_all()
        assert dropped, "nobody had pending entries"
        load.wait_more(200)
