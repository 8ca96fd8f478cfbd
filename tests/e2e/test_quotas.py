"""A quota survives whatever becomes of Redis: neither forgotten nor closed, as the vendor counts it."""

import shutil

import pytest

from stack import QUICK_SETTINGS, Stack
from vendor_files import as_files, sync_vendor
from waiting import wait_for

QUOTA, QUOTA_SECONDS = 40, 90
DEADLINE_SECONDS = 20
LOST_AT_MOST = 4   # grants that were on their way when Redis was killed count, but are no calls
LIMITS = [{"calls": QUOTA, "per_seconds": QUOTA_SECONDS}, {"calls": 10, "per_seconds": 1}]


def with_quota(name):
    return sync_vendor(name, max_attempts=20, deadline_seconds=DEADLINE_SECONDS, limits=LIMITS)


def forget_all(stack, _snapshot):
    stack.queue.redis.flushall()


def lose_files(stack, _snapshot):
    stack.kill("redis")
    for path in (stack.folder / "redis").rglob("*"):
        if path.is_file():
            path.unlink()
    stack.start("redis")


def restore(stack, snapshot):
    stack.kill("redis")
    shutil.rmtree(stack.folder / "redis")
    shutil.copytree(snapshot, stack.folder / "redis")
    stack.start("redis")


def die_and_restart(stack, _snapshot):
    stack.kill("redis")
    stack.start("redis")


SLOW = {"empty", "restart"}
LOSSES = {"flush": forget_all, "empty": lose_files, "snapshot": restore, "restart": die_and_restart}


@pytest.fixture(scope="module")
def quota_stack(store):
    """Of its own: what waits for a quota stays in the queue when a test is over."""
    stack = Stack(store, as_files(map(with_quota, LOSSES)), workers=2, settings=QUICK_SETTINGS)
    yield stack
    stack.down()


@pytest.mark.parametrize("loss", [pytest.param(loss, marks=[pytest.mark.slow] if loss in SLOW else []) for loss in LOSSES])
def test_a_quota_outlives_redis(quota_stack, tmp_path, loss):
    stack = quota_stack
    stack.sync_mock.fresh()
    stack.sync_mock.configure(limit_calls=QUOTA, limit_seconds=QUOTA_SECONDS)
    ids = stack.api.submit_many(loss, QUOTA + 20)
    stack.sync_mock.wait_calls(5)
    # As a backup would: files of a Redis that runs on.
    shutil.copytree(stack.folder / "redis", tmp_path / "redis", ignore=shutil.ignore_patterns("*.sock", "temp-*"))
    stack.sync_mock.wait_calls(QUOTA // 2)
    LOSSES[loss](stack, tmp_path / "redis")
    jobs = stack.api.wait_all(ids, DEADLINE_SECONDS + 20)
    stats = stack.sync_mock.stats()
    assert stats["violations"] == 0 and stats["max_in_window"] <= QUOTA, stats
    complete = [job for job in jobs.values() if job["status"] == "complete"]
    assert QUOTA - LOST_AT_MOST <= len(complete) <= QUOTA and stats["repeated_ids"] == 0, stats
    wait_for(lambda: stack.api.get("/health").json()["status"] == "ok", 10, "/health says ok")
