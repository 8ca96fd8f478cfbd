"""Parts that are away for a while, and a Redis that forgets everything: jobs wait, and nobody is lied to."""

import contextlib
import resource
import time

import pymongo
import pytest

from api import assert_complete, assert_problem
from waiting import wait_for

END_SECONDS = 40
HEALTH_ASKED = 16  # often enough that every handler was among those that answered


def stop_workers(stack):
    """Ends both workers; their going is waited for."""
    for slot in (1, 2):
        stack.kill(f"worker-{slot}", "TERM")
    wait_for(lambda: not stack.pids("worker-1") and not stack.pids("worker-2"), 30, "the workers end after TERM")


def start_workers(stack):
    for slot in (1, 2):
        stack.start(f"worker-{slot}")


def health(stack):
    return stack.api.get("/health").json()["status"]


def test_no_worker(rough_stack):
    stack = rough_stack
    stop_workers(stack)
    try:
        ids = stack.api.submit_many("quick", 5)
        assert {stack.api.job(request_id)["status"] for request_id in ids} == {"pending"}
        wait_for(lambda: health(stack) == "degraded", 5, "/health says degraded")
        assert stack.api.get("/health").status_code == 200
    finally:
        start_workers(stack)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    stack.wait_healthy()


def test_redis_forgets_waiting_jobs(rough_stack):
    stack = rough_stack
    stop_workers(stack)
    try:
        ids = stack.api.submit_many("quick", 60)
        wait_for(lambda: stack.queue.waiting("quick") >= 60, 5, "60 entries in the stream")
        stack.queue.redis.flushall()
        assert stack.queue.waiting("quick") == 0
    finally:
        start_workers(stack)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))


def test_redis_forgets_retries_to_come(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(fail_ratio=1)
    ids = stack.api.submit_many("sturdy", 30)
    stack.sync_mock.wait_calls(30)
    stack.queue.redis.flushall()
    stack.sync_mock.configure(fail_ratio=0)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))


def test_redis_forgets_jobs_that_wait_for_a_callback(rough_stack):
    stack = rough_stack
    stack.async_mock.configure(webhook_delay_ms=1000)
    ids = stack.api.submit_many("callback", 20)
    stack.async_mock.wait_calls(20)
    stack.queue.redis.flushall()
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert stack.async_mock.stats()["repeated_ids"] == 0


@pytest.mark.parametrize("how", ["restart", "flush"])
def test_a_redis_that_forgot_the_limiter_grants_no_second_burst(rough_stack, how):
    stack = rough_stack
    stack.sync_mock.configure(limit_calls=50, limit_seconds=1, limit_enforce=True)
    ids = stack.api.submit_many(f"limited-{how}", 200)
    stack.sync_mock.wait_calls(75)
    if how == "flush":
        stack.queue.redis.flushall()
    else:
        stack.kill("redis")
        for path in (stack.folder / "redis").rglob("*"):
            if path.is_file():
                path.unlink()
        stack.start("redis")
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    stats = stack.sync_mock.stats()
    assert stats["violations"] == 0 and stats["by_status"] == {"200": 200}, stats


def test_redis_is_away(rough_stack):
    stack = rough_stack
    done = stack.api.submit("quick")
    stack.api.wait(done, status="complete")
    stack.kill("redis")
    try:
        ids = [stack.api.submit("quick") for _ in range(20)]
        assert stack.api.job(done)["status"] == "complete"
        wait_for(lambda: health(stack) == "degraded", 10, "/health says degraded")
    finally:
        stack.start("redis")
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    stack.wait_healthy()


def test_a_callback_while_redis_is_away(rough_stack):
    stack = rough_stack
    stack.async_mock.configure(webhook_delay_ms=700)
    request_id = stack.api.submit("callback")
    stack.async_mock.wait_calls(1)
    stack.kill("redis")
    try:
        assert stack.api.wait(request_id)["status"] == "complete"
    finally:
        stack.start("redis")
    stack.wait_healthy()


