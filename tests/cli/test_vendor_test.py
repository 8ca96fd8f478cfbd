"""vendorfetch vendor test: one real call, what came back, and what the worker would make of it, without any secret."""
import base64
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from cli import vendor, vendorfetch, write

SECRET = "s3cret/&token+=x"
SUCCESS, NOTHING_CALLED, USAGE, FAIL, RETRY, NO_DATA = 0, 1, 2, 3, 4, 5


class Vendor:
    """Answers what it is told to, in turn (the last one again and again), and keeps what it was asked."""

    def __init__(self, tls=None):
        self.asked, self.answers = [], [(200, {}, b'{"data":{"n":1}}')]
        self.late = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                owner.asked.append((self.command, self.path, self.headers, body))
                answer = owner.answers.pop(0) if len(owner.answers) > 1 else owner.answers[0]
                if callable(answer):
                    answer = answer(self, body)
                if answer is None:  # nobody answers
                    owner.late.wait(20)
                    self.close_connection = True
                    return
                status, headers, text = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, status=200, body=None, headers=None):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers = [(status, headers or {}, text)]

    def close(self):
        self.late.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server():
    server = Vendor()
    yield server
    server.close()


def run(folder, members, *arguments, env=None):
    """vendor test of one vendor "v" that is installed in a folder of its own."""
    write(folder, "v.json", {**vendor("v"), "response": {"result": "/data"}, **members})
    return vendorfetch("vendor", "test", "v", "--vendors-dir", folder, *arguments, env={"TOKEN": SECRET, **(env or {})})


def field(done, name):
    lines = [line for line in done.stdout.splitlines() if line.startswith(name + ": ")]
    assert lines, f"no {name} in: {done.stdout}{done.stderr}"
    return lines[-1][len(name) + 2:]


def test_request_answer_verdict_and_cleaned_result_are_shown(tmp_path, server):
    server.answer(body={"data": {"name": " Ann ", "ssn": "123", "id": 12345678901234567890}}, headers={"X-Trace": "t1"})
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/people/${{payload:/id}}", "query": {"lang": "${payload:/lang|en}"},
                                      "headers": {"X-Ref": "${job:request_id}"}, "body": {"id": "${payload:/id}"}},
                          "response": {"result": "/data", "trim_strings": True, "remove": ["/ssn"]}},
               "--payload", '{"id": 12345678901234567890}')
    assert done.returncode == SUCCESS, done.stderr
    method, path, headers, body = server.asked[0]
    assert (method, path, body) == ("POST", "/people/12345678901234567890?lang=en", b'{"id":12345678901234567890}')
    for line in (f"> POST http://{server.host}{path}", f"> X-Ref: {headers['X-Ref']}", "> Content-Type: application/json",
                 body.decode(), "< HTTP/1.1 200 OK", "< X-Trace: t1", "answer: answered 200", "mode: sync"):
        assert line in done.stdout.splitlines(), done.stdout
    assert field(done, "verdict").startswith("success")
    assert field(done, "times").startswith("name ")
    assert json.loads(field(done, "result")) == {"name": "Ann", "id": 12345678901234567890}
    assert '"ssn": "123"' in done.stdout  # the answer is shown as it came
    assert "counts against the limits at the vendor" in done.stderr


@pytest.mark.parametrize("how", ["argument", "file", "standard-input", "equals"])
def test_where_the_payload_comes_from(tmp_path, server, how):
    path = write(tmp_path, "payload.txt", '{ "a" : [1.50, "é"] }\n')
    given = {"argument": ["--payload", path.read_text()], "file": ["--payload", f"@{path}"],
             "equals": ["--payload=" + path.read_text()], "standard-input": ["--payload", "-"]}[how]
    write(tmp_path, "v.json", {**vendor("v", request={"url": f"http://{server.host}/"}), "response": {"result": "/data"}})
    done = vendorfetch("vendor", "test", "v", "--vendors-dir", tmp_path, *given, stdin=path)
    assert done.returncode == SUCCESS, done.stderr
    assert server.asked[0][3].decode() == '{"a":[1.50,"é"]}'


