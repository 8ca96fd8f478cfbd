"""Where secrets could be seen, and are not: core dumps, and all that the system writes, answers and shows while it is used, fails
and is asked for debugging. Each kind of secret is a word that is found nowhere else."""

import base64
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import urllib.parse

import pytest

from api import assert_problem
from cli import vendorfetch
from stack import QUICK_SETTINGS, Stack, program
from test_access import bearer, client
from tls_vendor import TlsVendor, make_certificate
from vendor_files import NO_BREAKER, SYNC_URL, as_files, async_vendor, sync_vendor, with_request
from waiting import wait_for
from written import all_written

SOFT_CORE_BYTES = 1 << 20
VENDOR = {"name": "v", "mode": "sync", "request": {"url": "http://127.0.0.1:1/"}}


def core_limit(pid):
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    return next(line.split()[4] for line in lines if line.startswith("Max core file size"))


@pytest.fixture(name="start")
def start_fixture(tmp_path):
    """Starts a program of ours that waits for something: the worker for its store, the command for its payload."""
    started = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "api.sock"))
    listening.listen()
    (tmp_path / "vendors.d").mkdir()
    (tmp_path / "vendors.d" / "v.json").write_text(json.dumps(VENDOR))
    (tmp_path / "settings.conf").touch()

    def start(name, **settings):
        arguments = ["vendor", "test", "v", "--payload", "-"] if name == "vendorfetch" else []
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0"
        environment = {**os.environ, "ASAN_OPTIONS": sanitizer, "STORE_URI": "mongodb://127.0.0.1:1/x",
                       "REDIS_URL": "redis://127.0.0.1:1", "VENDORFETCH_VENDORS_DIR": str(tmp_path / "vendors.d"), **settings}
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        soft = SOFT_CORE_BYTES if hard == resource.RLIM_INFINITY else min(SOFT_CORE_BYTES, hard)
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [program(name), *arguments, "--config", str(tmp_path / "settings.conf")], cwd=tmp_path, env=environment,
                stdin=listening if name == "vendorfetch.fcgi" else subprocess.PIPE, stdout=log, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (soft, hard)))
        started.append(process)
        return process, lambda: (tmp_path / "log").read_text(errors="replace")

    yield start
    for process in started:
        process.kill()
        process.wait()
    listening.close()


def dies(process):
    """Did it leave a core dump?"""
    os.kill(process.pid, signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGABRT
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


@pytest.mark.only("sqlite")
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["vendorfetch.fcgi", "vendorfetch-worker", "vendorfetch"])
def test_no_program_leaves_a_core_dump(start, name):
    process, _ = start(name)
    wait_for(lambda: core_limit(process.pid) == "0", 20, f"{name} allows no core dumps")
    if name != "vendorfetch.fcgi":   # it blocks the signal
        assert not dies(process)


@pytest.mark.only("sqlite")
@pytest.mark.usefixtures("store")
def test_a_setting_allows_core_dumps_and_the_log_says_so(start):
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no core dumps are allowed here at all")
    process, log = start("vendorfetch-worker", VENDORFETCH_CORE_DUMPS="1")
    wait_for(lambda: "core dumps are allowed" in log(), 20, "the log says that there may be core dumps")
    assert core_limit(process.pid) != "0" and dies(process)
    assert log().count("core dumps") == 1


# ---- Words that are nowhere ----

KINDS = ("bearer", "basic", "header", "query", "hmac", "oauth2", "file", "url", "extra", "hook", "hook-hmac", "literal")
WORDS = {kind: f"hush-{kind}&f00d/+" for kind in KINDS}
API_TOKEN, OTHER_TOKEN, REDIS_PASSWORD = "hush-api-token-f00d", "hush-other-token-f00d", "hush-redis-f00d"


def env(kind):
    return "${env:HUSH_" + kind.upper().replace("-", "_") + "}"


