"""The request bodies that clients of such services send, from POST to the vendor's data."""

import json

import pytest

from api import assert_problem

ORDER = {"customer_id": 12345, "options": {"priority": "high", "verify_address": True}}
USER = {"type": "user_data", "userId": 123}

BODIES = [
    pytest.param({"payload": ORDER, "vendor": "sync"}, ORDER, "syncVendor", id="sync"),
    pytest.param({"payload": ORDER, "vendor": "async"}, ORDER, "asyncVendor", id="async"),
    pytest.param({"vendor": "syncVendor", **USER}, USER, "syncVendor", id="no-payload-member"),
]


NAMES = [("sync", "syncVendor"), ("syncVendor", "syncVendor"), ("sync-vendor", "syncVendor"),
         ("vendor-sync", "syncVendor"), ("async", "asyncVendor"), ("asyncVendor", "asyncVendor"),
         ("async-vendor", "asyncVendor"), ("vendor-async", "asyncVendor")]
for _name, _vendor in NAMES:
    BODIES.append(pytest.param({"vendor": _name, "payload": ORDER}, ORDER, _vendor, id="name-" + _name))
for _member in ("vendor", "vendorType", "vendor_type"):
    BODIES.append(pytest.param({**USER, _member: "async"}, USER, "asyncVendor", id=_member + "-and-rest"))
    for _payload in ("payload", "data", "vendorPayload"):
        BODIES.append(pytest.param({_member: "sync", _payload: ORDER}, ORDER, "syncVendor", id=f"{_member}-{_payload}"))
BODIES += [
    pytest.param({"vendor": "sync", "data": ORDER, "type": "x"}, {"data": ORDER, "type": "x"}, "syncVendor",
                 id="data-beside-others"),
    pytest.param({"vendor": "sync", "data": 1, "vendorPayload": 2}, {"data": 1, "vendorPayload": 2}, "syncVendor",
                 id="data-and-vendorPayload"),
    pytest.param({"vendor": "sync", "payload": ORDER, "data": 1, "x": 2}, ORDER, "syncVendor", id="payload-beside-others"),
    pytest.param({"vendorType": "syncVendor", "vendor": "sync", **USER}, USER, "syncVendor", id="named-twice-alike"),
]


@pytest.mark.parametrize("body,payload,vendor", BODIES)
def test_is_accepted_called_and_complete(stack, body, payload, vendor):
    assert_called(stack, "/jobs", body, payload, vendor)


IN_THE_QUERY = [
    pytest.param(USER, USER, id="rest"),
    pytest.param({"payload": ORDER}, ORDER, id="payload"),
    pytest.param({"data": ORDER}, ORDER, id="data"),
    pytest.param({"vendor": "syncVendor", **USER}, USER, id="the-same-in-the-body"),
]


@pytest.mark.parametrize("body,payload", IN_THE_QUERY)
def test_the_query_may_name_the_vendor(stack, body, payload):
    assert_called(stack, "/jobs?vendor=sync", body, payload, "syncVendor")


def assert_called(stack, path, body, payload, vendor):
    """The job is accepted, this vendor is called with this payload, and its answer is the result."""
    mock = stack.sync_mock if vendor == "syncVendor" else stack.async_mock
    response = stack.api.post(path, body)
    assert response.status_code == 202, response.text
    request_id = response.json()["request_id"]
    assert response.headers["Location"].endswith(f"/jobs/{request_id}")

    job = stack.api.wait(request_id, status="complete")

    assert job["request_id"] == request_id and job["vendor"] == vendor and job["attempts"] == 1
    assert job["result"]["received"] == payload and job["result"]["score"] > 0
    assert "error" not in job
    calls = mock.calls(request_id)
    assert [call["body"] for call in calls] == [json.dumps(payload, separators=(",", ":"))]
    assert calls[0]["headers"]["content-type"] == "application/json"
    assert calls[0]["headers"]["idempotency-key"] == request_id


AMBIGUOUS = [
    pytest.param("", {"vendor": "sync", "vendorType": "async", "payload": {}}, "/vendorType", id="vendorType"),
    pytest.param("", {"vendor_type": "async", "vendorType": "sync"}, "/vendor_type", id="vendor_type"),
    pytest.param("", {"vendor": "sync", "vendorType": "bank"}, "/vendorType", id="one-is-unknown"),
    pytest.param("", {"vendor_type": ["sync"], "payload": {}}, "/vendor_type", id="no-string"),
    pytest.param("?vendor=async", {"vendor": "sync", "payload": {}}, "/vendor", id="query-and-body"),
    pytest.param("?vendor=nobody", {"payload": {}}, None, id="unknown-in-query"),
]


@pytest.mark.parametrize("query,body,pointer", AMBIGUOUS)
def test_two_vendors_or_none_are_422_with_the_place(stack, query, body, pointer):
    problem = assert_problem(stack.api.post("/jobs" + query, body), 422, "vendor")
    assert [error["pointer"] for error in problem.get("errors", [])] == ([pointer] if pointer else []), problem
    assert stack.sync_mock.stats()["calls"] == stack.async_mock.stats()["calls"] == 0


def test_the_other_names_can_be_switched_off(stack):
    stack.restart("api", {"VENDORFETCH_OTHER_NAMES": "0"})
    try:
        assert_called(stack, "/jobs", {"vendor": "sync", "data": ORDER}, {"data": ORDER}, "syncVendor")
        assert_problem(stack.api.post("/jobs", {"vendorType": "sync", "payload": ORDER}), 422, "vendor is missing")
    finally:
        stack.restart("api")


def test_the_shipped_async_vendor_waits_for_its_webhook(stack):
    stack.async_mock.configure(webhook_delay_ms=700)
    request_id = stack.api.post_job({"payload": ORDER, "vendor": "async"})
    stack.async_mock.wait_calls(1)
    assert stack.api.wait(request_id, status="processing")["attempts"] <= 1
    job = stack.api.wait(request_id, status="complete")
    assert job["result"]["received"] == ORDER


def test_times_are_utc_and_in_order(stack):
    job = stack.api.wait(stack.api.post_job({"payload": ORDER, "vendor": "sync"}), status="complete")
    times = [job["created_at"], job["updated_at"], job["completed_at"]]
    assert all(len(time) == len("2026-11-22T15:46:00.123Z") and time.endswith("Z") for time in times), times
    assert job["created_at"] <= job["completed_at"] <= job["updated_at"]
