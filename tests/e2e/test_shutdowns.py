"""TERM: a worker finishes what it has begun, a handler answers what it has taken. Nothing is lost, and
nothing is done twice."""

import os
import signal

from api import assert_complete
from load import Load
from waiting import wait_for

END_SECONDS = 40


def test_term_of_a_worker_loses_nothing_and_calls_nobody_twice(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=150, latency_spread_ms=100)
    stack.async_mock.configure(latency_ms=150, webhook_delay_ms=100)
    with Load(stack.api, ["sturdy", "sturdy-callback"]) as load:
        for slot in (1, 2, 1):
            load.wait_more(30)
            stack.kill(f"worker-{slot}", "TERM")
            wait_for(lambda slot=slot: not stack.pids(f"worker-{slot}"), 15, f"worker-{slot} ends")
            stack.start(f"worker-{slot}")
        load.wait_more(20)
    jobs = stack.api.wait_all(load.accepted, END_SECONDS)
    assert_complete(jobs)
    assert all(job["attempts"] == 1 for job in jobs.values())
    assert stack.sync_mock.stats()["repeated_ids"] == 0 and stack.async_mock.stats()["repeated_ids"] == 0
    assert not load.refused


def test_term_of_the_only_worker_with_calls_in_flight(rough_stack):
    stack = rough_stack
    stack.set_workers(1)
    try:
        stack.sync_mock.configure(latency_ms=600)
        ids = stack.api.submit_many("sturdy", 100)
        stack.sync_mock.wait_calls(1)
        stack.kill("worker-1", "TERM")
        wait_for(lambda: not stack.pids("worker-1"), 15, "worker-1 ends")
        stack.start("worker-1")
        jobs = stack.api.wait_all(ids, END_SECONDS)
    finally:
        stack.set_workers(2)
    assert_complete(jobs)
    assert stack.sync_mock.stats()["repeated_ids"] == 0
    assert all(job["attempts"] == 1 for job in jobs.values())


def test_handlers_replaced_one_by_one_refuse_nobody(rough_stack):
    stack = rough_stack
    with Load(stack.api, ["sturdy"]) as load:
        load.wait_more(20)
        for handler in sorted(stack.pids("api-handler")):
            count = len(stack.pids("api-handler"))
            os.kill(handler, signal.SIGTERM)
            wait_for(lambda handler=handler: handler not in stack.pids("api-handler"), 10, "the handler ends")
            wait_for(lambda count=count: len(stack.pids("api-handler")) == count, 10, "another one runs")
            load.wait_more(20)
    assert not load.refused, load.refused
    assert_complete(stack.api.wait_all(load.accepted, END_SECONDS))


def test_everything_ends_and_starts_again(rough_stack):
    """A restart of all parts with jobs in every phase."""
    stack = rough_stack
    stack.sync_mock.configure(latency_ms=300)
    stack.async_mock.configure(webhook_delay_ms=3000)
    ids = stack.api.submit_many("sturdy", 20) + stack.api.submit_many("sturdy-callback", 10)
    stack.async_mock.wait_calls(10)
    services = ["worker-1", "worker-2", "api", "lighttpd", "redis"] + (["mongod"] if stack.store == "mongodb" else [])
    for service in services:
        stack.kill(service, "TERM")
    for service in reversed(services):
        stack.start(service)
    stack.wait_healthy()
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
