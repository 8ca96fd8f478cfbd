"""The OpenAPI document, held to the system that it describes: it is served, it is sound, and no answer is beyond it, to
requests that are meant well and to those that hypothesis makes up from its schemas.

VENDORFETCH_OPENAPI_EXAMPLES=2000 tries so many requests of each kind for each call, others every time; else it is a few, always
the same.
"""

import copy
import hashlib
import http.client
import json
import os
import re
import tempfile
import urllib.parse

import pytest

from stack import QUICK_SETTINGS, Stack
from vendor_files import all_vendor_files, as_files, async_vendor, sync_vendor
from waiting import wait_for

hypothesis = pytest.importorskip("hypothesis", reason="Debian's python3-hypothesis is not installed (scripts/packages test)")
pytest.importorskip("jsonschema", reason="Debian's python3-jsonschema is not installed (scripts/packages test)")

import hypothesis.strategies as st
import jsonschema
from hypothesis import HealthCheck, configuration

import openapi

SCRATCH = tempfile.TemporaryDirectory(prefix="vendorfetch-hypothesis-")
configuration.set_hypothesis_home_dir(SCRATCH.name)
EXAMPLES = int(os.environ.get("VENDORFETCH_OPENAPI_EXAMPLES", "0"))
FEW = {"POST": 60}
FEWER = 20       # where there is less to make up
SECONDS = 10
PREFIX = "/api/v1"
TOKENS = {"submit": ["submit"], "read": ["read"], "admin": ["admin"]}
NOBODYS = "01a20421-4cf4-745d-b725-f6b894e9850d"
KEEPING = {"keep_raw_seconds": 3600}
VENDORS = [sync_vendor("keeping", response=KEEPING), async_vendor("keeping-callbacks", response=KEEPING)]
DOCUMENT = openapi.Document()


