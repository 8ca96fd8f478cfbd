"""A vendor is a file: a new one needs nothing but a restart, a bad one stops the start with file, member and reason."""

import json
import os
import subprocess

import pytest

import stack as stack_module
from api import assert_problem
from vendor_files import sync_vendor


def restart_all(stack):
    stack.restart("worker-1")
    stack.restart("api")


def test_a_third_vendor_is_a_new_file_and_a_restart(stack):
    assert_problem(stack.api.post("/jobs", {"vendor": "third", "payload": {}}), 422, "third")
    path = stack.vendors / "third.json"
    path.write_text(json.dumps({
        "name": "third", "mode": "sync", "request": {"url": "${env:SYNC_VENDOR_URL}"},
        "limits": [{"calls": 50, "per_seconds": 1}], "retry": {"max_attempts": 3, "base_ms": 100},
        "response": {"result": "/data"}}))
    try:
        restart_all(stack)
        job = stack.api.wait(stack.api.submit("third", {"a": 1}), status="complete")
        assert job["vendor"] == "third" and job["result"]["received"] == {"a": 1}
    finally:
        path.unlink()
        restart_all(stack)
    assert stack.api.job(job["request_id"])["status"] == "complete"
    assert_problem(stack.api.post("/jobs", {"vendor": "third", "payload": {}}), 422, "third")


def test_the_shipped_sync_vendor_cleans_its_results(stack):
    job = stack.api.wait(stack.api.submit("sync"), status="complete")
    assert "ssn" not in job["result"]
    assert job["result"]["full_name"] == job["result"]["full_name"].strip()


BAD_FILES = [
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "http://x/"}, "retry": {"max_attempts": 0}}',
                 ["retry/max_attempts"], id="number-out-of-range"),
    pytest.param('{"name": "bad", "mode": "sideways", "request": {"url": "http://x/"}}', ["mode"], id="mode"),
    pytest.param('{"name": "bad", "mode": "sync"}', ["request/url"], id="missing"),
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "ftp://x/"}}', ["request/url"], id="scheme"),
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "http://x/", "timeuot_ms": 5}}',
                 ["request/timeuot_ms", "timeout_ms"], id="misspelt"),
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "${env:NO_SUCH_VARIABLE}"}}',
                 ["request/url", "NO_SUCH_VARIABLE"], id="no-such-variable"),
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "http://x/"}, "limits": [{"calls": 1}]}',
                 ["limits/0/per_seconds"], id="half-a-limit"),
    pytest.param('{"name": "bad", "mode": "sync", "request": {"url": "http://x/"}, }', [], id="not-json"),
    pytest.param('{"name": "sync", "mode": "sync", "request": {"url": "http://x/"}}', ["sync"], id="name-is-an-alias"),
]


@pytest.mark.only("sqlite")   # no store is asked for anything
@pytest.mark.parametrize("name", ["vendorfetch-worker", "vendorfetch.fcgi"])
@pytest.mark.parametrize("text,words", BAD_FILES)
def test_a_bad_file_refuses_to_start(stack, tmp_path, name, text, words):
    for path in stack.vendors.glob("*Vendor.json"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "zz-bad.json").write_text(text)
    environment = {**os.environ, "VENDORFETCH_VENDORS_DIR": str(tmp_path), "STORE_URI": f"sqlite:{tmp_path}/db",
                   "REDIS_URL": stack.env["REDIS_URL"]}
    done = subprocess.run([stack_module.program(name)], env=environment, capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL, check=False)
    said = done.stderr + done.stdout
    assert done.returncode > 0, f"{done.returncode} {said}"
    for word in ["zz-bad.json", *words]:
        assert word in said, f"{word!r} is not in: {said}"


def test_jobs_of_a_vendor_without_a_file_wait_for_it(stack):
    path = stack.vendors / "passing.json"
    path.write_text(json.dumps(sync_vendor("passing")))
    try:
        stack.restart("api")  # the worker does not know it
        request_id = stack.api.submit("passing")
        stack.api.wait(stack.api.submit("quick"), status="complete")
        assert stack.api.job(request_id)["status"] == "pending"
        stack.restart("worker-1")
        stack.api.wait(request_id, status="complete")
    finally:
        path.unlink()
        restart_all(stack)