@pytest.mark.only("mongodb")  # SQLite is never away
def test_the_store_is_away(rough_stack):
    stack = rough_stack
    stack.async_mock.configure(webhook_loss_ratio=1)
    waiting = stack.api.submit("callback")
    stack.async_mock.wait_calls(1)
    stack.api.wait(waiting, status="processing")
    callback = {"request_id": waiting, "data": {"late": True}}
    stack.kill("mongod")
    try:
        for _ in range(3):
            response = stack.api.post("/jobs", {"vendor": "quick", "payload": {}})
            assert_problem(response, 503)
            assert int(response.headers["Retry-After"]) >= 1
            assert "mongo" not in response.text.lower(), "the reason is for the log"
        assert_problem(stack.api.get("/jobs/" + waiting), 503)
        response = stack.api.post("/vendor-webhook/callback", callback)
        assert_problem(response, 503)
        assert response.headers["Retry-After"]
        wait_for(lambda: stack.api.get("/health").status_code == 503, 10, "/health says 503")
    finally:
        stack.start("mongod")
    stack.wait_healthy()
    assert stack.api.post("/vendor-webhook/callback", callback).status_code == 200
    assert stack.api.job(waiting)["result"] == {"late": True}
    assert_complete(stack.api.wait_all(stack.api.submit_many("quick", 10), END_SECONDS))


@contextlib.contextmanager
def handlers_cannot_write(stack):
    """SQLite: no file of the handlers may grow, as on a full disk. MongoDB: no write gets through."""
    if stack.store == "mongodb":
        with pymongo.MongoClient(stack.env["STORE_URI"]) as client:
            client.admin.command("fsync", lock=True)
            try:
                yield
            finally:
                client.admin.command("fsyncUnlock")
        return
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in stack.handlers()}
    try:
        for pid, (_, hard) in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def every_handler_says(stack, status):
    return all(stack.api.get("/health").status_code == status for _ in range(HEALTH_ASKED))


def no_job_is_accepted(stack):
    """Each handler finds out by a job of its own."""
    assert_problem(stack.api.post("/jobs", {"vendor": "quick", "payload": {}}), 503)
    return every_handler_says(stack, 503)


def readable(stack, request_id):
    """The job; MongoDB's driver may be looking for its server anew, after a write that timed out."""
    def read():
        response = stack.api.get("/jobs/" + request_id)
        return response.json() if response.status_code == 200 else None

    return wait_for(read, 3, "the job can be read")


def test_the_store_can_be_read_but_not_written(rough_stack):
    """/health says 503 for as long as no job would be accepted, whether or not anybody posts one, and reads go on."""
    stack = rough_stack
    stack.async_mock.configure(webhook_loss_ratio=1)
    waiting = stack.api.submit("callback")
    stack.api.wait(waiting, status="processing")
    handlers = stack.handlers()
    with handlers_cannot_write(stack):
        wait_for(lambda: no_job_is_accepted(stack), 20, "every handler's /health says 503")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert every_handler_says(stack, 503)
            assert readable(stack, waiting)["status"] == "processing"
    wait_for(lambda: every_handler_says(stack, 200), 20, "every handler's /health says 200, without any job")
    assert stack.handlers() == handlers, "no handler died of it"
    assert_complete(stack.api.wait_all(stack.api.submit_many("quick", 10), END_SECONDS))
    assert stack.api.post("/vendor-webhook/callback", {"request_id": waiting, "data": {}}).status_code == 200


@pytest.mark.only("mongodb")  # SQLite is never away
def test_the_store_goes_away_during_calls(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=700)
    ids = stack.api.submit_many("sturdy", 20)
    stack.sync_mock.wait_calls(20)
    stack.kill("mongod")
    stack.start("mongod")
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert stack.sync_mock.stats()["repeated_ids"] == 0, "answers that were there are kept until they can be stored"


def test_the_pool_is_away(rough_stack):
    stack = rough_stack
    stack.kill("api")
    try:
        # A connection that the kernel had taken for a handler, just before it was killed, is one more 500.
        wait_for(lambda: stack.api.get("/health").status_code == 503, 5, "the web server says that the pool is away")
        assert_problem(stack.api.post("/jobs", {"vendor": "quick", "payload": {}}), 503)
        assert_problem(stack.api.get("/health"), 503)
    finally:
        stack.start("api")
    stack.wait_healthy()
    stack.api.wait(stack.api.submit("quick"), status="complete")


def is_held(stack, vendor):
    return any(held["vendor"] == vendor for held in stack.api.get("/health").json()["vendors"].get("held", []))


def test_the_vendor_is_away_for_a_while(rough_stack):
    stack = rough_stack
    stack.kill("mock")
    try:
        ids = stack.api.submit_many("breaking", 30)
        wait_for(lambda: is_held(stack, "breaking"), 10, "the breaker keeps further jobs from a vendor that is away")
    finally:
        stack.start("mock")
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
