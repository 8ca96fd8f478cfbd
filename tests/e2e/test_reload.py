"""vendorfetch reload: other vendors, and other rules of theirs, while jobs are under way. None is lost, none is called twice."""

import contextlib
import json
import os
import signal
import subprocess

import stack as stack_module
from api import assert_complete, assert_problem
from load import Load
from vendor_files import async_vendor, sync_vendor, with_request
from waiting import wait_for

END_SECONDS = 60
IN_FORCE = "vendor files were read again, they are in force"
REFUSED = "vendor files are bad, those that were read before stay in force"


def processes(stack):
    """Handlers and workers: pid -> the log that it writes to."""
    found = {pid: "api" for pid in stack.handlers()}
    for slot in range(1, stack.workers + 1):
        found.update({pid: f"worker-{slot}" for pid in stack.pids(f"worker-{slot}")})
    return found


def count_said(stack, pid, service, words):
    return sum(f"[{pid}] {words}" in line for line in stack.log(service).splitlines())


def command(stack):
    """vendorfetch reload, as an operator runs it."""
    return subprocess.run([stack_module.program("vendorfetch"), "reload", "--config", stack.folder / "vendorfetch.conf"],
                          capture_output=True, text=True, timeout=60, check=False)


def expect_of_all(stack, words, act):
    """Every process says so once more after act()."""
    before = {pid: (service, count_said(stack, pid, service, words)) for pid, service in processes(stack).items()}
    act()
    for pid, (service, count) in before.items():
        wait_for(lambda pid=pid, service=service, count=count: count_said(stack, pid, service, words) > count, 20,
                 f"process {pid} says: {words}")


def reload(stack):
    def act():
        done = command(stack)
        assert done.returncode == 0, done.stdout + done.stderr

    expect_of_all(stack, IN_FORCE, act)


@contextlib.contextmanager
def vendor_files(stack, *vendors):
    """Vendors that are there for a while; gives a function that writes them anew and reloads."""
    written = set()

    def put(*now, removed=()):
        for vendor in now:
            path = stack.vendors / f"reload-{vendor['name']}.json"
            path.write_text(json.dumps(vendor))
            written.add(path)
        for name in removed:
            (stack.vendors / f"reload-{name}.json").unlink()
        reload(stack)

    try:
        put(*vendors)
        yield put
    finally:
        for path in written:
            path.unlink(missing_ok=True)
        reload(stack)


def lines_asked(stack, request_id):
    return [call["request"] for call in stack.sync_mock.calls(request_id)]


def at_version(vendor, version):
    return with_request(vendor, url=vendor["request"]["url"] + f"?version={version}")


def test_vendors_change_come_and_go_under_load(stack):
    changing, passing = sync_vendor("changing"), sync_vendor("passing-by")
    with vendor_files(stack, at_version(changing, 0), passing) as put:
        with Load(stack.api, ["quick", "changing"]) as load:
            for version in range(1, 6):
                load.wait_more(20)
                put(at_version(changing, version), sync_vendor(f"new-{version}"),
                    removed=[f"new-{version - 1}"] if version > 1 else [])
                job = stack.api.wait(stack.api.submit(f"new-{version}"), status="complete")
                assert len(lines_asked(stack, job["request_id"])) == 1
            load.wait_more(20)
        assert not load.refused
        assert_complete(stack.api.wait_all(load.accepted, END_SECONDS))
        for request_id in load.accepted:
            assert len(lines_asked(stack, request_id)) == 1, request_id
        request_id = stack.api.submit("changing")
        stack.api.wait(request_id, status="complete")
        assert "version=5" in lines_asked(stack, request_id)[0]
        assert_problem(stack.api.post("/jobs", {"vendor": "new-4", "payload": {}}), 422, "new-4")


def test_jobs_of_a_vendor_that_goes_wait_until_it_is_back(stack):
    # One call at a time, so that most of the jobs are in the queue when it goes, and one is with the vendor.
    leaving = sync_vendor("leaving", max_in_flight=1)
    stack.sync_mock.configure(latency_ms=300)
    with vendor_files(stack, leaving) as put:
        ids = stack.api.submit_many("leaving", 6)
        stack.sync_mock.wait_calls(1)
        put(removed=["leaving"])
        stack.sync_mock.configure(latency_ms=0)
        assert_problem(stack.api.post("/jobs", {"vendor": "leaving", "payload": {}}), 422, "leaving")
        stack.api.wait(stack.api.submit("quick"), status="complete")
        assert any(stack.api.job(request_id)["status"] == "pending" for request_id in ids)
        put(leaving)
        assert_complete(stack.api.wait_all(ids, END_SECONDS))
        for request_id in ids:
            assert len(lines_asked(stack, request_id)) == 1