def client(name, scopes, **members):
    return {"name": name, "token_sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes, **members}


CLIENTS = [client(name, scopes) for name, scopes in TOKENS.items()] + [
    client("expired", ["admin"], expires="2020-01-01"), client("one-vendor", ["submit", "read"], vendors=["syncVendor"]),
    client("limited", ["admin"], limit={"requests": 5, "per_seconds": 3600})]


@pytest.fixture(scope="module")
def guarded(store, tmp_path_factory):
    """Asks for tokens (each is its client's name), and is behind a prefix as well."""
    file = tmp_path_factory.mktemp("clients") / "clients.json"
    file.write_text(json.dumps({"clients": CLIENTS}))
    stack = Stack(store, {**all_vendor_files(), **as_files(VENDORS)}, settings={
        **QUICK_SETTINGS, "VENDORFETCH_TOKENS": str(file), "VENDORFETCH_PATH_PREFIX": PREFIX,
        "VENDORFETCH_MAX_BODY_BYTES": "20000"})
    yield stack
    stack.down()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def send(stack, method, target, body=None, headers=None, token=None):
    """Sends it as it is, and holds the answer to the document, if the call is in there."""
    url = urllib.parse.urlsplit(stack.base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=SECONDS)
    headers = {**({"Authorization": f"Bearer {token}"} if token is not None else {}), **(headers or {})}
    if isinstance(body, (dict, list)):
        body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    try:
        connection.request(method, target, body, headers)
        answer = Answer(connection.getresponse())
    finally:
        connection.close()
    operation = DOCUMENT.operation(method, target.removeprefix(PREFIX))
    if operation:
        DOCUMENT.check(operation, answer.status, answer.headers, answer.body, f"{target} {headers} {body!r:.500}")
    return answer


# ---- The document ----

def as_served(vendors=None, tokens=True):
    """The document as a system gives it that takes jobs with 202 and knows no default vendor: vendors are those of the client."""
    said = copy.deepcopy(DOCUMENT.said)
    for status in ("200", "201"):
        del said["paths"]["/jobs"]["post"]["responses"][status]
    request = said["components"]["schemas"]["JobRequest"]
    request["required"] = ["vendor"]
    if vendors:
        request["properties"]["vendor"] = {"enum": vendors}
        request["examples"][0]["vendor"] = vendors[0]
    for item in said["paths"].values() if not tokens else ():
        for method in openapi.METHODS:
            if method in item:
                item[method]["security"] = []
    return said


def test_the_document_is_served_to_everybody(guarded):
    answer = send(guarded, "GET", "/openapi.json")
    assert answer.status == 200 and answer.json() == as_served()
    behind = send(guarded, "GET", PREFIX + "/openapi.json").json()
    assert behind.pop("servers") == [{"url": PREFIX}] and behind == as_served()


def test_clients_find_the_vendors_in_it_that_they_may_call(guarded):
    def served(token):
        return send(guarded, "GET", "/openapi.json", token=token).json()

    assert served("one-vendor") == as_served(["syncVendor", "sync", "sync-vendor", "vendor-sync"])
    assert served("read") == served("wrong") == served("expired") == as_served()
    names = served("submit")["components"]["schemas"]["JobRequest"]["properties"]["vendor"]["enum"]
    assert {"quick", "async", "keeping"} < set(names) and served("submit") == served("admin") == as_served(names)


def test_without_tokens_it_asks_for_none(stack):
    served = stack.api.get("/openapi.json").json()
    names = served["components"]["schemas"]["JobRequest"]["properties"]["vendor"]["enum"]
    assert "quick" in names and served == as_served(names, tokens=False)


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def schemas(value):
    """Every schema that stands in the document."""
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas(one)
    if isinstance(value, dict):
        yield from value.get("schemas", {}).values()
        if isinstance(value.get("schema"), dict):
            yield value["schema"]


def test_the_document_is_sound():
    said = DOCUMENT.said
    assert re.fullmatch(r"3\.1\.\d+", said["openapi"]) and said["info"]["title"] and said["info"]["version"]
    used = set(references(said))
    for reference in used:
        DOCUMENT.at(reference)
    for kind, named in said["components"].items():
        for name in named if kind != "securitySchemes" else ():
            assert f"#/components/{kind}/{name}" in used, f"{kind}/{name} is of no use"
    for schema in schemas(said):
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [operation.said["operationId"] for operation in DOCUMENT.operations]
    assert len(ids) == len(set(ids))
    for operation in DOCUMENT.operations:
        in_path = [one["name"] for one in operation.parameters if one["in"] == "path"]
        assert in_path == re.findall(r"{(.+?)}", operation.path), operation.name
        assert all(one["required"] and "schema" in one for one in operation.parameters if one["in"] == "path")
        assert all(DOCUMENT.resolve(response)["description"] for response in operation.said["responses"].values())
        for needed in operation.said["security"]:
            assert set(needed) <= set(said["components"]["securitySchemes"])


def test_an_answer_that_is_not_in_the_document_is_found():
    """The judge itself: it must not take everything."""
    job = DOCUMENT.operation("GET", "/jobs/" + NOBODYS)
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "x"}
    html, json_type = {"content-type": "text/html"}, {"content-type": "application/problem+json"}
    assert not DOCUMENT.mistakes(job, 404, json_type, json.dumps(problem).encode())
    for status, headers, body in [(418, json_type, problem), (404, html, problem), (404, json_type, {**problem, "status": 400}),
                                  (404, json_type, {**problem, "more": 1}), (404, {**json_type, "x-powered-by": "x"}, problem),
                                  (401, json_type, {**problem, "status": 401}), (200, json_type, problem),
                                  (200, {"content-type": "application/json"}, {"request_id": NOBODYS, "status": "complete"})]:
        assert DOCUMENT.mistakes(job, status, headers, json.dumps(body).encode()), (status, headers, body)


# ---- Answers to what is meant well ----

def post(stack, vendor, payload, **more):
    return send(stack, "POST", "/jobs", {"vendor": vendor, "payload": payload}, token="submit", **more)


def wait_final(stack, request_id):
    """Every look at it is held to the document."""
    def final():
        job = send(stack, "GET", f"/jobs/{request_id}", token="read").json()
        return job if job["status"] in ("complete", "failed", "cancelled") else None
    return wait_for(final, 30, f"the job {request_id} ends")