def vendors_of(file, tls_port):
    """Names of those that are called, names of those that cannot be or call back, and all of them."""
    def one(name, auth, **request):
        vendor = sync_vendor(name, max_attempts=1, timeout_ms=1000, breaker=NO_BREAKER, **({"auth": auth} if auth else {}))
        return with_request(vendor, **request)

    user = urllib.parse.quote(WORDS["url"], safe="")
    oauth2 = {"type": "oauth2", "token_url": SYNC_URL + "/token", "client_id": "c", "client_secret": env("oauth2")}
    sent = [one("by-bearer", {"type": "bearer", "token": env("bearer")}),
            one("by-basic", {"type": "basic", "user": "xx", "password": env("basic")}),
            one("by-header", {"type": "api_key", "name": "X-Key", "value": env("header")}),
            one("by-query", {"type": "api_key", "in": "query", "name": "key", "value": env("query")}),
            one("by-hmac", {"type": "hmac", "name": "X-Sig", "secret": env("hmac")}),
            one("by-token", oauth2), one("by-token-in-body", {**oauth2, "client_auth": "body"}),
            one("by-file", {"type": "bearer", "token": "${file:" + str(file) + "}"}),
            one("by-literal", {"type": "bearer", "token": WORDS["literal"]}),
            one("by-extra", None, headers={"X-Extra": env("extra")})]
    others = [one("by-url", None, url=f"http://xx:{user}@127.0.0.1:1/"), one("no-name", None, url=f"http://xx:{user}@no.invalid/"),
              one("no-tls", {"type": "bearer", "token": env("bearer")}, url=f"https://xx:{user}@localhost:{tls_port}/"),
              async_vendor("by-address", callback={"auth": {"type": "token"}}),
              async_vendor("hooked", callback={"auth": {"type": "bearer", "secrets": [env("hook")]}}),
              async_vendor("hooked-hmac", callback={"auth": {"type": "hmac", "name": "X-Sig", "secrets": [env("hook-hmac")]}})]
    return [vendor["name"] for vendor in sent], [vendor["name"] for vendor in others], sent + others


def shapes(word):
    """As it is, percent-encoded, in JSON, and in base64 behind 0 to 2 bytes."""
    yield from {word, urllib.parse.quote(word, safe=""), urllib.parse.quote_plus(word), word.replace("/", "\\/")}
    for before in range(3):
        yield base64.b64encode(b"x" * before + word.encode()).decode()[4 if before else 0:-4]


class Told:
    """All that anybody was told: {place: bytes}."""

    def __init__(self):
        self.places = {}

    def add(self, place, text):
        name = f"{place} {len(self.places)}"
        self.places[name] = text if isinstance(text, bytes) else text.encode(errors="replace")

    def answer(self, response):
        path = response.request.path_url.split("?")[0]
        self.add(f"{response.request.method} {path}", f"{response.status_code} {response.headers} {response.text}")
        return response

    def has(self, place, text):
        return any(place in name and text in said for name, said in self.places.items())

    def assert_nowhere(self, word):
        for shape in shapes(word):
            found = [place for place, text in self.places.items() if shape.encode() in text]
            assert not found, f"{shape} of {word} is in {found}"


