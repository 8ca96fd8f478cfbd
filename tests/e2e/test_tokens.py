"""OAuth 2.0: the access token of a vendor is fetched once for all workers, renewed, replaced when the vendor refuses it, and
told to nobody. The mock gives tokens, and wants to see them."""

import time

import pytest

from api import assert_complete
from stack import QUICK_SETTINGS, Stack
from vendor_files import ASYNC_URL, NO_BREAKER, SYNC_URL, as_files, async_vendor, polled_vendor, sync_vendor
from waiting import wait_for
from written import all_written

CLIENT, SECRET = "acme&client", "hush +&%f00d/"
HUSH = [b"hush", b"mock-token-", b"YWNtZSUyNmNsaWVudD"]   # the last: how the Authorization header at the endpoint begins
END_SECONDS = 60


def with_tokens(vendor, url=SYNC_URL, **auth):
    return {**vendor, "breaker": NO_BREAKER, "auth": {
        "type": "oauth2", "token_url": url + "/token", "client_id": CLIENT, "client_secret": SECRET, **auth}}


# One for each test, as tokens are remembered.
VENDORS = [
    with_tokens(sync_vendor("once")),
    with_tokens(sync_vendor("expiring")),
    with_tokens(sync_vendor("revoked", max_attempts=1, limits=[{"calls": 1, "per_seconds": 1}])),
    with_tokens(sync_vendor("refused")),
    with_tokens(sync_vendor("failing")),
    with_tokens(sync_vendor("slow", timeout_ms=500)),
    with_tokens(sync_vendor("doomed", deadline_seconds=3)),
    with_tokens(polled_vendor("polled")),
    with_tokens(async_vendor("callback"), url=ASYNC_URL, client_auth="body", scope="people:read"),
    sync_vendor("quick"),
]


@pytest.fixture(scope="module")
def token_stack(store):
    stack = Stack(store, as_files(VENDORS), workers=2, settings={**QUICK_SETTINGS, "LOG_LEVEL": "debug"})
    yield stack
    stack.down()


@pytest.fixture
def stack(token_stack):
    for mock in (token_stack.sync_mock, token_stack.async_mock):
        mock.fresh()
        mock.configure(token_required=True, token_client=f"{CLIENT}:{SECRET}")
    yield token_stack
    token_stack.sync_mock.fresh()
    token_stack.queue.assert_drained(15)


def logs(stack):
    return stack.log("worker-1") + stack.log("worker-2")


def answered_by_token(calls):
    """What the calls of a job were answered, one entry for each token: of two workers that have one, each finds out by
    itself that it is over."""
    statuses = {}
    for call in calls:
        statuses.setdefault(call["headers"]["authorization"], []).append(call["status"])
    assert all(len(each) == 1 or each == [401, 401] for each in statuses.values()), calls
    return [each[0] for each in statuses.values()]


def complete(stack, vendor):
    return stack.api.wait(stack.api.submit(vendor), status="complete")


def test_one_token_is_fetched_for_many_jobs_of_two_workers(stack):
    jobs = stack.api.wait_all(stack.api.submit_many("once", 200), END_SECONDS)
    assert_complete(jobs)
    stats = stack.sync_mock.stats()
    assert (stats["token_requests"], stats["tokens_given"], stats["calls"], stats["unauthorized"]) == (1, 1, 200, 0), stats
    shown = {stack.sync_mock.calls(request_id)[0]["headers"]["authorization"] for request_id in jobs}
    assert len(shown) == 1 and shown.pop().startswith("Bearer mock-token-")


def test_a_token_that_is_over_is_replaced(stack):
    stack.sync_mock.configure(token_expires_in=2)
    ids = []

    def three_were_given():
        ids.append(complete(stack, "expiring")["request_id"])
        return stack.sync_mock.stats()["tokens_given"] >= 3

    wait_for(three_were_given, 30, lambda: stack.sync_mock.stats(), pause_seconds=0.3)
    assert all(stack.api.job(request_id)["attempts"] == 1 for request_id in ids)


