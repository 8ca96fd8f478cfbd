"""Vendors that answer badly, refuse, fail, or leave a call hanging while they are being probed."""

import datetime
import email.utils

from experiment import experiment, limited_vendors
from experiments.kills import kill_9
from vendor_files import MIB, sync_vendor, with_answers_up_to
from waiting import wait_for

HAPPEN_SECONDS = 30
PAUSE_SECONDS = 0.1
VENDORS = ("at-once", "calls-back")
WORKERS = ("worker-1", "worker-2")


def both_mocks(stack):
    return stack.sync_mock, stack.async_mock


def configure(stack, **knobs):
    for mock in both_mocks(stack):
        mock.configure(**knobs)


def logged(stack, text):
    """How often the workers have logged it, together."""
    return sum(stack.log(worker).count(text) for worker in WORKERS)


def wait_logged(stack, text, times=1):
    wait_for(lambda: logged(stack, text) >= times, HAPPEN_SECONDS,
             lambda: f"the workers log {times} times \"{text}\"; {logged(stack, text)} times now", PAUSE_SECONDS)


# ---- 28: bad answers ----

BAD_RATIO = 0.3
BAD_TIMES = 15           # of each kind, of each vendor
MIXED_SECONDS = 5
MIXED_RATIO = 0.06
HUGE_JOBS = 3
HUGE_NUMBERS = 10**6     # in their payloads, beyond those of the load
SHORT = {"short": True}  # what the mock says in an answer that is longer than its Content-Length

TOO_BIG = "vendor's answer is too big: over request/max_response_bytes"
UNREADABLE = "vendor answered 200, but its body cannot be read: "
NO_CALLBACK = "callback deadline passed: the vendor accepted the job but did not call back within "
NOT_STORED = "result too large for the store"


# Each gives how often something has happened, with the vendor where it was less often.

def unanswered(reason):
    return lambda stack: min(mock.stats()["unanswered"][reason] for mock in both_mocks(stack))


def resets_early(stack):
    return min(mock.stats()["reset_early"] for mock in both_mocks(stack))


def not_accepted(stack):
    """The async vendor says 202 when all is well, and 200 in bad answers only; the sync one has the same knobs."""
    return stack.async_mock.stats()["by_status"].get("200", 0)


BAD_ANSWERS = {"hang_ratio": unanswered("hung"), "trickle_ratio": unanswered("trickled"),
               "reset_ratio": unanswered("reset"), "reset_early_ratio": resets_early,
               "close_before_answer": unanswered("closed"), "endless_ratio": unanswered("endless"),
               "wrong_length_ratio": unanswered("cut_short"), "garbage_ratio": not_accepted,
               "gzip_bomb_ratio": not_accepted, "short_length_ratio": not_accepted}


def bounded_vendors():
    """An acknowledgement may be longer than a callback, so that callbacks can be too large."""
    at_once, calls_back = limited_vendors(callback={"timeout_seconds": 15})
    return [with_answers_up_to(MIB, at_once), with_answers_up_to(2 * MIB, calls_back)]


def huge_vendor():
    """Its answers may be as large as a vendor file can allow: beside a large payload too large for MongoDB."""
    vendor = sync_vendor("huge", response={"result": ""}, timeout_ms=10000, max_in_flight=1, max_attempts=20,
                         limits=[{"calls": 2, "per_seconds": 1}])
    return [with_answers_up_to(15 * MIB, vendor)]


def one_kind(stack, knob, count):
    before = count(stack)
    configure(stack, **{knob: BAD_RATIO})
    wait_for(lambda: count(stack) >= before + BAD_TIMES, HAPPEN_SECONDS,
             lambda: f"{knob} happens {BAD_TIMES} times: {count(stack) - before}", PAUSE_SECONDS)
    configure(stack, **{knob: 0})