@pytest.mark.parametrize("vendor, payload, status, outcome", [
    ("quick", {"n": 1}, "complete", "http_200"), ("judged", {"status": "none"}, "complete", "no_data"),
    ("judged", {"status": "busy", "message": "later"}, "failed", "http_200"), ("keyed-unreachable", 1, "failed", "connect_failed"),
    ("polled", {}, "complete", "http_202"), ("callback", [], "complete", "http_202"), ("impatient", None, "failed", "http_202"),
    ("away", {}, "complete", "connect_failed"),
])
def test_jobs_are_as_the_document_says(guarded, vendor, payload, status, outcome):
    guarded.async_mock.configure(webhook_loss_ratio=1 if vendor == "impatient" else 0)
    answer = post(guarded, vendor, payload)
    assert answer.status == 202
    job = wait_final(guarded, answer.json()["request_id"])
    assert ("tried" in job) == (vendor == "away")
    assert job["status"] == status and job["history"][0]["outcome"] == outcome, job


def test_jobs_under_way_are_as_the_document_says(guarded):
    """Before the first call, and between two, when what failed is told."""
    guarded.async_mock.configure(webhook_loss_ratio=1)
    request_id = post(guarded, "callback", {}).json()["request_id"]
    wait_for(lambda: send(guarded, "GET", f"/jobs/{request_id}", token="read").json()["status"] == "processing", 20, "it waits")
    guarded.sync_mock.configure(fail_ratio=1)
    try:
        request_id = post(guarded, "sturdy", {}).json()["request_id"]
        wait_for(lambda: "last_error" in send(guarded, "GET", f"/jobs/{request_id}", token="read").json(), 20, "it has failed once")
    finally:
        guarded.sync_mock.configure(fail_ratio=0)
        guarded.async_mock.configure(webhook_loss_ratio=0)
    wait_final(guarded, request_id)


def test_every_refusal_is_as_the_document_says(guarded):
    key = {"Idempotency-Key": "openapi-1"}
    first, again = (send(guarded, "POST", PREFIX + "/jobs", {"vendor": "quick", "payload": 1}, key, "submit") for _ in range(2))
    assert again.headers["idempotency-replayed"] == "true" and again.headers["location"] == first.headers["location"]
    job = f"/jobs/{NOBODYS}"
    text = {"Content-Type": "text/plain"}
    refused = [
        (409, "POST", "/jobs", {"vendor": "quick", "payload": 2}, key, "submit"), (413, "POST", "/jobs", b"1" * 20001, None, "submit"),
        (415, "POST", "/jobs", b"{}", text, "submit"), (422, "POST", "/jobs", {"vendor": "nobody"}, None, "submit"),
        (400, "POST", "/jobs", b"{", None, "submit"), (401, "POST", "/jobs", {}, None, None), (401, "POST", "/jobs", {}, None, "wrong"),
        (403, "POST", "/jobs", {}, None, "read"), (403, "POST", "/jobs", {"vendor": "quick"}, None, "one-vendor"),
        (401, "GET", job, None, None, "expired"), (403, "GET", job, None, None, "submit"), (404, "GET", job, None, None, "read"),
        (404, "HEAD", job, None, None, "read"), (401, "HEAD", job, None, None, None), (204, "OPTIONS", job, None, None, None),
        (404, "POST", "/vendor-webhook/quick", {}, None, None), (401, "POST", "/vendor-webhook/signed", {}, None, None),
        (401, "POST", "/vendor-webhook/hook-token", {}, None, None), (400, "POST", "/vendor-webhook/callback", b"{", None, None),
        (404, "POST", "/vendor-webhook/callback", {"request_id": NOBODYS, "data": 1}, None, None),
        (415, "POST", "/vendor-webhook/callback", b"{}", {"Content-Encoding": "gzip"}, None),
    ]
    for status, *request in refused:
        answer = send(guarded, *request)
        assert answer.status == status, (request, answer.status, answer.body)


def test_callbacks_are_answered_as_the_document_says(guarded):
    guarded.async_mock.configure(webhook_loss_ratio=1)
    try:
        request_id = post(guarded, "callback", {}).json()["request_id"]
        target, body = f"/vendor-webhook/callback?id={request_id}", {"data": {"x": 1}}
        assert send(guarded, "POST", target, {}).status == 422
        assert [send(guarded, "POST", target, body).json()["status"] for _ in range(2)] == ["accepted", "ignored"]
    finally:
        guarded.async_mock.configure(webhook_loss_ratio=0)
    assert wait_final(guarded, request_id)["result"] == {"x": 1}


