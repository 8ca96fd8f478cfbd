"""Every row of the API table, and every error that it knows, each as a problem document."""

import concurrent.futures
import http.client
import json
import re
import socket
import urllib.parse

import pytest

from api import assert_problem
from memory import peak_memory, reset_peak_memory

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MIB = 1 << 20


# ---- POST /jobs: what is refused ----

NOT_JSON = [
    pytest.param("", None, id="empty"),
    pytest.param("{", 1, id="ends-early"),
    pytest.param('{"vendor": "quick", "payload": {"a": 1,}}', 39, id="comma"),
    pytest.param("{'vendor': 'quick'}", 1, id="single-quotes"),
    pytest.param('{"vendor": "quick", "payload": {"a": NaN}}', 37, id="nan"),
    pytest.param('{"vendor": "quick"} x', 20, id="more-behind"),
    pytest.param(b'{"vendor": "quick", "payload": {"a": "\xff"}}', 38, id="not-utf-8"),
    pytest.param('{"vendor": "quick", "payload": {"a": "\n"}}', 38, id="control-character"),
    pytest.param('{"vendor": "quick", "payload": {"a": "\\ud800"}}', None, id="lone-surrogate"),
]


@pytest.mark.parametrize("body,offset", NOT_JSON)
def test_a_body_that_is_not_json_is_400_with_the_place(stack, body, offset):
    problem = assert_problem(stack.api.post("/jobs", body), 400)
    if offset is not None:
        assert re.search(rf"\b{offset}\b", problem["detail"]), problem
    if body:
        assert problem["errors"][0]["detail"], problem


def test_an_error_within_the_body_has_its_pointer(stack):
    body = '{"vendor": "quick", "payload": {"list": [1, {"a": 01}]}}'
    problem = assert_problem(stack.api.post("/jobs", body), 400)
    assert problem["errors"][0]["pointer"].lstrip("#").startswith("/payload/list/1"), problem


def test_the_same_name_twice_is_400(stack):
    assert_problem(stack.api.post("/jobs", '{"vendor": "quick", "vendor": "async", "payload": {}}'), 400)


def test_too_deep_is_400(stack):
    body = '{"vendor": "quick", "payload": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}"
    assert_problem(stack.api.post("/jobs", body), 400)


NOT_JSON_TYPES = ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"]


@pytest.mark.parametrize("content_type", NOT_JSON_TYPES)
def test_another_content_type_is_415(stack, content_type):
    response = stack.api.post("/jobs", {"vendor": "quick", "payload": {}}, {"Content-Type": content_type})
    assert_problem(response, 415)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_content_types_are_accepted(stack, content_type):
    body = {"vendor": "quick", "payload": {}}
    stack.api.wait(stack.api.post_job(body, {"Content-Type": content_type}), status="complete")


NOT_A_JOB = [
    pytest.param({"vendor": "nobody", "payload": {}}, "nobody", "/vendor", id="unknown-vendor"),
    pytest.param({"payload": {}}, "vendor", None, id="no-vendor"),
    pytest.param({"vendor": 7, "payload": {}}, "vendor", "/vendor", id="vendor-is-a-number"),
    pytest.param({"vendor": "", "payload": {}}, "vendor", "/vendor", id="vendor-is-empty"),
    pytest.param([1], "object", None, id="array"),
    pytest.param("null", "object", None, id="null"),
    pytest.param('"quick"', "object", None, id="string"),
]


@pytest.mark.parametrize("body,word,pointer", NOT_A_JOB)
def test_json_that_is_no_job_is_422(stack, body, word, pointer):
    problem = assert_problem(stack.api.post("/jobs", body), 422, word)
    if pointer:
        assert problem["errors"][0]["pointer"].lstrip("#") == pointer, problem


def test_over_one_mebibyte_is_413_from_the_pool(stack):
    body = json.dumps({"vendor": "quick", "payload": {"a": "x" * MIB}})
    assert_problem(stack.api.post("/jobs", body), 413)


def test_far_over_the_limit_is_413_from_the_web_server(stack):
    response = stack.api.post("/jobs", b" " * (3 * MIB))
    assert_problem(response, 413)


def test_bodies_of_countless_values_cost_little_memory(stack):
    """A mebibyte of empty objects would take a quarter of a gigabyte as a tree; one of as many values as are allowed
    takes a third of that. With one request thread a handler holds one tree, so its peak tells of the largest."""
    values_max, value_bytes, rest_bytes = 100_000, 1280, 64 * MIB  # both with what ASan adds; 700 bytes without it
    body = '{"vendor":"quick","payload":[' + ",".join(["{}"] * 349_000) + "]}"
    stack.restart("api", {"VENDORFETCH_API_THREADS": "1", "ASAN_OPTIONS": "quarantine_size_mb=1"})
    try:
        handlers = stack.handlers()
        for pid in handlers:
            reset_peak_memory(pid)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for response in pool.map(lambda _: stack.api.post("/jobs", body), range(40)):
                assert_problem(response, 400, "more than 100000 values")
        assert stack.handlers() == handlers
        for pid in handlers:
            assert peak_memory(pid) < values_max * value_bytes + rest_bytes
    finally:
        stack.restart("api")


