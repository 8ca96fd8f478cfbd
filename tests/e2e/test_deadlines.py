"""Every job ends at its deadline at the latest, and says what it has waited for."""

import json

from vendor_files import sync_vendor

END_SECONDS = 12


def test_a_vendor_that_always_says_too_many(stack):
    stack.sync_mock.configure(too_many_ratio=1, retry_after="1")
    job = stack.api.wait(stack.api.submit("brief"), status="failed", seconds=END_SECONDS)
    assert job["attempts"] == 0 and "deadline" in job["error"] and "429" in job["error"], job


def test_a_vendor_that_wants_to_be_left_alone_for_longer(stack):
    stack.sync_mock.configure(too_many_ratio=1, retry_after="3600")
    first = stack.api.wait(stack.api.submit("shy"), status="failed")
    assert "429" in first["error"] and "deadline" in first["error"], first
    held = stack.api.get("/health").json()["vendors"]["held"]
    assert ("shy", "retry_after") in [(entry["vendor"], entry["why"]) for entry in held], held
    second = stack.api.wait(stack.api.submit("shy"), status="failed", seconds=END_SECONDS)
    assert second["error"] == "deadline passed while the vendor asked to be left alone", second
    assert stack.sync_mock.stats()["calls"] == 1


def test_a_breaker_that_does_not_close_in_time(stack):
    stack.sync_mock.configure(fail_ratio=1)
    jobs = stack.api.wait_all(stack.api.submit_many("doomed", 20), END_SECONDS)
    for job in jobs.values():
        assert job["status"] == "failed", job
        assert "deadline passed" in job["error"] and "circuit breaker was open" in job["error"], job
    tried = [job for job in jobs.values() if job["attempts"]]
    assert tried and all("vendor answered 500" in job["error"] for job in tried), tried


def test_a_vendor_whose_file_was_removed(stack):
    path = stack.vendors / "leaving.json"
    text = json.dumps(sync_vendor("leaving", deadline_seconds=4))
    path.write_text(text)
    try:
        stack.restart("api")  # the worker does not know it, so the job waits
        request_id = stack.api.submit("leaving")
        path.unlink()
        stack.restart("api")
        stack.restart("worker-1")
        job = stack.api.wait(request_id, status="failed", seconds=END_SECONDS)
        assert job["error"] == 'deadline passed: no vendor file for "leaving"', job
        path.write_text(text)
        stack.restart("worker-1")
        stack.queue.assert_drained(15)
        assert stack.api.job(request_id) == job
    finally:
        path.unlink(missing_ok=True)
        stack.restart("worker-1")
