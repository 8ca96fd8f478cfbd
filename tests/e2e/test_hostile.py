"""Requests that nobody means well, over the wire: each is refused as it stands in tests/corpus, nothing else happens."""

import concurrent.futures
import json
import pathlib
import subprocess
import urllib.parse

import pytest

import requests_corpus
from api import assert_complete, assert_problem
from load import Load
from memory import resident_memory
from raw_http import STATUS_LINE, Answer, address_of, exchange

JSON_FOLDER = pathlib.Path(__file__).resolve().parents[1] / "corpus/json"
THREADS = 8
DEEP = 60                        # the mock reads no deeper
WARM_ROUNDS = 2                  # buffers, caches and connections have their sizes then
ROUNDS = 4                       # in which nothing grows; without what is large, of which allocators keep more or less
LARGE_BYTES = 64 << 10
GROWTH_BYTES = 4 << 20           # of one process; a leak of 2 KiB a request would be more
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
JOB = '{"vendor":"quick","payload":'


# ---- The corpus ----

def mistakes(address, bad):
    """What is not as it should be when this request is sent: [text]."""
    try:
        answer = Answer(exchange(address, bad.bytes, closes=bad.closes), head_only=bad.head_only)
    except OSError as error:
        return [f"{bad.name}: {error!r}"]
    wrong = [] if answer.status == bad.status else [f"{answer.status}, not {bad.status}"]
    if bad.says.encode() not in answer.bytes and bad.says not in answer.detail():
        wrong.append(f"{bad.says!r} is not in the answer")
    if answer.status is not None:
        wrong += answer.mistakes()
        names = [name.lower() for name, _ in answer.headers]
        if {"x-injected", "set-cookie"} & set(names) or len(names) != len(set(names)):
            wrong.append("a header that is not ours")
    return [f"{bad.name}: {'; '.join(wrong)}: {answer.bytes[:600]!r}"] if wrong else []


def send_all(base_url, corpus):
    """Sends all, some at a time; gives what was wrong."""
    address = address_of(base_url)
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return [text for texts in pool.map(lambda bad: mistakes(address, bad), corpus) for text in texts]


def test_the_corpus_has_four_hundred_requests_and_more():
    names = [bad.name for bad in requests_corpus.load_all()]
    assert len(names) >= 400 and len(names) == len(set(names))


@pytest.mark.parametrize("file", requests_corpus.files())
def test_bad_requests_are_refused_as_the_corpus_says(stack, file):
    wrong = send_all(stack.base_url, requests_corpus.load(file))
    assert not wrong, f"{len(wrong)} requests of {file}:\n" + "\n".join(wrong)
    assert stack.sync_mock.stats()["calls"] == stack.async_mock.stats()["calls"] == 0


def processes(stack):
    """Every process of the stack that is not one of ours to start anew."""
    return {service: stack.pids(service) for service in ("lighttpd", "api", "worker-1", "redis")}


def test_bad_requests_harm_nobody_else(stack):
    """Round after round, beside clients who behave: no process ends, none grows, no job of theirs is refused or lost."""
    corpus = requests_corpus.load_all()
    small = [bad for bad in corpus if len(bad.bytes) < LARGE_BYTES]
    # Few threads, for the memory of each has its size only when each has had what is large.
    stack.restart("api", {"ASAN_OPTIONS": "quarantine_size_mb=1", "VENDORFETCH_API_THREADS": "4"})
    try:
        before = processes(stack)
        with Load(stack.api, ["sturdy"]) as load:
            wrong = send_all(stack.base_url, WARM_ROUNDS * corpus)
            memory = {pid: resident_memory(pid) for pid in before["lighttpd"] | stack.handlers()}
            wrong += send_all(stack.base_url, ROUNDS * small)
            grown = {pid: resident_memory(pid) - was for pid, was in memory.items()}
        assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:20])
        assert processes(stack) == before
        assert max(grown.values()) < GROWTH_BYTES, f"grown in {ROUNDS} rounds: {grown}"
        assert len(load.accepted) > 10 and not load.refused
        assert_complete(stack.api.wait_all(load.accepted, 30))
    finally:
        stack.restart("api")


