"""Thousands who hold on to connections, and the clients beside them who want to work.

The whole of it (rates of 80 %, all time limits), some minutes, best on a machine that has nothing else to do:

    E2E_ARGS="-m slow -k floods" make check TESTS=tests/e2e/run-sqlite.sh
"""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import time

import pytest

from conftest import skip
from memory import resident_memory
from raw_http import address_of
from slow_clients import SLOW_KINDS, SlowClients, too_few_files
from waiting import wait_for

LOAD_SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "load/jobs.wrk.lua"
SLOW = 2000
NORMAL = 200
RESULT_BYTES = 200000
TURNS = 3
IDLE = 4000
IDLE_BYTES = 32 << 10
LIGHTTPD_GROWTH_BYTES = 256 << 20
pytestmark = pytest.mark.only("sqlite")    # connections are the web server's business


def rate(stack, seconds):
    """Good answers a second to 200 clients who post jobs and read them, one after the other each."""
    if not shutil.which("wrk"):
        skip("wrk is not installed")
    done = subprocess.run(["wrk", "--threads", "2", "--connections", str(NORMAL), "--duration", f"{seconds}s", "--timeout", "10s",
                           "--script", LOAD_SCRIPT, stack.base_url], env={**os.environ, "VENDOR": "slow-lane", "READS": "3"},
                          capture_output=True, text=True, check=True, timeout=seconds + 60)
    said = dict(word.split("=") for word in done.stdout.partition("jobs.wrk: ")[2].split())
    assert int(said["missing"]) == int(said["broken"]) == int(said["refused"]) == int(said["unanswered"]) == 0, done.stdout
    return float(said["posts_per_s"]) + float(said["reads_per_s"])


def crowd_of(stack, count, target, kinds=SLOW_KINDS):
    reason = too_few_files(count)
    if reason:
        skip(reason)
    return SlowClients(address_of(stack.base_url), count, target, kinds)


def large_job(stack):
    """The path of a finished job with a result that no socket takes at once."""
    stack.sync_mock.configure(response_bytes=RESULT_BYTES)
    request_id = stack.api.submit("huge")
    stack.api.wait(request_id, status="complete")
    stack.sync_mock.fresh()
    assert len(stack.api.get("/jobs/" + request_id).content) > RESULT_BYTES / 2
    return "/jobs/" + request_id


@pytest.fixture
def own_stack(store):
    """Its jobs stay behind: nobody waits for them."""
    import stack as stack_module
    from vendor_files import own_vendor_files
    stack = stack_module.Stack(store, own_vendor_files(), workers=1, settings=stack_module.QUICK_SETTINGS)
    yield stack
    stack.down()


# On a machine that others use, too, rates differ by a third from one second to the next.
@pytest.mark.parametrize("seconds,share", [pytest.param(1, 0.5, id="short"), pytest.param(10, 0.8, id="long", marks=pytest.mark.slow)])
def test_two_thousand_slow_clients_leave_the_others_their_rate(own_stack, seconds, share):
    stack, without, beside = own_stack, [], []
    target = large_job(stack)
    lighttpd = stack.pids("lighttpd")
    before = sum(map(resident_memory, lighttpd))
    for _ in range(TURNS):
        without.append(rate(stack, seconds))
        with crowd_of(stack, SLOW, target) as crowd:
            wait_for(lambda crowd=crowd: crowd.count()["unread"] >= SLOW // len(SLOW_KINDS), 30, "all have their answers", 0.2)
            beside.append(rate(stack, seconds))
            count = crowd.count()
        assert sum(count[kind] for kind in SLOW_KINDS) == SLOW, count
    ratio = statistics.median(beside) / statistics.median(without)
    print(f"without {without}, beside {beside}: {ratio:.2f}")
    assert ratio >= share, f"without {without}, beside {beside}: {ratio:.2f}"
    assert stack.pids("lighttpd") == lighttpd
    assert sum(map(resident_memory, lighttpd)) - before < LIGHTTPD_GROWTH_BYTES


def test_four_thousand_idle_connections_are_kept_and_cost_little(stack):
    lighttpd = stack.pids("lighttpd")
    before = sum(map(resident_memory, lighttpd))
    with crowd_of(stack, IDLE, "/nothing", ["idle"]) as crowd:
        stack.api.wait(stack.api.submit("quick"), status="complete")
        assert crowd.count() == {"idle": IDLE, "again": 0, "unread": 0}
        assert sum(map(resident_memory, lighttpd)) - before < IDLE * IDLE_BYTES
    assert stack.pids("lighttpd") == lighttpd


# ---- How long each kind of silence is borne (docs/operations.md) ----

SILENCES = {
    "nothing": (b"", 30),
    "half a head": (b"POST /jobs HTTP/1.1\r\nHost: h\r\n", 30),
    "half a body": (b"POST /jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{", 30),
    "between requests": (b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 30),
}


@pytest.mark.slow
def test_silence_is_borne_for_half_a_minute(stack):
    begin = time.monotonic()
    connections = {}
    for name, (data, _) in SILENCES.items():
        connections[name] = socket.create_connection(address_of(stack.base_url), 60)
        connections[name].sendall(data)
    for name, (_, seconds) in SILENCES.items():
        while connections[name].recv(65536):
            pass
        assert seconds - 2 <= time.monotonic() - begin <= seconds + 10, name
        connections[name].close()


def open_sockets(pids):
    return sum(os.readlink(file).startswith("socket:") for pid in pids for file in pathlib.Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.slow
def test_who_reads_nothing_is_cut_off_after_a_minute(stack):
    """What it was to read waits in the kernel still, so only the server knows."""
    target, lighttpd, readers = large_job(stack), stack.pids("lighttpd"), 50
    before = open_sockets(lighttpd)
    with crowd_of(stack, readers, target, ["reading"]):
        assert open_sockets(lighttpd) >= before + readers
        wait_for(lambda: open_sockets(lighttpd) < before + readers / 2, 80, "the server has closed its side", 1)
