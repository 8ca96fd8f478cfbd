"""The service in the place of another one: its paths, the names in its answers, jobs that name no vendor."""

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
ROUTES = {"routes": [{"when": {"/country": ["DE", "AT"]}, "vendor": "sync"},
                     {"when": {"/country": "CH", "/order/total": 100}, "vendor": "async"}]}
EXTRAS = {"requestId": "request_id", "jobId": "request_id", "state": "status", "data": "result", "lastError": "last_error"}


@pytest.fixture(scope="module")
def dropped_in(store, tmp_path_factory):
    """A stack with these settings. Its base URL, and what vendors call back, ends in the prefix."""
    routes = tmp_path_factory.mktemp("routes") / "routes.json"
    routes.write_text(json.dumps(ROUTES))
    stack = Stack(store, all_vendor_files(), settings={
        **QUICK_SETTINGS, **SETTINGS, "VENDORFETCH_ROUTES": str(routes), "VENDORFETCH_DEFAULT_VENDOR": "quick"})
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


# ---- Jobs that name no vendor ----

UNNAMED = [
    pytest.param({"country": "DE"}, "syncVendor", id="one-of-the-values"),
    pytest.param({"order": {"total": 100.0}, "country": "CH"}, "asyncVendor", id="two-places"),
    pytest.param({"country": "CH", "order": {"total": 101}}, "quick", id="one-place-differs"),
    pytest.param({"country": "de"}, "quick", id="no-match"),
    pytest.param(["DE"], "quick", id="no-object"),
]


@pytest.mark.parametrize("payload,vendor", UNNAMED)
def test_the_payload_chooses_the_vendor(dropped_in, payload, vendor):
    bodies = [{"payload": payload}, {"data": payload}]
    if isinstance(payload, dict):
        bodies.append(payload)
    for body in bodies:
        job = dropped_in.api.wait(dropped_in.api.post_job(body), status="complete")
        assert job["vendor"] == vendor and job["result"]["received"] == payload


def test_a_client_that_names_a_vendor_gets_it(dropped_in):
    for path, body in (("/jobs", {"vendorType": "narrow", "country": "DE"}), ("/jobs?vendor=narrow", {"country": "DE"})):
        request_id = dropped_in.api.post(path, body).json()["request_id"]
        assert dropped_in.api.wait(request_id, status="complete")["vendor"] == "narrow"


def test_without_a_match_and_a_default_it_is_422(dropped_in):
    dropped_in.restart("api", {"VENDORFETCH_DEFAULT_VENDOR": ""})
    try:
        problem = assert_problem(dropped_in.api.post("/jobs", {"country": "FR"}), 422, "no route for this payload")
        assert problem["errors"][0]["pointer"] == "/vendor"
        assert dropped_in.api.post("/jobs", {"country": "AT"}).status_code == 202
    finally:
        dropped_in.restart("api")


# ---- Settings that cannot be ----

BAD_SETTINGS = [
    pytest.param({"VENDORFETCH_PATH_PREFIX": "/jobs/v1"}, ["VENDORFETCH_PATH_PREFIX", "/jobs/v1"], id="path-of-the-api"),
    pytest.param({"VENDORFETCH_EXTRA_FIELDS": "id=jobId"}, ["VENDORFETCH_EXTRA_FIELDS: ", '"id"'], id="no-such-member"),
]


@pytest.mark.parametrize("settings,words", BAD_SETTINGS)
def test_a_bad_setting_refuses_to_start(dropped_in, settings, words):
    assert_refuses_to_start(dropped_in, settings, words)


def test_a_bad_file_of_routes_refuses_to_start(dropped_in, tmp_path):
    path = tmp_path / "routes.json"
    path.write_text(json.dumps({"routes": [*ROUTES["routes"], {"when": {"/a": 1}, "vendor": "nobody"}]}))
    assert_refuses_to_start(dropped_in, {"VENDORFETCH_ROUTES": str(path)},
                            ["VENDORFETCH_ROUTES", str(path), "routes/2/vendor", '"nobody"'])


def assert_refuses_to_start(dropped_in, settings, words):
    environment = {**os.environ, **settings, "VENDORFETCH_VENDORS_DIR": str(dropped_in.vendors),
                   "REDIS_URL": dropped_in.env["REDIS_URL"]}
    done = subprocess.run([stack_module.program("vendorfetch.fcgi")], env=environment, capture_output=True, text=True,
                          timeout=10, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 1, f"{done.returncode} {done.stderr}"
    for word in words:
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"
