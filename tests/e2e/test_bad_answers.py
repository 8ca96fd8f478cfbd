"""Vendors that misbehave in every way that the mock knows: jobs end as in lib/outcome.c, nobody else notices."""

import time
import zlib
from collections import namedtuple

import pytest
import requests

from api import assert_complete
from memory import peak_memory, reset_peak_memory
from vendor_files import MIB

AT_ONCE = 30
OTHERS = 10
OTHERS_SECONDS = 5
END_SECONDS = 20

# What one call costs the worker at most: an answer as long as "wary" allows, held twice while its buffer grows, and
# what ASan keeps of it after it was freed. Whatever is unpacked or read without bounds is hundreds of MiB a call.
CALL_BYTES = 4 * MIB
REST_BYTES = 64 * MIB

Bad = namedtuple("Bad", "knobs attempts outcome error")
LOST = (2, "connection_lost", "connection lost before the answer")
LATE = (2, "timeout", "vendor did not answer in time")
TOO_BIG = (1, "too_big", "vendor's answer is too big: over request/max_response_bytes")
UNREADABLE = (1, "http_200", "its body cannot be read")

BAD = {
    "hang": Bad({"hang_ratio": 1}, *LATE),
    "trickle": Bad({"trickle_ratio": 1}, *LATE),
    "reset": Bad({"reset_ratio": 1}, *LOST),
    "early-reset": Bad({"reset_early_ratio": 1}, *LOST),
    "close": Bad({"close_before_answer": 1}, *LOST),
    "length-too-long": Bad({"wrong_length_ratio": 1}, *LOST),
    "endless": Bad({"endless_ratio": 1}, *TOO_BIG),
    "gzip-bomb": Bad({"gzip_bomb_ratio": 1}, *TOO_BIG),
    "long": Bad({"response_bytes": MIB + 1}, *TOO_BIG),
    "garbage": Bad({"garbage_ratio": 1}, *UNREADABLE),
}
KNOBS = {name: value for bad in BAD.values() for name, value in bad.knobs.items()}


def worker_pid(stack):
    pids = stack.pids("worker-1")
    assert len(pids) == 1, pids
    return pids.pop()


def assert_bore(job, bad):
    """The job has failed as it should, after so many attempts, and says so of each."""
    assert job["status"] == "failed" and job["attempts"] == bad.attempts and bad.error in job["error"], job
    assert bad.attempts == 1 or "(attempt 2 of 2)" in job["error"], job
    assert [entry["attempt"] for entry in job["history"]] == list(range(1, bad.attempts + 1)), job
    assert all(entry["outcome"] == bad.outcome and bad.error in entry["error"] for entry in job["history"]), job


@pytest.mark.parametrize("name", BAD)
def test_thirty_at_once_end_as_they_should_and_others_do_not_wait(stack, name):
    bad, worker = BAD[name], worker_pid(stack)
    stack.sync_mock.configure(**bad.knobs)
    reset_peak_memory(worker)
    before = peak_memory(worker)
    ids = stack.api.submit_many("wary", AT_ONCE)
    begun = time.monotonic()
    assert_complete(stack.api.wait_all(stack.api.submit_many("callback", OTHERS), OTHERS_SECONDS))
    assert time.monotonic() - begun < OTHERS_SECONDS
    for job in stack.api.wait_all(ids, END_SECONDS).values():
        assert_bore(job, bad)
    assert peak_memory(worker) - before < AT_ONCE * CALL_BYTES + REST_BYTES
    assert worker_pid(stack) == worker


@pytest.mark.parametrize("name", ["trickle", "early-reset", "length-too-long", "endless", "gzip-bomb"])
def test_an_acknowledgement_is_held_to_the_same(stack, name):
    stack.async_mock.configure(**BAD[name].knobs)
    assert_bore(stack.api.wait(stack.api.submit("wary-callback"), END_SECONDS), BAD[name])


def test_a_reset_in_the_middle_of_a_long_request(stack):
    stack.sync_mock.configure(reset_early_ratio=1)
    job = stack.api.wait(stack.api.submit("wary", {"a": "x" * (MIB - 100)}))
    assert_bore(job, BAD["early-reset"])
    assert stack.sync_mock.stats()["reset_early"] == 2 and stack.sync_mock.calls(job["request_id"]) == []