@pytest.fixture(scope="module", name="hushed")
def make_hushed(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hushed")
    (folder / "word").write_text(WORDS["file"] + "\n")
    (folder / "clients.json").write_text(json.dumps({"clients": [client(API_TOKEN, "admin")]}).replace(f'"{API_TOKEN}"', '"admin"'))
    settings = {**QUICK_SETTINGS, "LOG_LEVEL": "debug", "VENDORFETCH_TOKENS": str(folder / "clients.json"),
                "STACK_REDIS_PASSWORD": REDIS_PASSWORD, **{env(kind)[6:-1]: word for kind, word in WORDS.items()}}
    server = TlsVendor(make_certificate(folder, "unknown"))
    sent, others, vendors = vendors_of(folder / "word", server.server_port)
    stack = Stack(store, as_files(vendors), settings=settings)
    yield stack, settings, sent, others
    stack.down()
    server.stop()


def jobs_end(stack, told, vendors):
    token = bearer(API_TOKEN)
    posts = [stack.api.post("/jobs", {"vendor": name, "payload": {"n": 1}}, token) for name in vendors]
    ids = [told.answer(response).json()["request_id"] for response in posts]

    def have_ended():
        return all(stack.api.get(f"/jobs/{job}", token).json()["status"] in ("complete", "failed") for job in ids)

    wait_for(have_ended, 30, "the jobs end")
    return [told.answer(stack.api.get(f"/jobs/{job}", token)).json() for job in ids]


def fail_in_all_ways(stack, told, vendors):
    ways = [{"fail_ratio": 1, "fail_status": 401}, {"hang_ratio": 1}, {"reset_ratio": 1}, {"garbage_ratio": 1},
            {"token_fail_status": 401, "fail_ratio": 1, "fail_status": 500}]
    for way in ways:
        stack.sync_mock.fresh()
        stack.sync_mock.configure(**way)
        assert {job["status"] for job in jobs_end(stack, told, vendors)} == {"failed"}
        told.answer(stack.api.get("/health", bearer(API_TOKEN)))
    stack.sync_mock.fresh()


def call_back_wrongly(stack, told):
    for word in (WORDS["hook"], WORDS["hook-hmac"], OTHER_TOKEN):
        for vendor in ("hooked", "hooked-hmac", "by-bearer", word):
            path = f"/vendor-webhook/{urllib.parse.quote(vendor, safe='')}"
            headers = {"Authorization": "Bearer " + word, "X-Sig": "0" * 64}
            told.answer(stack.api.post(path, {"request_id": "x", "data": 1}, headers))
        assert_problem(told.answer(stack.api.get("/jobs/x", bearer(word))), 401)


def call_back_by_token(stack, told):
    """The token of a job, which its vendor got in an address."""
    job, = jobs_end(stack, told, ["by-address"])
    address = stack.async_mock.calls(job["request_id"])[0]["headers"]["x-callback-url"].removeprefix(stack.base_url)
    for end in ("", "0"):
        told.answer(stack.api.post(address + end, {"data": 1}))
    return urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["token"][0]


def read_bad_files(stack, told, config):
    """Mistakes right beside secrets that are written in the file itself."""
    word = WORDS["literal"]
    bad = [{"auth": {"type": "bearer", "token": word, "tokem": word}}, {"auth": {"type": "bearer", "token": word + "\n"}},
           {"auth": {"type": "hmac", "name": "X", "secret": word, "secret_encoding": "hex"}}, {"auth": {"type": word}},
           {"auth": {"type": "basic", "user": word + ":", "password": word}},
           {"callback": {"auth": {"type": "standard_webhooks", "secrets": ["whsec_" + word]}}, "mode": "async"},
           {"auth": {"type": "oauth2", "token_url": "https://x:" + word + "@h/#", "client_id": "x", "client_secret": word}}]
    for members in bad:
        (stack.vendors / "bad.json").write_text(json.dumps({**sync_vendor("bad"), **members}))
        show(told, "lint", stack.vendors, config=config)
        for pid in stack.handlers() | stack.pids("worker-1"):
            os.kill(pid, signal.SIGHUP)
    wait_for(lambda: stack.log("worker-1").count("bad.json") >= 1, 20, "the worker says what is bad")
    (stack.vendors / "bad.json").unlink()


def show(told, *arguments, config, more=None):
    done = vendorfetch("vendor", *arguments, "--config", config, env=more)
    told.add("vendorfetch vendor " + " ".join(map(str, arguments)), done.stdout + done.stderr)


def command_lines(stack, told):
    for pid in stack.pids(""):
        told.add("cmdline", pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())


def test_no_secret_is_in_logs_answers_ps_or_what_the_command_shows(hushed):
    stack, settings, sent, others = hushed
    told, config = Told(), stack.folder / "vendorfetch.conf"
    stack.sync_mock.configure(token_client="c:" + WORDS["oauth2"])
    done = jobs_end(stack, told, sent)
    assert {job["status"] for job in done} == {"complete"}
    assert stack.sync_mock.calls(done[0]["request_id"])[0]["headers"]["authorization"] == "Bearer " + WORDS["bearer"]
    fail_in_all_ways(stack, told, sent)
    assert {job["status"] for job in jobs_end(stack, told, ["by-url", "no-name", "no-tls"])} == {"failed"}
    call_back_wrongly(stack, told)
    callback_token = call_back_by_token(stack, told)
    for name in sent + others:
        show(told, "test", name, config=config, more=settings)
        show(told, "show", name, config=config, more=settings)
    read_bad_files(stack, told, config)
    command_lines(stack, told)
    stack.kill("redis")
    told.answer(stack.api.get("/health", bearer(API_TOKEN)))
    stack.start("redis")
    stack.restart("worker-1")
    jobs_end(stack, told, ["by-bearer"])
    told.answer(stack.api.get("/openapi.json"))
    for place, text in all_written(stack).items():
        if not isinstance(place, pathlib.Path) or place.parent.name not in (stack.folder.name, "run"):   # the settings themselves
            told.add(place, text)
    assert told.has("vendorfetch vendor test by-bearer", b"Bearer ***") and told.has("worker-1.log", b"ready vendors=")
    for word in [*WORDS.values(), API_TOKEN, OTHER_TOKEN, REDIS_PASSWORD, "mock-token-", callback_token]:
        told.assert_nowhere(word)