def test_other_limits_hold_at_once(stack):
    name = "retimed"
    few, many = [{"calls": 2, "per_seconds": 30}], [{"calls": 1000, "per_seconds": 1}]
    with vendor_files(stack, sync_vendor(name, limits=few)) as put:
        ids = stack.api.submit_many(name, 5)
        wait_for(lambda: sum(stack.api.job(request_id)["status"] == "complete" for request_id in ids) == 2, 20, "two are called")
        put(sync_vendor(name, limits=many))
        assert_complete(stack.api.wait_all(ids, 15))
        put(sync_vendor(name, limits=few))
        held = stack.api.submit_many(name, 3)
        stack.api.wait(stack.api.submit("quick"), status="complete")
        assert all(stack.api.job(request_id)["status"] == "pending" for request_id in held)
        put(sync_vendor(name, limits=many))
        assert_complete(stack.api.wait_all(held, 15))


def test_another_secret_is_sent_at_once(stack):
    config = stack.folder / "vendorfetch.conf"
    before = config.read_text()
    secret = stack.folder / "reload-secret"
    secret.write_text("file-one")
    headers = {"X-One": "${env:RELOAD_TOKEN}", "X-Two": "${file:%s}" % secret}
    config.write_text(before + "RELOAD_TOKEN=env-one\n")

    def sent():
        request_id = stack.api.submit("secretive")
        stack.api.wait(request_id, status="complete")
        asked = stack.sync_mock.calls(request_id)[0]["headers"]
        return asked["x-one"], asked["x-two"]

    try:
        with vendor_files(stack, with_request(sync_vendor("secretive"), headers=headers)) as put:
            assert sent() == ("env-one", "file-one")
            config.write_text(before + "RELOAD_TOKEN=env-two\n")
            secret.write_text("file-two")
            put()
            assert sent() == ("env-two", "file-two")
    finally:
        config.write_text(before)


def test_a_bad_file_changes_nothing_and_is_named_in_every_log(stack):
    path = stack.vendors / "reload-bad.json"
    path.write_text('{"name": "bad", "mode": "sync",\n "request": {"url": "http://h/", "timuot_ms": 1}}')

    def rules():
        """Without who is held, which other tests have left behind and time changes."""
        return {name: value for name, value in stack.api.get("/health").json()["vendors"].items() if not name.startswith("held")}

    known = rules()

    def act():
        for pid in processes(stack):
            os.kill(pid, signal.SIGHUP)

    try:
        done = command(stack)
        said = f"{path}:2:34: request/timuot_ms: unknown member, did you mean request/timeout_ms?"
        assert done.returncode == 1 and said in done.stderr
        running = processes(stack)
        expect_of_all(stack, REFUSED, act)
        assert processes(stack) == running
        for pid, service in running.items():
            assert count_said(stack, pid, service, "vendor files: " + said) == 1
        assert rules() == known
        stack.api.wait(stack.api.submit("quick"), status="complete")
        assert_problem(stack.api.post("/jobs", {"vendor": "bad", "payload": {}}), 422, "bad")
    finally:
        path.unlink()
    reload(stack)


def test_health_says_by_which_files_a_process_goes(stack):
    before = stack.api.get("/health").json()["vendors"]
    with vendor_files(stack, sync_vendor("countable")):
        for _ in range(10):  # whichever handler answers
            now = stack.api.get("/health").json()["vendors"]
            assert now["count"] == before["count"] + 1 and now["digest"] != before["digest"]
            assert now["loaded_at"] > before["loaded_at"]
        lines = [line for service in ("api", "worker-1") for line in stack.log(service).splitlines() if IN_FORCE in line]
        assert f"digest={now['digest']}" in lines[-1] and "added=1 changed=0 removed=0" in lines[-1]
    assert stack.api.get("/health").json()["vendors"]["digest"] == before["digest"]


def test_callbacks_of_a_new_vendor_are_taken(stack):
    with vendor_files(stack, async_vendor("new-caller")):
        assert_complete(stack.api.wait_all([stack.api.submit("new-caller")], END_SECONDS))


def test_a_handler_that_is_starting_is_not_ended_by_a_reload(rough_stack):
    stack = rough_stack
    for _ in range(3):
        before = stack.handlers()
        stack.kill("api-handler", "KILL")
        born = wait_for(lambda before=before: stack.handlers() - before, 20, "a new handler")
        for _ in range(10):
            command(stack)
        assert born <= stack.handlers()
        stack.wait_healthy()