def test_what_comes_after_an_answer_is_not_the_answer_to_the_next_call(stack):
    stack.sync_mock.configure(short_length_ratio=1)
    jobs = stack.api.wait_all(stack.api.submit_many("wary", AT_ONCE), END_SECONDS)
    assert all(job["result"] == {"short": True} and job["attempts"] == 1 for job in jobs.values()), jobs
    stack.sync_mock.configure(short_length_ratio=0.5)
    ids = stack.api.submit_many("wary", 2 * AT_ONCE)
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert not any("stray" in job["result"] for job in jobs.values()), jobs
    own = {number: jobs[request_id]["result"].get("received") for number, request_id in enumerate(ids)}
    own = {number: received for number, received in own.items() if received}
    assert 0 < len(own) < len(jobs) and all(received == {"n": number} for number, received in own.items()), own


def test_all_at_once_every_job_ends_with_an_answer_or_a_reason(stack):
    worker = worker_pid(stack)
    ratios = {name: 0.08 for name in KNOBS if name != "response_bytes"}
    stack.sync_mock.configure(short_length_ratio=0.08, **ratios)
    jobs = stack.api.wait_all(stack.api.submit_many("wary", 100), END_SECONDS)
    outcomes = {bad.outcome for bad in BAD.values()}
    for job in jobs.values():
        assert job["status"] == "complete" or any(bad.error in job["error"] for bad in BAD.values()), job
        assert len(job["history"]) == job["attempts"] <= 2, job
        assert {entry["outcome"] for entry in job["history"]} <= outcomes, job
    assert worker_pid(stack) == worker


def test_a_good_answer_after_a_bad_one_finishes_the_job(stack):
    stack.sync_mock.configure(wrong_length_ratio=1, latency_ms=200)
    ids = stack.api.submit_many("sturdy", OTHERS)
    stack.sync_mock.wait_calls(OTHERS)
    stack.sync_mock.configure(wrong_length_ratio=0, latency_ms=0)
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert all(job["history"][0]["outcome"] == "connection_lost" for job in jobs.values()), jobs


@pytest.mark.only("sqlite")
def test_the_bomb_is_what_it_is_said_to_be(stack):
    stack.sync_mock.configure(gzip_bomb_ratio=1)
    answer = requests.post(stack.sync_mock.url + "/fetch", timeout=10, stream=True)
    assert answer.headers["Content-Encoding"] == "gzip"
    packed, unpacked = answer.raw.read(decode_content=False), 0
    unpacker = zlib.decompressobj(wbits=31)
    while packed and not unpacker.eof:
        unpacked += unpacker.decompress(packed, MIB).count(b"x")
        packed = unpacker.unconsumed_tail
    assert unpacker.eof and unpacked > 256 * MIB and int(answer.headers["Content-Length"]) < MIB


# ---- The largest answer that a vendor file can allow ----

def test_the_largest_answer_is_kept_whole_and_one_byte_more_is_refused(stack):
    stack.sync_mock.configure(response_bytes=15 * MIB)
    job = stack.api.wait(stack.api.submit("huge"))
    assert job["status"] == "complete" and len(job["result"]["padding"]) > 14 * MIB, job.get("error")
    stack.sync_mock.configure(response_bytes=15 * MIB + 1)
    assert_bore(stack.api.wait(stack.api.submit("huge")), Bad(None, *TOO_BIG))


def test_an_answer_that_does_not_fit_beside_its_payload(stack):
    """Payload and result are one document in MongoDB, of which 16 MiB is the most."""
    stack.sync_mock.configure(response_bytes=15 * MIB)
    job = stack.api.wait(stack.api.submit("huge", {"a": "x" * (MIB - 50)}))
    if stack.store == "mongodb":
        assert job["status"] == "failed" and "too large for the store" in job["error"], job["status"]
    else:
        assert job["status"] == "complete" and len(job["result"]["padding"]) > 14 * MIB, job.get("error")
    assert job["attempts"] == 1
