"""A part that hangs, is full or lost its memory: each has its own clear behaviour, and all goes on by itself afterwards.

Parts that are away for good are in test_losses.py; whoever is killed comes back in test_crashes.py.
"""

import time

import pytest
import redis

from api import assert_complete, assert_problem
from waiting import wait_for

END_SECONDS = 60
FAST_SECONDS = 1.0       # what "fast" means on a busy machine; nothing waits for Redis, so milliseconds are usual
STORE_SECONDS = 2.5      # a POST waits 2 s for its batch
JOBS = 40


def timed(call, *arguments):
    began = time.monotonic()
    response = call(*arguments)
    return response, time.monotonic() - began


def assert_accepted_fast(stack, count=10):
    """Posts so many jobs, each accepted at once; gives their ids."""
    ids = []
    for number in range(count):
        response, took = timed(stack.api.post, "/jobs", {"vendor": "quick", "payload": {"n": number}})
        assert response.status_code == 202, response.text
        assert took < FAST_SECONDS, f"a POST took {took:.2f} s"
        ids.append(response.json()["request_id"])
    return ids


def assert_read_fast(stack, request_id, status):
    for _ in range(3):
        response, took = timed(stack.api.get, "/jobs/" + request_id)
        assert response.status_code == 200 and response.json()["status"] == status, response.text
        assert took < FAST_SECONDS, f"a GET took {took:.2f} s"


def wait_quiet(stack, seconds=1.0):
    """Waits until the sync vendor was not called for so long."""
    seen = {"calls": -1, "since": 0.0}

    def is_quiet():
        calls = stack.sync_mock.stats()["calls"]
        if calls != seen["calls"]:
            seen.update(calls=calls, since=time.monotonic())
        return time.monotonic() - seen["since"] >= seconds

    wait_for(is_quiet, 15, "no more calls")


def test_redis_hangs(rough_stack):
    stack = rough_stack
    done = stack.api.submit("quick")
    stack.api.wait(done, status="complete")
    stack.kill("redis", "STOP")
    try:
        ids = assert_accepted_fast(stack)
        assert_read_fast(stack, done, "complete")
        assert_read_fast(stack, ids[0], "pending")
    finally:
        stack.kill("redis", "CONT")
    assert_complete(stack.api.wait_all(ids, 15))
    stack.wait_healthy()


def full(client):
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1mb")


def not_full(client):
    client.config_set("maxmemory", "1gb")
    client.config_set("maxmemory-policy", "volatile-lru")


def read_only(client):
    client.execute_command("REPLICAOF", "127.0.0.1", "1")


def not_read_only(client):
    client.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("worse, better", [(full, not_full), (read_only, not_read_only)], ids=["full", "read-only"])
def test_redis_takes_no_writes(rough_stack, worse, better):
    stack = rough_stack
    client = stack.queue.redis
    worse(client)
    try:
        ids = assert_accepted_fast(stack, JOBS)
        assert_read_fast(stack, ids[-1], "pending")
    finally:
        better(client)
    assert_complete(stack.api.wait_all(ids, 20))
    stack.wait_healthy()


def flush_scripts(client):
    client.script_flush()


def destroy_group(client):
    try:
        client.xgroup_destroy("job-queue:{quick}", "workers")
    except redis.ResponseError:
        pass  # no stream at this moment


def delete_stream(client):
    client.delete("job-queue:{quick}")


@pytest.mark.parametrize("forget", [flush_scripts, destroy_group, delete_stream])
def test_redis_forgets_a_part(rough_stack, forget):
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=50)
    ids = []
    for _ in range(5):
        ids += stack.api.submit_many("quick", JOBS)
        forget(stack.queue.redis)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))


@pytest.mark.only("mongodb")  # SQLite cannot hang apart from its machine
def test_the_store_hangs(rough_stack):
    stack = rough_stack
    ids = stack.api.submit_many("sturdy", JOBS)
    stack.kill("mongod", "STOP")
    try:
        for number in range(3):
            response, took = timed(stack.api.post, "/jobs", {"vendor": "quick", "payload": {"n": number}})
            assert_problem(response, 503)
            assert int(response.headers["Retry-After"]) >= 1
            assert took < STORE_SECONDS, f"a POST took {took:.2f} s"
        wait_quiet(stack)
        calls = stack.sync_mock.stats()["calls"]
        wait_for(lambda: stack.api.get("/health").status_code == 503, 10, "/health says 503")
        assert stack.sync_mock.stats()["calls"] == calls, "nothing is called that could not be claimed"
    finally:
        stack.kill("mongod", "CONT")
    stack.wait_healthy()
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    assert_complete(stack.api.wait_all(stack.api.submit_many("quick", 10), END_SECONDS))
