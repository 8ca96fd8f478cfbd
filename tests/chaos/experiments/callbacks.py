"""Callbacks that come before their time, again and again, too late, for somebody else, or never."""

import concurrent.futures
import json
import time
import urllib.parse

from early_store import kept_early
from experiment import experiment, limited_vendors
from experiments.kills import DEAD_HANDLER
from experiments.vendor_faults import NO_CALLBACK, PAUSE_SECONDS, wait_logged
from vendor_files import NO_BREAKER, own_id_vendor
from waiting import wait_for

HAPPEN_SECONDS = 40
EARLY_JOBS = 20
STALE_FAILURES = 30
FOREIGN = 20
TIMEOUT_SECONDS = 6
SILENT_CALLS = 120
MARGIN_SECONDS = 2     # calls so much older may still have been unanswered
LATENCY_SECONDS = 0.13  # of the mock, on average
THREADS = 8
HARNESS = "harness"
# Of the harness's own callbacks, against the deadline, in turn: before it, at it, before repair can have come, after.
OFFSETS = (-1.0, -0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 6.0)

EARLY_APPLIED = "early: the callback that came before its job's acknowledgement is applied"
said = {}  # request id -> what the harness's own callback at the deadline was answered


def calling_back_vendors():
    """One that is told where to call back with each call, one that knows only its own ids. The breaker would be in the
    way of failures that are wanted here."""
    at_once, calls_back = limited_vendors(callback={"timeout_seconds": TIMEOUT_SECONDS}, breaker=NO_BREAKER)
    shared = ("limits", "max_in_flight", "retry", "breaker")
    own_id = {**own_id_vendor("own-id", timeout_seconds=45), **{name: calls_back[name] for name in shared}}
    return [at_once, calls_back, own_id]


# ---- What the vendors were told ----

def calls_with_status(mock, status, since_us=0):
    return [call["id"] for call in mock.all_calls() if call["status"] == status and call["at_us"] >= since_us]


def callback_url(mock, request_id, number=0):
    """Path and query of the callback URL of one of a job's calls; None if the mock has forgotten."""
    headers = mock.calls(request_id)[number]["headers"]
    if "x-callback-url" not in headers:
        return None
    url = urllib.parse.urlsplit(headers["x-callback-url"])
    return url.path + ("?" + url.query if url.query else "")


def knows_our_id(url):
    return url is not None and url.startswith("/vendor-webhook/calls-back?")


# ---- Early, and again ----

def early_and_doubled(stack, load):
    """Each callback three times, the first one before the acknowledgement. By the vendor's own id it has to be kept."""
    stack.async_mock.configure(webhook_before_answer=True, webhook_delay_ms=0, webhook_spread_ms=0,
                               webhook_duplicates=2, webhook_reorder=True)
    wait_logged(stack, EARLY_APPLIED, EARLY_JOBS)
    load.wait_more(100)
    stack.async_mock.configure(webhook_before_answer=False, webhook_delay_ms=100, webhook_spread_ms=400,
                               webhook_duplicates=0, webhook_reorder=False)


# ---- A failure of an older attempt ----

def failed_calls(stack):
    """Jobs whose first call failed, of the vendor whose callback URLs say which attempt they belong to."""
    mock = stack.async_mock
    return [i for i in calls_with_status(mock, 500)[:3 * STALE_FAILURES] if knows_our_id(callback_url(mock, i))]


def failures_of_older_attempts(stack):
    mock = stack.async_mock
    mock.configure(fail_first=1)
    ids = wait_for(lambda: ids if len(ids := failed_calls(stack)) >= STALE_FAILURES else None, HAPPEN_SECONDS,
                   "first calls fail", PAUSE_SECONDS)
    mock.configure(fail_first=0)
    for request_id in ids[:STALE_FAILURES]:
        wait_for(lambda i=request_id: len(mock.calls(i)) > 1, HAPPEN_SECONDS, "the second call of a job")
        answer = stack.api.post(callback_url(mock, request_id), {"request_id": request_id, "error": "of an older one"})
        assert answer.status_code == 200 and answer.json()["status"] == "ignored", f"{answer.status_code} {answer.text}"


# ---- For another vendor's job ----

def foreign(stack):
    """A vendor speaks for another's job, in words and with the token of a job of its own."""
    mock = stack.async_mock
    ids = calls_with_status(mock, 202)[-5 * FOREIGN:]
    ours = [(i, url) for i in ids if knows_our_id(url := callback_url(mock, i))]
    others = [i for i in ids if not knows_our_id(callback_url(mock, i))]
    assert len(ours) >= FOREIGN <= len(others), f"{len(ours)} and {len(others)} jobs to mix up"
    for (request_id, url), other in list(zip(ours, others))[:FOREIGN]:
        attempts = [(404, "/vendor-webhook/own-id", {"job_id": request_id, "error": "no"}),
                    (404, "/vendor-webhook/own-id", {"job_id": request_id, "data": {"received": {"n": -1}}}),
                    (404, url.split("?")[0], {"request_id": other, "data": {"received": {"n": -1}}})]
        neighbour = next(i for i, _ in ours if i != request_id)
        attempts += [(401, url.replace(request_id, neighbour), {"request_id": neighbour, "error": "no"})]
        for status, path, body in attempts:
            answer = stack.api.post(path, body)
            assert answer.status_code == status, f"{path} {body}: {answer.status_code} {answer.text}"


