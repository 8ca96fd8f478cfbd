"""Where secrets could be seen, and are not."""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess

import pytest

from stack import program
from waiting import wait_for

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