def test_just_under_one_mebibyte_is_accepted_and_arrives(stack):
    text = "x" * (MIB - 100)
    job = stack.api.wait(stack.api.submit("quick", {"a": text}), status="complete")
    assert job["attempts"] == 1
    call = stack.sync_mock.calls(job["request_id"])[0]
    assert int(call["headers"]["content-length"]) == len('{"a":""}') + len(text)


def test_a_job_without_members_of_its_own_is_an_empty_payload(stack):
    request_id = stack.api.post_job({"vendor": "quick"})
    stack.api.wait(request_id, status="complete")
    assert stack.sync_mock.calls(request_id)[0]["body"] == "{}"


# ---- Other paths and methods ----

METHODS = [("GET", "/jobs", "POST"), ("PUT", "/jobs", "POST"), ("DELETE", "/jobs", "POST"),
           ("POST", "/jobs/" + UNKNOWN_ID, "GET"), ("DELETE", "/jobs/" + UNKNOWN_ID, "GET"),
           ("GET", "/vendor-webhook/quick", "POST"), ("POST", "/health", "GET")]


@pytest.mark.parametrize("method,path,allowed", METHODS)
def test_a_wrong_method_is_405_with_allow(stack, method, path, allowed):
    response = stack.api.request(method, path, {} if method in ("POST", "PUT") else None)
    assert_problem(response, 405)
    assert allowed in response.headers["Allow"].replace(" ", "").split(",")


NO_PATHS = ["/", "/nothing", "/jobs/a/b", "/jobsx", "/vendor-webhook", "/index.html", "/health/x"]


@pytest.mark.parametrize("path", NO_PATHS)
def test_a_path_that_is_not_there_is_404(stack, path):
    assert_problem(stack.api.get(path), 404)


NO_IDS = [UNKNOWN_ID, "x", "%00", "a%20b", "'%20OR%201=1", "{}", "%F0%9F%92%A9", "x" * 500]


@pytest.mark.parametrize("request_id", NO_IDS)
def test_an_id_that_is_not_there_is_404(stack, request_id):
    response = stack.api.get("/jobs/" + request_id)
    assert response.status_code in (400, 404) if request_id == "%00" else response.status_code == 404, response.text
    assert_problem(response, response.status_code)


def test_head_is_get_without_a_body(stack):
    request_id = stack.api.submit("quick")
    stack.api.wait(request_id, status="complete")
    response = stack.api.request("HEAD", "/jobs/" + request_id)
    assert response.status_code == 200 and response.content == b""
    assert int(response.headers["Content-Length"]) == len(stack.api.get("/jobs/" + request_id).content)


def test_garbage_instead_of_http_does_no_harm(stack):
    url = urllib.parse.urlsplit(stack.base_url)
    for garbage in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n",
                    b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"):
        with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
            assert answer == b"" or b" 400 " in answer.splitlines()[0], answer
    assert stack.api.get("/health").status_code == 200


def test_a_body_that_breaks_off_is_no_job(stack):
    url = urllib.parse.urlsplit(stack.base_url)
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        connection.sendall(b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 100\r\n\r\n"
                           b'{"vendor": "quick", "payload": {}}')
    assert stack.api.get("/health").status_code == 200
    assert stack.sync_mock.stats()["calls"] == 0


def test_a_connection_serves_many_requests(stack):
    url = urllib.parse.urlsplit(stack.base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    for _ in range(5):
        connection.request("GET", "/jobs/" + UNKNOWN_ID)
        answer = connection.getresponse()
        assert answer.status == 404 and json.loads(answer.read())["status"] == 404
    connection.close()


# ---- What is accepted ----

def test_a_request_id_is_a_uuid_that_rises(stack):
    ids = [stack.api.submit("quick") for _ in range(20)]
    assert all(UUID.fullmatch(request_id) for request_id in ids), ids
    assert len(set(ids)) == 20
    stack.api.wait_all(ids, 15)


def test_a_finished_job_reads_the_same_every_time(stack):
    request_id = stack.api.submit("quick")
    stack.api.wait(request_id, status="complete")
    answers = {stack.api.get("/jobs/" + request_id).content for _ in range(10)}
    assert len(answers) == 1


def test_an_alias_is_its_vendor(stack):
    job = stack.api.wait(stack.api.submit("sync"), status="complete")
    assert job["vendor"] == "syncVendor"


def test_health_names_its_parts(stack):
    response = stack.api.get("/health")
    health = response.json()
    assert response.status_code == 200 and health["status"] == "ok", health
    for part in ("store", "redis", "workers", "vendors"):
        assert part in json.dumps(health), health


# ---- Settings that change the answers ----

def test_the_success_code_is_a_setting(stack):
    stack.restart("api", {"VENDORFETCH_ACCEPT_STATUS": "200"})
    try:
        response = stack.api.post("/jobs", {"vendor": "quick", "payload": {"a": 1}})
        assert response.status_code == 200 and response.headers["Location"], response.text
        assert stack.api.wait(response.json()["request_id"])["status"] == "complete"
    finally:
        stack.restart("api")


def test_the_default_vendor_is_a_setting(stack):
    stack.restart("api", {"VENDORFETCH_DEFAULT_VENDOR": "quick"})
    try:
        job = stack.api.wait(stack.api.post_job({"payload": {"a": 1}}), status="complete")
        assert job["vendor"] == "quick"
    finally:
        stack.restart("api")