BAD_PAYLOADS = [
    pytest.param("{", "--payload: ", id="not-json"),
    pytest.param('{"a": 1, "a": 2}', "--payload: ", id="member-twice"),
    pytest.param("@/no/such/file", "cannot open /no/such/file", id="no-file"),
]


@pytest.mark.parametrize("payload,said", BAD_PAYLOADS)
def test_a_bad_payload_calls_nobody(tmp_path, server, payload, said):
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/"}}, "--payload", payload)
    assert (done.returncode, done.stdout) == (NOTHING_CALLED, "") and said in done.stderr
    assert not server.asked


def test_a_payload_that_does_not_fit_fails_as_its_job_would(tmp_path, server):
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/${{payload:/id}}"}}, "--payload", "{}")
    assert done.returncode == FAIL and not server.asked
    assert field(done, "error") == "the request cannot be made: its URL: /id of the payload is not there"


# Each: how the file has the secret, and what may be seen of it.
SECRETS = [
    pytest.param({"auth": {"type": "bearer", "token": "${env:TOKEN}"}}, id="bearer"),
    pytest.param({"auth": {"type": "bearer", "token": SECRET}}, id="bearer-as-it-is"),
    pytest.param({"auth": {"type": "basic", "user": "u", "password": "${env:TOKEN}"}}, id="basic"),
    pytest.param({"auth": {"type": "api_key", "in": "query", "name": "k", "value": "${env:TOKEN}"}}, id="query"),
    pytest.param({"auth": {"type": "api_key", "name": "X-K", "value": "${file:%s/secret}"}}, id="file"),
    pytest.param({"auth": {"type": "hmac", "name": "X-S", "secret": "${env:TOKEN}"}}, id="hmac"),
    pytest.param({"request": {"url": "http://%s/${env:TOKEN}"}}, id="path"),
    pytest.param({"request": {"body": {"deep": ["${env:TOKEN}"], "all": "${payload:/a}"}}}, id="body"),
    pytest.param({"request": {"body": {"t": "${env:TOKEN}"}, "body_format": "form"}}, id="form"),
    pytest.param({"request": {"headers": {"X-Api-Key": SECRET}}}, id="header-by-name"),
]


@pytest.mark.parametrize("members", SECRETS)
def test_no_secret_is_shown_wherever_the_vendor_echoes_it(tmp_path, server, members):
    """The vendor says all that it was sent, twice: as it came, and as JSON; and the secret itself."""
    def echo(handler, body):
        said = {"line": handler.path, "headers": dict(handler.headers), "body": body.decode(), "secret": SECRET}
        return 200, {"X-Echo": handler.path, "Set-Cookie": "session=abcdef"}, json.dumps({"data": said}).encode()

    (tmp_path / "secret").write_text(SECRET + "\n")
    server.answers = [echo]
    text = json.dumps(members).replace("%s/secret", f"{tmp_path}/secret").replace("http://%s/", f"http://{server.host}/")
    members = json.loads(text)
    members["request"] = {"url": f"http://{server.host}/", **members.get("request", {})}
    done = run(tmp_path, members, "--payload", '{"a": 1}')
    assert done.returncode == SUCCESS, done.stdout + done.stderr
    assert len(server.asked) == 1 and "***" in done.stdout
    for shape in ("s3cret", "token+", "abcdef", base64.b64encode(SECRET.encode()).decode()[:12],
                  base64.b64encode(f"u:{SECRET}".encode()).decode()[:12]):
        assert shape not in done.stdout + done.stderr, done.stdout


def test_dry_run_shows_the_request_and_calls_nobody(tmp_path, server):
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/x"}, "auth": {"type": "bearer", "token": "${env:TOKEN}"}},
               "--dry-run", "--payload", '{"a":1}')
    assert (done.returncode, done.stderr) == (SUCCESS, "")
    assert f"> POST http://{server.host}/x" in done.stdout and "> Authorization: Bearer ***" in done.stdout
    assert '{"a":1}' in done.stdout and not server.asked