def test_a_401_has_the_call_made_once_more_with_another_token(stack):
    """It costs no attempt, of which there is only one; but it counts for the limit: one call a second."""
    complete(stack, "revoked")
    stack.sync_mock.session.post(stack.sync_mock.url + "/revoke", timeout=10)
    job = complete(stack, "revoked")
    calls = stack.sync_mock.calls(job["request_id"])
    assert answered_by_token(calls) == [401, 200] and job["attempts"] == 1 and len(job["history"]) == 1, (job, calls)
    assert calls[1]["at_us"] - calls[0]["at_us"] > 990000
    assert stack.sync_mock.stats()["tokens_given"] == 2


def test_a_second_401_is_what_it_always_is(stack):
    stack.sync_mock.configure(token_required=False, fail_ratio=1, fail_status=401)
    job = stack.api.wait(stack.api.submit("refused"), status="failed")
    assert job["error"].startswith("vendor answered 401") and job["attempts"] == 1 and len(job["history"]) == 1, job
    assert answered_by_token(stack.sync_mock.calls(job["request_id"])) == [401, 401]
    assert stack.sync_mock.stats()["tokens_given"] == 2


@pytest.mark.parametrize("vendor,knobs,reason", [
    ("failing", {"token_fail_status": 503}, "its token endpoint answered 503 temporarily_unavailable"),
    ("slow", {"token_latency_ms": 60000}, "its token endpoint cannot be asked: "),
], ids=["failing", "slow"])
def test_jobs_wait_for_an_endpoint_that_is_down_and_no_other_vendors_do(stack, vendor, knobs, reason):
    stack.sync_mock.configure(token_required=False, **knobs)
    ids = stack.api.submit_many(vendor, 20)
    wait_for(lambda: reason in logs(stack), 20, lambda: f"{reason} in the log")
    began = time.monotonic()
    assert_complete(stack.api.wait_all(stack.api.submit_many("quick", 20), END_SECONDS))
    assert time.monotonic() - began < 10

    def held():
        vendors = stack.api.get("/health").json()["vendors"]["held"]
        return [entry for entry in vendors if (entry["vendor"], entry["why"]) == (vendor, "no_access_token")]

    wait_for(held, 10, lambda: stack.api.get("/health").text)
    jobs = [stack.api.job(request_id) for request_id in ids]
    assert all((job["status"], job["attempts"]) == ("pending", 0) for job in jobs), jobs[0]
    for log in (stack.log("worker-1"), stack.log("worker-2")):
        assert log.count(f'vendor={vendor} error="{reason}') <= 1
    assert stack.sync_mock.stats()["token_requests"] <= 20   # with back-off
    stack.sync_mock.configure(**{knob: 0 for knob in knobs})
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert all(job["attempts"] == 1 for job in jobs.values())
    assert f"there is an access token again vendor={vendor}" in logs(stack)


def test_a_job_that_waited_in_vain_says_for_what(stack):
    stack.sync_mock.configure(token_client="acme:another secret")
    job = stack.api.wait(stack.api.submit("doomed"), status="failed")
    assert job["error"] == ("deadline passed while there was no access token: "
                            "its token endpoint answered 401 invalid_client") and job["attempts"] == 0, job
    assert stack.sync_mock.stats()["calls"] == 0


def test_polls_show_it_too_and_go_on_after_a_401(stack):
    stack.sync_mock.configure(poll_pending=4)
    request_id = stack.api.submit("polled")
    wait_for(lambda: stack.sync_mock.stats()["polls"] >= 2, 10, "it was asked for twice")
    stack.sync_mock.session.post(stack.sync_mock.url + "/revoke", timeout=10)
    job = stack.api.wait(request_id, status="complete")
    stats = stack.sync_mock.stats()
    assert job["attempts"] == 1 and stats["tokens_given"] == 2, (job, stats)
    assert stats["by_status"]["401"] in (1, 2), stats   # each of the two workers may find out


def test_an_async_vendor_with_its_credentials_in_the_body(stack):
    complete(stack, "callback")
    assert stack.async_mock.stats()["tokens_given"] == 1


def test_neither_the_secret_nor_a_token_is_written_anywhere(stack):
    """By all that the tests before this one did; this one has a token lie in Redis."""
    complete(stack, "once")
    places = all_written(stack)
    assert b"token:{once}" in places["redis"] and b"sealed" in places["redis"]
    for word in HUSH:
        found = [str(name) for name, text in places.items() if word in text]
        assert not found, f"{word} is in {found}"
