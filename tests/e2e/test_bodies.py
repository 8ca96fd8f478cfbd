"""The request bodies that clients of such services send, from POST to the vendor's data."""

import json

import pytest

ORDER = {"customer_id": 12345, "options": {"priority": "high", "verify_address": True}}
USER = {"type": "user_data", "userId": 123}

BODIES = [
    pytest.param({"payload": ORDER, "vendor": "sync"}, ORDER, "syncVendor", id="sync"),
    pytest.param({"payload": ORDER, "vendor": "async"}, ORDER, "asyncVendor", id="async"),
    pytest.param({"vendor": "syncVendor", **USER}, USER, "syncVendor", id="no-payload-member"),
]


@pytest.mark.parametrize("body,payload,vendor", BODIES)
def test_is_accepted_called_and_complete(stack, body, payload, vendor):
    mock = stack.sync_mock if vendor == "syncVendor" else stack.async_mock
    response = stack.api.post("/jobs", body)
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
