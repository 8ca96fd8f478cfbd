"""Limits that begin anew at midnight, and hours, as the vendor sees them: in time zones where midnight is soon."""

import datetime
import time

import pytest

from api import assert_complete
from stack import QUICK_SETTINGS, Stack
from vendor_files import NO_BREAKER, as_files, polled_vendor, sync_vendor
from waiting import wait_for
from zones import Zones

SOON_SECONDS = 20     # for a worker and the pool to begin anew, and what has to be before midnight
END_SECONDS = 30
SPARE_SECONDS = 1     # what the vendor's clock may differ
A_DAY = 5
FOR_EVER = 1000000    # polls
HALF_DAY = {"hours": [{"days": ["mon-sun"], "from": "00:00", "to": "12:00"}], "time_zone": "Test/Hours"}

VENDORS = [
    sync_vendor("daily", limits=[{"calls": 3 * A_DAY + 2, "per": "day", "time_zone": "Test/Quota", "cost": 3},
                                 {"calls": 20, "per_seconds": 1}]),
    sync_vendor("hours", **HALF_DAY),
    sync_vendor("hours-retried", max_attempts=100, max_ms=1000, breaker=NO_BREAKER, **HALF_DAY),
    sync_vendor("hours-brief", deadline_seconds=2, **HALF_DAY),
    polled_vendor("hours-polled", **HALF_DAY),
]


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    zones = Zones(tmp_path_factory.mktemp("zones"))
    for name in ("Test/Quota", "Test/Hours"):
        zones.set_midnight(name, int(time.time()) - 3600)
    return zones


@pytest.fixture(scope="module")
def calendar_stack(store, zones):
    stack = Stack(store, as_files(VENDORS), settings={**QUICK_SETTINGS, "TZDIR": str(zones.folder)})
    yield stack
    stack.down()


def begin_anew(stack):
    """Programs read time zones at their start."""
    stack.restart("worker-1")
    stack.restart("api")


def held(stack, vendor):
    """Why the vendor gets no calls, and until when (seconds since 1970); None if it does."""
    for entry in stack.api.get("/health").json()["vendors"]["held"]:
        if entry["vendor"] == vendor:
            return entry["why"], datetime.datetime.fromisoformat(entry["until"].replace("Z", "+00:00")).timestamp()
    return None


def wait_held(stack, vendor, why, until):
    def is_so():
        now = held(stack, vendor)
        return now and now[0] == why and abs(now[1] - until) < 0.5

    wait_for(is_so, END_SECONDS, lambda: f"{vendor}: {why} until {until}: {stack.api.get('/health').text}")


def calls_at(mock):
    return sorted(call["at_us"] / 1e6 for call in mock.all_calls())


def test_a_day_has_its_calls_and_so_has_the_next(calendar_stack, zones):
    """Also when Redis forgets it in between: the store knows what this day has had."""
    stack = calendar_stack
    stack.sync_mock.fresh()
    midnight = int(time.time()) + SOON_SECONDS
    zones.set_midnight("Test/Quota", midnight)
    begin_anew(stack)
    ids = stack.api.submit_many("daily", 2 * A_DAY + 2)
    stack.sync_mock.wait_calls(A_DAY)
    wait_held(stack, "daily", "quota", midnight + SPARE_SECONDS)
    stack.queue.redis.flushall()
    stack.sync_mock.wait_calls(2 * A_DAY, END_SECONDS)
    wait_held(stack, "daily", "quota", midnight + 86400 + SPARE_SECONDS)
    at = calls_at(stack.sync_mock)
    assert len(at) == 2 * A_DAY and stack.sync_mock.stats()["repeated_ids"] == 0, at
    assert at[A_DAY - 1] < midnight and midnight + SPARE_SECONDS - 0.01 <= at[A_DAY] < midnight + 10, (midnight, at)
    waiting = [job for job in map(stack.api.job, ids) if job["status"] != "complete"]
    assert len(waiting) == 2 and all(job["attempts"] == 0 for job in waiting), waiting
    assert "a quota is used up, the vendor's jobs wait vendor=daily until=" in stack.log("worker-1")


@pytest.mark.only("sqlite")
def test_out_of_hours_jobs_wait_until_they_begin(calendar_stack, zones):
    stack = calendar_stack
    stack.sync_mock.fresh()
    midnight = int(time.time()) + SOON_SECONDS
    zones.set_midnight("Test/Hours", midnight)
    begin_anew(stack)
    brief = stack.api.submit("hours-brief")
    ids = stack.api.submit_many("hours", 3)
    wait_held(stack, "hours", "closed", midnight + SPARE_SECONDS)
    error = stack.api.wait(brief, status="failed")["error"]
    assert error.startswith("deadline passed out of the vendor's hours, which begin at 20"), error
    assert stack.sync_mock.stats()["calls"] == 0
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    first = calls_at(stack.sync_mock)[0]
    assert midnight + SPARE_SECONDS - 0.01 <= first < midnight + 10, first - midnight
    wait_for(lambda: held(stack, "hours") is None, 10, "/health says that it is open")


@pytest.mark.only("sqlite")
def test_when_hours_are_over_retries_and_polls_wait_too(calendar_stack, zones):
    stack = calendar_stack
    stack.sync_mock.fresh()
    stack.sync_mock.configure(poll_pending=FOR_EVER)
    noon = int(time.time()) + SOON_SECONDS
    zones.set_midnight("Test/Hours", noon - 43200)
    begin_anew(stack)
    polled = stack.api.submit("hours-polled")
    wait_for(lambda: stack.sync_mock.stats()["polls"] >= 3, 10, lambda: f"polls: {stack.sync_mock.stats()}")
    stack.sync_mock.configure(fail_ratio=1)
    retried = stack.api.submit("hours-retried")
    wait_for(lambda: stack.api.job(retried)["attempts"] >= 2, 10, "two attempts")
    wait_held(stack, "hours-polled", "closed", noon + 43200 + SPARE_SECONDS)
    assert max(calls_at(stack.sync_mock)) < noon - SPARE_SECONDS + 0.05
    assert stack.api.job(polled)["status"] == stack.api.job(retried)["status"] == "processing"
    # The next morning.
    stack.sync_mock.configure(poll_pending=0, fail_ratio=0)
    zones.set_midnight("Test/Hours", int(time.time()) - 3600)
    begin_anew(stack)
    assert_complete(stack.api.wait_all([polled, retried], END_SECONDS))
