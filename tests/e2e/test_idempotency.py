"""Idempotency-Key: however often and however concurrently a POST is repeated, there is one job."""

import collections
import concurrent.futures
import threading
import uuid

from api import assert_problem


def keyed(key):
    return {"Idempotency-Key": key}


def test_the_same_key_and_body_give_the_same_job(stack):
    key, body = str(uuid.uuid4()), {"vendor": "quick", "payload": {"a": 1}}
    first = stack.api.post("/jobs", body, keyed(key))
    second = stack.api.post("/jobs", body, keyed(key))
    assert first.status_code == second.status_code == 202
    assert first.json()["request_id"] == second.json()["request_id"]
    assert first.headers["Location"] == second.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers and second.headers["Idempotency-Replayed"] == "true"
    stack.api.wait(first.json()["request_id"], status="complete")
    third = stack.api.post("/jobs", body, keyed(key))
    assert third.json()["request_id"] == first.json()["request_id"]
    assert stack.sync_mock.stats()["calls"] == 1


def test_the_same_key_with_another_body_is_409(stack):
    key = str(uuid.uuid4())
    first = stack.api.post("/jobs", {"vendor": "quick", "payload": {"a": 1}}, keyed(key))
    assert_problem(stack.api.post("/jobs", {"vendor": "quick", "payload": {"a": 2}}, keyed(key)), 409)
    assert_problem(stack.api.post("/jobs", {"vendor": "sturdy", "payload": {"a": 1}}, keyed(key)), 409)
    stack.api.wait(first.json()["request_id"], status="complete")
    assert stack.sync_mock.stats()["calls"] == 1


def test_other_keys_are_other_jobs(stack):
    body = {"vendor": "quick", "payload": {"a": 1}}
    unique = uuid.uuid4().hex
    ids = [stack.api.post_job(body, keyed(key)) for key in ("a" + unique, "A" + unique, "';--" + unique)]
    assert len(set(ids)) == 3
    stack.api.wait_all(ids, 10)


def test_a_key_that_is_no_key_is_400(stack):
    for key in ("x" * 256, "a b"):
        assert_problem(stack.api.post("/jobs", {"vendor": "quick", "payload": {}}, keyed(key)), 400)


def test_fifty_threads_race_with_one_key(stack):
    key, body = str(uuid.uuid4()), {"vendor": "quick", "payload": {"race": 1}}
    gate = threading.Barrier(50)

    def post(_):
        session = stack.api.session()  # connected before the race begins
        session.get(stack.base_url + "/health", timeout=10)
        gate.wait(20)
        return stack.api.post("/jobs", body, keyed(key))

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert {answer.status_code for answer in answers} == {202}, collections.Counter(a.status_code for a in answers)
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    stack.api.wait(answers[0].json()["request_id"], status="complete")
    assert stack.sync_mock.stats()["calls"] == 1


def test_fifty_threads_race_with_two_bodies(stack):
    key, gate = str(uuid.uuid4()), threading.Barrier(50)

    def post(number):
        gate.wait(20)
        return stack.api.post("/jobs", {"vendor": "quick", "payload": {"race": number % 2}}, keyed(key))

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    codes = collections.Counter(answer.status_code for answer in answers)
    assert codes == {202: 25, 409: 25}, codes
    ids = {answer.json()["request_id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    stack.api.wait(ids.pop(), status="complete")
