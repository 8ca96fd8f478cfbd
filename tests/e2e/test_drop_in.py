"""The service in the place of another one: its paths, the names in its answers."""

import json
import os
import subprocess
import urllib.parse

import pytest

import stack as stack_module
from api import Api, assert_problem
from stack import QUICK_SETTINGS, Stack
from vendor_files import all_vendor_files
from waiting import wait_for

PREFIX = "/api/v1.0"
SETTINGS = {"VENDORFETCH_PATH_PREFIX": PREFIX,
            "VENDORFETCH_EXTRA_FIELDS": "request_id=requestId,jobId;status=state;result=data;last_error=lastError"}
EXTRAS = {"requestId": "request_id", "jobId": "request_id", "state": "status", "data": "result", "lastError": "last_error"}


@pytest.fixture(scope="module")
def dropped_in(store):
    """A stack with these settings. Its base URL, and what vendors call back, ends in the prefix."""
    stack = Stack(store, all_vendor_files(), settings={**QUICK_SETTINGS, **SETTINGS})
    yield stack
    stack.down()


@pytest.fixture
def bare_api(dropped_in):
    """The same without the prefix."""
    url = urllib.parse.urlsplit(dropped_in.base_url)
    assert url.path == PREFIX
    return Api(f"{url.scheme}://{url.netloc}")


# ---- Paths ----

@pytest.mark.parametrize("vendor", ["sync", "async"])
def test_a_job_goes_its_way_under_the_prefix(dropped_in, bare_api, vendor):
    response = dropped_in.api.post("/jobs", {"vendor": vendor, "payload": {"a": 1}})
    request_id = response.json()["request_id"]
    assert response.headers["Location"] == f"{PREFIX}/jobs/{request_id}"
    job = dropped_in.api.wait(request_id, status="complete")
    assert bare_api.get(response.headers["Location"]).json() == job


def test_vendors_call_back_where_the_base_url_says(dropped_in):
    request_id = dropped_in.api.submit("async")
    dropped_in.api.wait(request_id, status="complete")
    url = dropped_in.async_mock.calls(request_id)[0]["headers"]["x-callback-url"]
    assert url.startswith(f"{dropped_in.base_url}/vendor-webhook/asyncVendor?"), url


def test_the_paths_without_the_prefix_stay(dropped_in, bare_api):
    response = bare_api.post("/jobs", {"vendor": "quick", "payload": {}})
    request_id = response.json()["request_id"]
    assert response.headers["Location"] == f"/jobs/{request_id}"
    dropped_in.api.wait(request_id, status="complete")
    assert bare_api.job(request_id) == dropped_in.api.job(request_id)
    assert bare_api.get("/health").json()["status"] == "ok"


NO_PATHS = [PREFIX, PREFIX + "/", PREFIX + "/jobsx", PREFIX + PREFIX + "/health", "/api/v1x0/health", "/api/health",
            "/x" + PREFIX + "/health", "/jobs" + PREFIX + "/health"]


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_only_looks_like_the_prefix_is_404(bare_api, path):
    assert_problem(bare_api.get(path), 404)


def test_a_wrong_method_under_the_prefix_is_405(dropped_in):
    assert dropped_in.api.get("/jobs").headers["Allow"] == "POST, OPTIONS"


# ---- More names in answers ----

def assert_has_extras(answer):
    """Every member that has more names is there under each of them, the others are not."""
    for extra, member in EXTRAS.items():
        assert (extra in answer) == (member in answer) and answer.get(extra) == answer.get(member), (extra, answer)


def test_answers_have_their_members_under_more_names(dropped_in):
    response = dropped_in.api.post("/jobs", {"vendor": "quick", "payload": {"a": ["}", {"b": '"'}]}})
    assert response.json()["jobId"] == response.json()["request_id"]
    assert_has_extras(response.json())
    job = dropped_in.api.wait(response.json()["request_id"], status="complete")
    assert job["data"]["received"] == {"a": ["}", {"b": '"'}]}
    for _ in range(6):  # from both processes: out of the store, out of Redis, out of their own memory
        assert_has_extras(dropped_in.api.job(job["request_id"]))


def test_so_have_those_of_unfinished_jobs(dropped_in):
    dropped_in.sync_mock.configure(fail_ratio=1)
    request_id = dropped_in.api.submit("sturdy")
    job = wait_for(lambda: (job := dropped_in.api.job(request_id)).get("last_error") and job, 10, "a failed attempt")
    assert job["lastError"] == job["last_error"] and job["state"] in ("pending", "processing")
    assert_has_extras(job)
    dropped_in.sync_mock.fresh()
    assert_has_extras(dropped_in.api.wait(request_id, status="complete"))


def test_a_shared_cache_holds_answers_without_them(dropped_in):
    request_id = dropped_in.api.submit("quick")
    assert_has_extras(dropped_in.api.wait(request_id, status="complete"))
    cached = json.loads(dropped_in.queue.redis.get("job:" + request_id))
    assert cached["status"] == "complete" and not EXTRAS.keys() & cached.keys(), cached
    dropped_in.restart("api", {"VENDORFETCH_EXTRA_FIELDS": "result=answer"})
    try:
        job = dropped_in.api.job(request_id)
        assert job == {**cached, "answer": cached["result"]}
    finally:
        dropped_in.restart("api")


def test_answers_from_redis_get_them(dropped_in):
    """What only Redis knows cannot come from the store."""
    request_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    dropped_in.queue.redis.set("job:" + request_id, '{"request_id":"%s","status":"complete","result":{"a":1}}\n' % request_id)
    try:
        answer = dropped_in.api.job(request_id)
        assert answer["result"] == {"a": 1}
        assert_has_extras(answer)
    finally:
        dropped_in.queue.redis.delete("job:" + request_id)


def test_head_tells_the_length_with_them(dropped_in):
    request_id = dropped_in.api.submit("quick")
    dropped_in.api.wait(request_id, status="complete")
    response = dropped_in.api.request("HEAD", "/jobs/" + request_id)
    assert int(response.headers["Content-Length"]) == len(dropped_in.api.get("/jobs/" + request_id).content)


# ---- Settings that cannot be ----

BAD_SETTINGS = [
    pytest.param({"VENDORFETCH_PATH_PREFIX": "/jobs/v1"}, ["VENDORFETCH_PATH_PREFIX", "/jobs/v1"], id="path-of-the-api"),
    pytest.param({"VENDORFETCH_EXTRA_FIELDS": "id=jobId"}, ["VENDORFETCH_EXTRA_FIELDS: ", '"id"'], id="no-such-member"),
]


@pytest.mark.parametrize("settings,words", BAD_SETTINGS)
def test_a_bad_setting_refuses_to_start(dropped_in, settings, words):
    environment = {**os.environ, **settings, "VENDORFETCH_VENDORS_DIR": str(dropped_in.vendors),
                   "REDIS_URL": dropped_in.env["REDIS_URL"]}
    done = subprocess.run([stack_module.program("vendorfetch.fcgi")], env=environment, capture_output=True, text=True,
                          timeout=10, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 1, f"{done.returncode} {done.stderr}"
    for word in words:
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"