@pytest.mark.parametrize("vendor, said", [("keeping", "answer"), ("keeping-callbacks", "callback")])
def test_raw_answers_are_as_the_document_says(guarded, vendor, said):
    request_id = post(guarded, vendor, {}).json()["request_id"]
    wait_final(guarded, request_id)
    target = f"/jobs/{request_id}/raw"
    assert [send(guarded, "GET", target, token=token).status for token in ("read", None, "wrong")] == [403, 401, 401]
    for method in ("GET", "HEAD"):
        answer = send(guarded, method, target, token="admin")
        assert (answer.status, answer.headers["x-vendor-said"]) == (200, said) and bool(answer.body) == (method == "GET")
        assert ("x-vendor-status" in answer.headers) == (said == "answer")
    assert send(guarded, "GET", f"/jobs/{NOBODYS}/raw", token="admin").status == 404


def test_limits_and_health_are_as_the_document_says(guarded):
    assert set(send(guarded, "GET", "/health").json()) == {"status"}
    assert "vendors" in send(guarded, "GET", "/health", token="admin").json()
    answers = [send(guarded, method, target, token="limited") for method, target in (
        ("GET", "/health"), ("GET", "/openapi.json"), ("HEAD", "/health"), ("GET", f"/jobs/{NOBODYS}"), ("GET", "/nothing"),
        ("GET", "/jobs/x"), ("GET", "/health"), ("GET", "/openapi.json"), ("HEAD", "/health"), ("GET", f"/jobs/{NOBODYS}"))]
    statuses = [answer.status for answer in answers]
    assert statuses[:6] == [200, 200, 200, 404, 404, 404] and set(statuses[6:]) == {429}, statuses
    assert all("ratelimit-remaining" in answer.headers for answer in answers if answer.status == 429)


def test_what_is_away_is_as_the_document_says(guarded):
    guarded.kill("api", "TERM")
    try:
        wait_for(lambda: send(guarded, "GET", "/health").status == 503, 10, "the pool is gone")
        assert {send(guarded, *call).status for call in (("POST", "/jobs", {}), ("GET", f"/jobs/{NOBODYS}"), ("HEAD", "/health"),
                                                         ("POST", "/vendor-webhook/callback", {}), ("GET", "/openapi.json"))} == {503}
    finally:
        guarded.start("api")
        guarded.wait_healthy()


# ---- Answers to what is made up ----

def json_values(depth=3):
    """Any JSON, of Python's words for it."""
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=depth) | st.dictionaries(st.text(max_size=8), inner, max_size=depth),
                        max_leaves=8)


def known(name):
    """Values that are not in a schema, but that the system knows, so that more than a refusal comes of it."""
    return {"VendorName": st.sampled_from(["quick", "sync", "async", "callback", "polled", "signed", "hook-token", "judged"])}.get(name)


def valid(schema):
    """What a schema of a request allows."""
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = DOCUMENT.resolve(schema)
    if "const" in schema or "enum" in schema:
        strategy = st.sampled_from(schema.get("enum") or [schema["const"]])
    elif schema.get("type") == "string" and "pattern" in schema:
        longest = schema.get("maxLength", 10000)
        strategy = st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: len(text) <= longest)
    elif schema.get("type") == "string":
        strategy = st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 40))
    elif schema.get("type") == "object":
        strategy = st.fixed_dictionaries({}, optional={name: valid(one) for name, one in schema["properties"].items()})
        strategy = st.builds(lambda named, more: {**more, **named}, strategy, st.dictionaries(st.text(max_size=8), json_values(), max_size=2))
    else:
        strategy = json_values()
    return strategy if known(name) is None else st.one_of(known(name), known(name), strategy)


def broken(text, at, byte):
    """JSON with one byte of another kind in it."""
    at %= len(text) + 1
    return text[:at] + bytes([byte]) + text[at + 1:]