def too_large(stack):
    """Answers over every bound: of the vendor file, of the store (beside a payload), of a callback."""
    refused = stack.async_mock.stats()["webhooks"]["refused"]
    stack.async_mock.configure(response_bytes=MIB + MIB // 2)
    wait_for(lambda: stack.async_mock.stats()["webhooks"]["refused"] >= refused + BAD_TIMES, HAPPEN_SECONDS,
             "callbacks that are too large are refused", PAUSE_SECONDS)
    stack.async_mock.configure(response_bytes=0)
    stack.sync_mock.configure(response_bytes=15 * MIB)
    payloads = [{"n": HUGE_NUMBERS + number, "a": "x" * (MIB - 100)} for number in range(HUGE_JOBS)]
    ids = [stack.api.submit("huge", payload) for payload in payloads]
    stack.api.wait_all(ids, HAPPEN_SECONDS)
    stack.sync_mock.configure(response_bytes=0)


def fails_of_a_bad_answer(job):
    """The only reasons that lib/outcome.c has here: all else is tried again."""
    reasons = {"at-once": (TOO_BIG, UNREADABLE), "calls-back": (TOO_BIG, NO_CALLBACK), "huge": (NOT_STORED, TOO_BIG)}
    return job["error"].startswith(reasons[job["vendor"]])


def is_own_or_short(job):
    """Never the stray answer that follows a short one on its connection."""
    if job["vendor"] == "huge":
        return len(job["result"]["padding"]) > 14 * MIB
    return job["result"] == SHORT or job["result"]["received"]["n"] == job["payload"]["n"]


def count_errors(checker, vendor, start):
    errors = [job.get("error") or "" for job in checker.jobs.values() if job["vendor"] == vendor]
    return sum(error.startswith(start) for error in errors)


def without_callback_by_mistake(checker):
    """Jobs that missed a callback which the vendor sent, and which was not refused."""
    mock = checker.stack.async_mock
    missed = [i for i, job in checker.jobs.items() if (job.get("error") or "").startswith(NO_CALLBACK)]
    acknowledged = [i for i in missed if mock.calls(i)[-1]["status"] == 202]
    return acknowledged if len(acknowledged) > mock.stats()["webhooks"]["refused"] else []


def bad_answers_were_seen(checker):
    problems = [f"{vendor} never failed with \"{start}\"" for vendor, start in
                (("at-once", TOO_BIG), ("at-once", UNREADABLE), ("calls-back", TOO_BIG), ("calls-back", NO_CALLBACK))
                if not count_errors(checker, vendor, start)]
    if not any(job.get("result") == SHORT for job in checker.jobs.values()):
        problems.append("no answer with a short length was taken")
    not_stored = count_errors(checker, "huge", NOT_STORED)
    if not_stored != (HUGE_JOBS if checker.row.store == "mongodb" else 0):
        problems.append(f"{not_stored} results were too large for the store")
    return problems + [f"{i} was called back, and failed for want of it" for i in without_callback_by_mistake(checker)]


@experiment(28, "vendors answer badly in every way", vendors=bounded_vendors, others=huge_vendor, trickle=80,
            may_fail=fails_of_a_bad_answer, is_own=is_own_or_short, also=bad_answers_were_seen)
def bad_answers(stack, load, crash):
    for knob, count in BAD_ANSWERS.items():
        one_kind(stack, knob, count)
    configure(stack, **{knob: MIXED_RATIO for knob in BAD_ANSWERS})
    load.go_on(MIXED_SECONDS)
    configure(stack, **{knob: 0 for knob in BAD_ANSWERS})
    too_large(stack)


# ---- 29: 429 and Retry-After ----

MOST_HOLD_SECONDS = 4
LEAST_HOLD_SECONDS = 1
# After the first 429 comes: calls on their way are over, grants that were not used are too old.
REACTION_SECONDS = 1.5
GOES_ON_SECONDS = 10
HOLD = "the vendor asked to be left alone vendor={} hold_ms="


def holding_vendors():
    """One more call than a job needs: a 429 that cost an attempt would be seen as attempts, and fail jobs."""
    vendors = limited_vendors(max_attempts=2, timeout_ms=10000)
    for vendor in vendors:
        vendor["retry"]["max_hold_seconds"] = MOST_HOLD_SECONDS
    return vendors


def http_date(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(at, usegmt=True)


def retry_afters():
    """(text of the header, least and most seconds for which the vendor is to be left alone)"""
    yield "3", 3, 3
    yield "0", LEAST_HOLD_SECONDS, LEAST_HOLD_SECONDS
    yield "999999999999999999999", MOST_HOLD_SECONDS, MOST_HOLD_SECONDS
    yield "-5", LEAST_HOLD_SECONDS, LEAST_HOLD_SECONDS
    yield http_date(60), MOST_HOLD_SECONDS, MOST_HOLD_SECONDS
    yield http_date(3), LEAST_HOLD_SECONDS, 3
    yield http_date(-86400), LEAST_HOLD_SECONDS, LEAST_HOLD_SECONDS
    yield "soon; 3", LEAST_HOLD_SECONDS, LEAST_HOLD_SECONDS
    yield "", LEAST_HOLD_SECONDS, LEAST_HOLD_SECONDS


def held(stack, vendor):
    """The holds of a vendor that the workers have logged, in seconds, in order of time, with which each line begins."""
    lines = sorted(line for worker in WORKERS for line in stack.log(worker).splitlines() if HOLD.format(vendor) in line)
    return [int(line.split(HOLD.format(vendor))[1].split()[0]) / 1000 for line in lines]


def refused_at(mock):
    return [call["at_us"] / 1e6 for call in mock.all_calls() if call["status"] == 429]


def calls_between(mock, begin, end):
    return sum(1 for call in mock.all_calls() if begin < call["at_us"] / 1e6 < end)


def assert_held(stack, mock, vendor, before, text, least, most):
    """A hold was as long as it should be, nobody called while it lasted, and it ended."""
    seconds = held(stack, vendor)[before[vendor][1]:]
    assert seconds and all(least <= s <= most for s in seconds), f"Retry-After \"{text}\" held {vendor} for {seconds}"
    refused = refused_at(mock)[before[vendor][0]:]
    wait_for(lambda: calls_between(mock, refused[-1] + least, float("inf")), most + GOES_ON_SECONDS,
             f"{vendor} is called again after Retry-After \"{text}\"", PAUSE_SECONDS)
    if least > REACTION_SECONDS:
        calls = calls_between(mock, refused[0] + REACTION_SECONDS, refused[0] + least)
        assert not calls, f"{calls} calls of {vendor} within the {least} s of Retry-After \"{text}\""


def ask_for_patience(stack, text, least, most):
    mocks = dict(zip(VENDORS, both_mocks(stack)))
    before = {vendor: (len(refused_at(mock)), len(held(stack, vendor))) for vendor, mock in mocks.items()}
    configure(stack, too_many_ratio=1, retry_after=text)
    for vendor, mock in mocks.items():
        wait_for(lambda mock=mock, n=before[vendor][0]: len(refused_at(mock)) > n, HAPPEN_SECONDS, "a 429",
                 PAUSE_SECONDS)
    configure(stack, too_many_ratio=0)
    for vendor in VENDORS:
        wait_for(lambda vendor=vendor: len(held(stack, vendor)) > before[vendor][1], HAPPEN_SECONDS, "a hold is logged",
                 PAUSE_SECONDS)
    for vendor, mock in mocks.items():
        assert_held(stack, mock, vendor, before, text, least, most)


def no_attempt_was_spent(checker):
    """Attempts are calls, but for those that were answered 429."""
    spent = [i for i, job in checker.jobs.items() if job["attempts"] > checker.counted_calls[i]]
    returned = sum(checker.calls[i] > checker.counted_calls[i] for i in checker.jobs)
    problems = [f"{len(spent)} jobs have more attempts than calls that count, such as {spent[0]}"] if spent else []
    return problems + ([] if returned else ["no job was answered 429"])


@experiment(29, "429 with any Retry-After", vendors=holding_vendors, trickle=80, also=no_attempt_was_spent)
def retry_after(stack, load, crash):
    for text, least, most in retry_afters():
        ask_for_patience(stack, text, least, most)


# ---- 30, 31: the breaker ----

FAILING_SECONDS = 10
FLAP_SECONDS = 2
FLAPS = 5
CLOSE_SECONDS = 60


def breaker(stack, vendor, field="state"):
    return stack.queue.redis.hget(f"breaker:{{{vendor}}}", field)


def wait_breaker(stack, vendor, state, seconds=CLOSE_SECONDS):
    wait_for(lambda: breaker(stack, vendor) == state, seconds,
             lambda: f"the breaker of {vendor} is {state}: {breaker(stack, vendor)}")


@experiment(30, "80 % 5xx, then flapping", ci=("sqlite",), trickle=60)
def failing(stack, load, crash):
    configure(stack, fail_ratio=0.8)
    load.go_on(FAILING_SECONDS)
    for _ in range(FLAPS):
        configure(stack, fail_ratio=0)
        load.go_on(FLAP_SECONDS)
        configure(stack, fail_ratio=1)
        load.go_on(FLAP_SECONDS)
    configure(stack, fail_ratio=0)
    for vendor in VENDORS:
        wait_breaker(stack, vendor, "closed")
        wait_logged(stack, f"breaker open vendor={vendor}", 2)
        wait_logged(stack, f"breaker closed vendor={vendor}")


def probed_vendors():
    """A probe may hang for so long that its worker can be killed meanwhile."""
    return limited_vendors(timeout_ms=4000)


def half_opens(stack, vendor):
    """How often each worker has begun to probe."""
    return {worker: stack.log(worker).count(f"breaker half_open vendor={vendor}") for worker in WORKERS}


def wait_probe(stack, mock, vendor):
    """Waits until a probe hangs; gives its worker."""
    before, hung = half_opens(stack, vendor), mock.stats()["unanswered"]["hung"]
    mock.configure(fail_ratio=0, hang_ratio=1)
    wait_for(lambda: breaker(stack, vendor) == "half_open" and mock.stats()["unanswered"]["hung"] > hung,
             HAPPEN_SECONDS, lambda: f"a probe of {vendor} hangs; the breaker is {breaker(stack, vendor)}")
    probers = wait_for(lambda: [w for w, count in half_opens(stack, vendor).items() if count > before[w]], 1,
                       "a worker says that it probes")
    return probers[0]


def kill_prober(stack, mock, vendor):
    mock.configure(fail_ratio=1)
    wait_breaker(stack, vendor, "open", HAPPEN_SECONDS)
    prober = wait_probe(stack, mock, vendor)
    spell, opened = breaker(stack, vendor, "since"), logged(stack, f"breaker open vendor={vendor}")
    kill_9(stack, prober)
    assert breaker(stack, vendor, "since") == spell and breaker(stack, vendor) == "half_open", "killed too late"
    mock.configure(hang_ratio=0)
    wait_breaker(stack, vendor, "closed")
    # Straight from half-open: nobody but the killed worker had probes, and their leases ended.
    assert logged(stack, f"breaker open vendor={vendor}") == opened, "another worker's probe has opened it again"


@experiment(31, "kill a worker while its probes hang", vendors=probed_vendors, drain_seconds=90)
def prober(stack, load, crash):
    for vendor, mock in zip(VENDORS, both_mocks(stack)):
        kill_prober(stack, mock, vendor)