VERDICTS = [
    pytest.param(200, {"data": 1}, {}, SUCCESS, "success: ", id="success"),
    pytest.param(200, {"status": "error", "message": "no such person"}, {}, FAIL, "fail: ", id="verdict-fail"),
    pytest.param(200, {"status": "busy"}, {}, RETRY, "retry: ", id="verdict-retry"),
    pytest.param(404, {}, {}, NO_DATA, "no_data: ", id="no-data"),
    pytest.param(400, {"message": "no"}, {}, FAIL, "fail: ", id="400"),
    pytest.param(503, {}, {}, RETRY, "retry: ", id="503"),
    pytest.param(429, {}, {"Retry-After": "30"}, RETRY, "retry: ", id="429"),
    pytest.param(302, {}, {"Location": "/elsewhere"}, FAIL, "fail: ", id="no-redirects"),
    pytest.param(200, b"<html>", {}, FAIL, "fail: ", id="no-json"),
]


@pytest.mark.parametrize("status,body,headers,exit_status,verdict", VERDICTS)
def test_what_the_worker_would_make_of_it(tmp_path, server, status, body, headers, exit_status, verdict):
    server.answer(status, body, headers)
    rules = [{"where": "/status", "equals": "error", "verdict": "fail"}, {"where": "/status", "equals": "busy", "verdict": "retry"},
             {"statuses": [404], "verdict": "no_data"}]
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/"},
                          "response": {"result": "/data", "error": "/message", "verdicts": rules, "no_data_result": {"found": False}}})
    assert done.returncode == exit_status, done.stdout + done.stderr
    assert field(done, "verdict").startswith(verdict) and len(server.asked) == 1
    if exit_status == NO_DATA:
        assert json.loads(field(done, "result")) == {"found": False}
    if status == 429:
        assert field(done, "hold").startswith("no job of this vendor would be called for 30")
    if exit_status == FAIL and body not in ({}, b"<html>"):
        assert body["message"] in field(done, "error")


def test_an_async_vendor_s_acknowledgement_and_its_own_id(tmp_path, server):
    server.answer(202, {"ticket": "T-17"})
    done = run(tmp_path, {"mode": "async", "request": {"url": f"http://{server.host}/", "headers": {"X-Back": "${job:callback_url}"}},
                          "response": {"job_id": "/ticket"}}, "--api-base-url", "http://here.example")
    assert done.returncode == SUCCESS
    assert field(done, "mode") == "async" and "callback" in field(done, "verdict")
    assert field(done, "vendor's job id") == "T-17"
    assert server.asked[0][2]["X-Back"].startswith("http://here.example/vendor-webhook/v?id=")


def polled(server):
    return {"mode": "poll", "request": {"url": f"http://{server.host}/submit"},
            "response": {"job_id": "/id", "trim_strings": True},
            "poll": {"url": f"http://{server.host}/status/${{job:vendor_job_id}}", "done_values": ["done"], "result": "/data",
                     "interval_seconds": 0.1, "max_interval_seconds": 0.1}}


def test_a_vendor_that_is_polled_has_accepted_the_job(tmp_path, server):
    server.answer(202, {"id": "J1"})
    done = run(tmp_path, polled(server))
    assert done.returncode == SUCCESS and field(done, "verdict").startswith("success: the vendor has accepted the job")
    assert field(done, "vendor's job id") == "J1" and len(server.asked) == 1


def test_poll_asks_until_it_is_done(tmp_path, server):
    server.answers = [(202, {}, b'{"id":"J1"}'), (200, {}, b'{"status":"working"}'),
                      (200, {}, b'{"status":"done","data":{"name":" Ann "}}')]
    done = run(tmp_path, polled(server), "--poll")
    assert done.returncode == SUCCESS, done.stdout + done.stderr
    assert [(ask[0], ask[1]) for ask in server.asked] == [("POST", "/submit"), ("GET", "/status/J1"), ("GET", "/status/J1")]
    assert "verdict: success: the vendor is at work" in done.stdout
    assert json.loads(field(done, "result")) == {"name": "Ann"}