def bodies(operation, meant_well):
    """(bytes or None, Content-Type or None)."""
    if operation.body_schema is None:
        return st.just((None, None)) if meant_well else st.tuples(st.none() | st.binary(max_size=20), st.none() | header_texts())
    text = valid(operation.body_schema).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if meant_well:
        return st.tuples(text, st.sampled_from(["application/json", "application/json; charset=utf-8", "application/merge-patch+json", None]))
    bad = st.one_of(
        json_values().map(lambda value: json.dumps(value).encode()), st.binary(max_size=60), st.builds(broken, text, st.integers(0), st.integers(0, 255)),
        st.dictionaries(st.sampled_from(["vendor", "payload", "vendorType", "vendor_type", "data", "request_id", "status"]), json_values(),
                        max_size=4).map(lambda value: json.dumps(value).encode()),
        st.integers(19990, 20010).map(lambda size: b'{"vendor":"quick","payload":"' + b"x" * (size - 31) + b'"}'))
    return st.tuples(bad | text, st.sampled_from(["application/json", "text/plain", ""]) | header_texts())


def header_texts():
    return st.text(st.characters(min_codepoint=0x20, max_codepoint=0xff, blacklist_categories=("Cc",)), max_size=40)


def texts_for(parameter, meant_well):
    strategy = valid(parameter["schema"])
    if parameter["in"] == "header":
        strategy = strategy.filter(lambda text: re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", text))
        return strategy if meant_well else strategy | header_texts()
    return strategy.map(str) if meant_well else strategy.map(str) | st.text(max_size=60) | st.text("./%\x00\r\n ", max_size=4)


def escape(text):
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")


@st.composite
def requests_of(draw, operation, meant_well):
    """(method, target, body, headers, token) of a call."""
    target, query, headers = operation.path, [], {}
    for parameter in operation.parameters:
        name = parameter["name"]
        if not parameter.get("required") and draw(st.booleans()):
            continue
        text = draw(texts_for(parameter, meant_well))
        if parameter["in"] == "path":
            target = target.replace("{" + name + "}", escape(text))
        elif parameter["in"] == "query":
            query += [f"{name}={escape(text)}"] * (1 if meant_well else draw(st.sampled_from([1, 1, 2])))
        else:
            headers[name] = text
    if not meant_well:
        query += draw(st.lists(st.text(max_size=10).map(escape), max_size=2))
        if draw(st.integers(0, 9)) == 0:
            headers[draw(st.sampled_from(["Content-Encoding", "Authorization", "Accept", "Range", "X-Request-ID"]))] = draw(header_texts())
    body, content_type = draw(bodies(operation, meant_well))
    if content_type is not None:
        headers["Content-Type"] = content_type
    target = draw(st.sampled_from(["", PREFIX])) + target + ("?" + "&".join(query) if query else "")
    token = draw(st.sampled_from(["admin", "admin", "submit", "read", "one-vendor", "wrong", "expired", "limited", "", None]))
    return operation.method, target, body, {name: value.encode("latin-1") for name, value in headers.items()}, token


def effort(operation):
    """How much is made up."""
    return hypothesis.settings(max_examples=EXAMPLES or FEW.get(operation.method, FEWER), derandomize=not EXAMPLES, database=None,
                               deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("meant_well", [True, False], ids=["valid", "any"])
@pytest.mark.parametrize("operation", DOCUMENT.operations, ids=lambda operation: operation.name)
def test_no_request_gets_an_answer_beyond_the_document(guarded, operation, meant_well):
    before = guarded.pids("api")

    @effort(operation)
    @hypothesis.given(requests_of(operation, meant_well))
    def hold(request):
        method, target, body, headers, token = request
        answer = send(guarded, method, target, body, headers, token)
        DOCUMENT.check(operation, answer.status, answer.headers, answer.body, request)
        assert answer.status < 500, (request, answer.status, answer.body)

    hold()
    assert guarded.pids("api") == before


@pytest.mark.parametrize("path", DOCUMENT.said["paths"])
def test_methods_that_are_not_in_the_document_are_405(guarded, path):
    documented = set(DOCUMENT.said["paths"][path])
    for method in set(openapi.METHODS) - documented:
        answer = send(guarded, method.upper(), path.replace("{", "").replace("}", ""))
        assert answer.status == 405, (method, answer.status, answer.body)
        assert {name.lower() for name in answer.headers["allow"].split(", ")} == documented & set(openapi.METHODS)
        if method != "head":
            assert not DOCUMENT.breaches({"$ref": "#/components/schemas/Problem"}, answer.json())