# ---- JSON ----

def json_corpus(file):
    for line in (JSON_FOLDER / f"{file}.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [urllib.parse.unquote_to_bytes(part) for part in line.split("\t", 2)]


def refused_texts():
    return [(name, verdict, text) for file in ("invalid", "open") for name, verdict, text in json_corpus(file)
            if not verdict.startswith(b"=")]


def taken_texts():
    """With the text that comes out."""
    return [(name, verdict[2:] or text, text) for file in ("valid", "open") for name, verdict, text in json_corpus(file)
            if verdict.startswith(b"=") and text.count(b"[") < DEEP]


def test_what_is_not_json_is_refused_at_its_byte(stack):
    """As POST /jobs and as a callback, which parse it in two ways."""
    for name, verdict, text in refused_texts():
        for path in ("/jobs", "/vendor-webhook/callback"):
            problem = assert_problem(stack.api.post(path, text), 400)
            said = "byte " + verdict.split(b" at /")[0].decode()
            assert problem["detail"].split(" at /")[0].split(" (VENDORFETCH")[0] == said, (name, problem)


def test_all_json_is_taken_and_reaches_the_vendor(stack):
    texts = taken_texts()
    posted = [(name, b'{"it":' + out + b"}", stack.api.post_job(JOB.encode() + b'{"it":' + text + b"}}"))
              for name, out, text in texts]
    assert_complete(stack.api.wait_all([request_id for _, _, request_id in posted], 30))
    for name, out, request_id in posted:
        assert stack.sync_mock.calls(request_id)[0]["body"].encode() == out, name
        # What the mock saw comes back as the result, by way of the store and of json-c.
        assert b'"received":' + out in stack.api.get("/jobs/" + request_id).content, name


LIMITS = [
    pytest.param("VENDORFETCH_JSON_MAX_DEPTH", "5", "[" * 5 + "]" * 5, "[" * 4 + "]" * 4, id="depth"),
    pytest.param("VENDORFETCH_JSON_MAX_MEMBERS", "10", '{"a":[1,2,3,4],"b":1,"c":1,"d":1}', '{"a":[1,2,3,4],"b":1,"c":1}', id="members"),
    pytest.param("VENDORFETCH_JSON_MAX_STRING_BYTES", "20", '"' + "é" * 10 + 'x"', '"' + "é" * 10 + '"', id="string"),
    pytest.param("VENDORFETCH_JSON_MAX_STRING_BYTES", "20", "1" * 21, "1" * 20, id="number"),
]


def test_what_is_too_much_names_limit_and_setting(stack):
    settings = {"VENDORFETCH_JSON_MAX_DEPTH": "5", "VENDORFETCH_JSON_MAX_MEMBERS": "10",
                "VENDORFETCH_JSON_MAX_STRING_BYTES": "20", "VENDORFETCH_MAX_BODY_BYTES": "2000"}
    stack.restart("api", settings)
    try:
        for param in LIMITS:
            setting, limit, too_much, enough = param.values
            problem = assert_problem(stack.api.post("/jobs", JOB + too_much + "}"), 400, setting)
            assert f" {limit} " in problem["detail"].replace("(", " "), problem
            assert problem["errors"][0]["pointer"].startswith("/payload"), problem
            stack.api.wait(stack.api.post_job(JOB + enough + "}"), status="complete")
            assert_problem(stack.api.post("/vendor-webhook/callback", JOB + too_much + "}"), 400, setting)
        assert_problem(stack.api.post("/jobs", " " * 2001), 413, "VENDORFETCH_MAX_BODY_BYTES")
    finally:
        stack.restart("api")


# ---- HTTP in its other forms: the same answers ----

def test_chunked_and_http_1_0_are_as_good_as_any(stack):
    address, body = address_of(stack.base_url), JOB.encode() + b"1}"
    json_type = b"Content-Type: application/json\r\n"
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\nX-Trailer: 1\r\n\r\n"
    good = [b"POST /jobs HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" + json_type + b"\r\n" + chunks,
            b"POST /jobs HTTP/1.0\r\nContent-Length: %d\r\n" % len(body) + json_type + b"\r\n" + body,
            b"POST http://h/jobs HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
            b"POST /%%6aob%%73? HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
            b"POST /jobs HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body) + body]
    for request in good:
        answer = Answer(exchange(address, request))
        assert answer.status == 202, (request, answer.bytes)
        stack.api.wait(json.loads(answer.body)["request_id"], status="complete")


def test_a_body_where_none_is_asked_for_means_nothing(stack):
    """And the next request of the connection is found behind it."""
    inside = b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"
    for method, status in ((b"GET", b"200"), (b"HEAD", b"200"), (b"OPTIONS", b"204"), (b"DELETE", b"405")):
        for head, body in ((b"Content-Length: %d" % len(inside), inside),
                           (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(inside), inside))):
            request = method + b" /health HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n\r\n" + body
            came = exchange(address_of(stack.base_url), request + b"GET /jobs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert STATUS_LINE.findall(came) == [status, b"405"], (request, came)


def test_options_says_what_a_path_answers_to(stack):
    for path, allowed in (("/jobs", "POST, OPTIONS"), ("/jobs/x", "GET, HEAD, OPTIONS"), ("/health", "GET, HEAD, OPTIONS"),
                          ("/vendor-webhook/nobody", "POST, OPTIONS")):
        answer = Answer(exchange(address_of(stack.base_url), f"OPTIONS {path} HTTP/1.0\r\n\r\n".encode()))
        assert (answer.status, answer.header("allow"), answer.body) == (204, allowed, b""), answer.bytes
    assert Answer(exchange(address_of(stack.base_url), b"OPTIONS * HTTP/1.0\r\n\r\n")).status == 200


def test_a_pipeline_is_answered_in_its_order(stack):
    url = urllib.parse.urlsplit(stack.base_url)
    request = f"GET /jobs/%s HTTP/1.1\r\nHost: {url.netloc}\r\n%s\r\n"
    paths = [UNKNOWN_ID, "%zz", UNKNOWN_ID, "x"]
    came = exchange(address_of(stack.base_url), "".join(
        request % (path, "Connection: close\r\n" if path == "x" else "") for path in paths).encode())
    assert STATUS_LINE.findall(came) == [b"404", b"400", b"404", b"404"], came


H2 = [("GET", "/health", None, 200), ("GET", "/jobs/x", None, 404), ("GET", "/nothing", None, 404), ("PUT", "/jobs", "{}", 405),
      ("POST", "/jobs", "{", 400), ("POST", "/jobs", "[]", 422), ("POST", "/jobs", '{"vendor":"nobody"}', 422), ("GET", "//jobs", None, 400),
      ("BREW", "/jobs", None, 405), ("PROPFIND", "/jobs", None, 405), ("GET", "/jobs", "{}", 405), ("GET", "/health", "{}", 200)]


def test_http_2_gets_the_same_answers(stack):
    """Without TLS, with prior knowledge, as a proxy may speak it."""
    for method, path, body, status in H2:
        data = [] if body is None else ["-H", "Content-Type: application/json", "-d", body]
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--path-as-is", "-X", method, "-w", "\n%{http_version} %{http_code}", *data,
                               stack.base_url + path], capture_output=True, text=True, timeout=20, check=True)
        text, _, said = done.stdout.rpartition("\n")
        assert said == f"2 {status}", (method, path, done.stdout)
        assert json.loads(text)["status"] in (status, "ok"), text
