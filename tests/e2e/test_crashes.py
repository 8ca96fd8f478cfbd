"""kill -9 of any one process under load: it comes back by itself, and every job that was accepted ends.

The signal goes to the process directly; nothing else is told of it.
"""

import os
import signal

import pytest

from api import assert_complete
from load import Load
from waiting import wait_for

SERVICES = ["api-handler", "multiwatch", "lighttpd", "mock", "redis",
            pytest.param("mongod", marks=pytest.mark.only("mongodb"))]
VENDORS = ["sturdy", "sturdy-callback"]
END_SECONDS = 60


def kill_one(stack, service):
    pid = min(stack.pids(service))
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.parametrize("service", SERVICES)
def test_comes_back_and_every_job_ends(rough_stack, service):
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=100)
    stack.async_mock.configure(latency_ms=50, webhook_delay_ms=200)
    running_before = len(stack.pids(service))
    # The webhooks that the mock had promised are lost with it: that vendor is not waited for longer than 2 s.
    with Load(stack.api, ["sturdy", "impatient"] if service == "mock" else VENDORS) as load:
        load.wait_more(40)
        killed = kill_one(stack, service)
        wait_for(lambda: killed not in stack.pids(service) and len(stack.pids(service)) == running_before, 10,
                 lambda: f"{service} is back: {stack.status()}")
        load.wait_more(40)
    jobs = stack.api.wait_all(load.accepted, END_SECONDS)
    if service == "mock":
        jobs = {request_id: job for request_id, job in jobs.items() if job["vendor"] == "sturdy"}
    assert_complete(jobs)
    wait_for(stack.all_up, 10, stack.status)
    stack.wait_healthy()


def test_handlers_that_die_again_and_again(rough_stack):
    stack = rough_stack
    with Load(stack.api, ["sturdy"]) as load:
        for _ in range(8):
            handlers = stack.pids("api-handler")
            kill_one(stack, "api-handler")
            wait_for(lambda: len(stack.pids("api-handler") - handlers) == 1, 10, "a new handler")
        load.wait_more(20)
    assert_complete(stack.api.wait_all(load.accepted, END_SECONDS))


def test_workers_one_and_all(rough_stack):
    """Their calls come back once the leases are over: at least the longest call and 15 s."""
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=200)
    stack.async_mock.configure(latency_ms=100, webhook_delay_ms=300)
    with Load(stack.api, VENDORS) as load:
        for slots in ((1,), (1, 2)):
            load.wait_more(40)
            killed = {kill_one(stack, f"worker-{slot}") for slot in slots}
            for slot in slots:
                stack.wait_well(f"worker-{slot}", but_not=killed)
        load.wait_more(20)
    jobs = stack.api.wait_all(load.accepted, END_SECONDS)
    assert_complete(jobs)
    lost = [job for job in jobs.values() if "worker_lost" in str(job.get("history"))]
    assert all(job["attempts"] == len(job["history"]) for job in lost), lost[:1]