def test_poll_is_for_vendors_that_are_polled(tmp_path, server):
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/"}}, "--poll")
    assert done.returncode == NOTHING_CALLED and not server.asked and "mode is not poll" in done.stderr


def test_a_vendor_that_does_not_answer_in_time(tmp_path, server):
    server.answers = [None]
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/", "timeout_ms": 200}})
    assert done.returncode == RETRY
    assert field(done, "answer").startswith("no answer in time") and "did not answer in time" in field(done, "error")


def test_nobody_is_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = run(tmp_path, {"request": {"url": f"http://127.0.0.1:{port}/"}})
    assert done.returncode == RETRY and field(done, "answer").startswith("no connection: ")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"],
                   check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server = Vendor(tls)
    try:
        done = run(tmp_path, {"request": {"url": f"https://{server.host}/"}})
    finally:
        server.close()
    assert done.returncode == RETRY and not server.asked
    assert "certificate" in field(done, "answer").lower()


def test_a_file_that_is_not_installed(tmp_path, server):
    path = write(tmp_path, "new.txt", {**vendor("new", request={"url": f"http://{server.host}/"}), "response": {"result": "/data"}})
    for arguments in (["--file", path], ["new", "--file", path], [f"--file={path}", "--vendors-dir", "/no/such/folder"]):
        done = vendorfetch("vendor", "test", *arguments)
        assert done.returncode == SUCCESS, done.stderr
    done = vendorfetch("vendor", "test", "other", "--file", path)
    assert (done.returncode, done.stdout) == (NOTHING_CALLED, "") and "other" in done.stderr


def test_a_bad_file_is_said_with_its_lines_and_others_are_no_hindrance(tmp_path, server):
    write(tmp_path, "bad.json", vendor("bad", retry=1))
    write(tmp_path, "lacks.json", vendor("lacks", request={"url": "${env:NO_SUCH}"}))
    assert run(tmp_path, {"request": {"url": f"http://{server.host}/"}}).returncode == SUCCESS
    done = vendorfetch("vendor", "test", "bad", "--vendors-dir", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (NOTHING_CALLED, "", f"{tmp_path}/bad.json:7:3: retry: must be an object\n")
    done = vendorfetch("vendor", "test", "lacks", "--vendors-dir", tmp_path)
    assert done.returncode == NOTHING_CALLED and "NO_SUCH is not set" in done.stderr


WRONG_CALLS = [
    pytest.param([], "needs the NAME of a vendor, or --file", id="nothing"),
    pytest.param(["v", "--payload"], "usage: vendorfetch vendor test ", id="no-value"),
    pytest.param(["v", "w"], "usage: vendorfetch vendor test ", id="two-names"),
]


@pytest.mark.parametrize("arguments,said", WRONG_CALLS)
def test_it_says_how_it_is_called(arguments, said):
    done = vendorfetch("vendor", "test", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "") and said in done.stderr


def test_nothing_that_a_terminal_would_obey_is_printed(tmp_path, server):
    server.answer(body=b'{"data":"\\u001b[2J"}\x1b[2J\x07', headers={"X-Bell": "a\x07b"})
    done = run(tmp_path, {"request": {"url": f"http://{server.host}/"}})
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout and "\\x1b[2J" in done.stdout


def test_nothing_that_is_no_utf8_or_turns_text_around_is_printed(tmp_path, server):
    server.answer(body='{"data":"caf\u00e9 \u009b2J\u202eevil\u2028"}'.encode())
    members = {"request": {"url": f"http://{server.host}/"}}
    done = run(tmp_path, members)
    assert not set("\u009b\u202e\u2028") & set(done.stdout)
    assert "caf\u00e9 \\xc2\\x9b2J\\xe2\\x80\\xaeevil\\xe2\\x80\\xa8" in done.stdout
    server.answer(body=b"\xc0\x8a\xff")
    assert "\\xc0\\x8a\\xff" in run(tmp_path, members).stdout
