"""The service in the place of another one: its paths, the names in its answers."""

import os
import subprocess
import urllib.parse

import pytest

import stack as stack_module
from api import Api, assert_problem
from stack import QUICK_SETTINGS, Stack
from vendor_files import all_vendor_files

PREFIX = "/api/v1.0"
SETTINGS = {"VENDORFETCH_PATH_PREFIX": PREFIX}


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


# ---- Settings that cannot be ----

BAD_SETTINGS = [
    pytest.param({"VENDORFETCH_PATH_PREFIX": "/jobs/v1"}, ["VENDORFETCH_PATH_PREFIX", "/jobs/v1"], id="path-of-the-api"),
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