# ---- At the deadline, and after it ----

def silence(stack):
    """For a while no callback is sent. Gives {request id: time of its call} of all jobs that may be meant, and some
    more: to call back for those does no harm."""
    mock = stack.async_mock
    lost, begin_us = mock.stats()["webhooks"]["lost"], (time.time() - MARGIN_SECONDS) * 1e6
    mock.configure(webhook_loss_ratio=1)
    wait_for(lambda: mock.stats()["webhooks"]["lost"] >= lost + SILENT_CALLS, HAPPEN_SECONDS, "callbacks are lost")
    mock.configure(webhook_loss_ratio=0)
    return {call["id"]: call["at_us"] / 1e6 for call in mock.all_calls()
            if call["at_us"] > begin_us and call["status"] in (0, 202)}


def call_back(stack, request_id, at):
    """At that time, be it before, at or after the deadline."""
    mock = stack.async_mock
    time.sleep(max(0, at - time.time()))
    url = callback_url(mock, request_id)
    names_it = "request_id" if knows_our_id(url) else "job_id"
    data = {"received": json.loads(mock.calls(request_id)[0]["body"]), "by": HARNESS}
    answer = stack.api.post(url, {names_it: request_id, "data": data})
    said[request_id] = answer.json()["status"] if answer.status_code == 200 else answer.status_code


def at_the_deadline(stack):
    silent = silence(stack)
    due = []
    for number, (request_id, called_at) in enumerate(sorted(silent.items())):
        deadline = called_at + LATENCY_SECONDS + TIMEOUT_SECONDS
        due.append((deadline + OFFSETS[number % len(OFFSETS)], request_id))
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda pair: call_back(stack, pair[1], pair[0]), sorted(due)))


def fails_at_its_deadline(job):
    """Nobody else's than those for which the harness called back at about their deadline."""
    return job["vendor"] == "calls-back" and job["error"] == NO_CALLBACK + f"{TIMEOUT_SECONDS} s" and \
        job["requestId"] in said


def nothing_is_kept(checker):
    kept = kept_early(checker.stack)
    return [f"{kept} early callbacks are kept"] if kept else []


def answers_are_true(checker):
    """A callback that was accepted is the job's result; one that was ignored is not. Nothing is kept."""
    problems = []
    for request_id, answer in said.items():
        is_its_result = (checker.jobs[request_id].get("result") or {}).get("by") == HARNESS
        if answer not in ("accepted", "ignored") or is_its_result != (answer == "accepted"):
            problems.append(f"{request_id}: a callback was answered {answer}, "
                            f"{'and' if is_its_result else 'but not'} taken as its result")
    for answer, status in (("accepted", "complete"), ("ignored", "failed")):
        if not any(said[i] == answer and checker.jobs[i]["status"] == status for i in said):
            problems.append(f"no callback at a deadline was {answer}, its job {status}")
    return problems + nothing_is_kept(checker)


@experiment(32, "callbacks early, doubled, stale, foreign, at and after the deadline", vendors=calling_back_vendors,
            ci=("mongodb",), trickle=120, may_fail=fails_at_its_deadline, also=answers_are_true)
def callbacks(stack, load, crash):
    early_and_doubled(stack, load)
    failures_of_older_attempts(stack)
    foreign(stack)
    at_the_deadline(stack)


# ---- 40: a handler dies between writing and looking ----

def own_id_vendors():
    at_once, _, own_id = calling_back_vendors()
    return [at_once, own_id]


@experiment(40, "kill a handler after it kept an early callback, before it looked again", vendors=own_id_vendors,
            answers=DEAD_HANDLER, crash_points=True, also=nothing_is_kept)
def handler_after_keep(stack, load, crash):
    stack.async_mock.configure(webhook_before_answer=True, webhook_delay_ms=0, webhook_spread_ms=0)
    crash.repeat("webhook_after_keep")
    wait_logged(stack, EARLY_APPLIED, EARLY_JOBS)
    stack.async_mock.configure(webhook_before_answer=False, webhook_delay_ms=100, webhook_spread_ms=400)


# ---- 33: never ----

NEVER_SECONDS = 5


def patience():
    return limited_vendors(callback={"timeout_seconds": NEVER_SECONDS})


def no_callbacks(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)


def fails_for_want_of_one(job):
    return job["vendor"] == "calls-back" and job["error"] == NO_CALLBACK + f"{NEVER_SECONDS} s"


def each_failed_after_one_call(checker):
    jobs = {i: job for i, job in checker.jobs.items() if job["vendor"] == "calls-back"}
    wrong = [i for i, job in jobs.items() if job["status"] != "failed" or job["attempts"] != 1 or checker.calls[i] != 1]
    return [f"{len(wrong)} of {len(jobs)} did not fail after one call, such as {jobs[wrong[0]]}"] if wrong else []


@experiment(33, "a vendor accepts and never calls back", vendors=patience, setup=no_callbacks,
            may_fail=fails_for_want_of_one, also=each_failed_after_one_call)
def never(stack, load, crash):
    load.wait_accepted(load.jobs)
    wait_for(lambda: stack.async_mock.stats()["webhooks"]["lost"] >= load.jobs / 4, HAPPEN_SECONDS,
             "callbacks are lost", PAUSE_SECONDS)
