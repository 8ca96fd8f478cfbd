"""Vendors beside the stack's own: each a vendorfetch-mock with knobs, limits and counts of its own."""

import contextlib
import subprocess

from bench import bench_vendor
from mock_vendor import MockVendor
from waiting import wait_for

START_SECONDS = 10
END_SECONDS = 10


@contextlib.contextmanager
def mock(bench, **knobs):
    """A sync vendor that is up before the stack is, because vendor files name its port."""
    ports = bench.file("")
    with subprocess.Popen([bench.build / "vendorfetch-mock", "--sync-port", "0", "--async-port", "0",
                           "--port-file", ports, "--quiet"]) as process:
        try:
            lines = wait_for(ports.read_text, START_SECONDS, "the mock says its ports").splitlines()
            vendor = MockVendor("http://127.0.0.1:" + dict(line.split("=") for line in lines)["SYNC_PORT"])
            vendor.configure(**knobs)
            yield vendor
        finally:
            process.terminate()
            process.wait(END_SECONDS)


def vendor_at(url, name, **more):
    """A vendor file."""
    vendor = {**bench_vendor(name), **more}
    return {**vendor, "request": {**vendor["request"], "url": url + "/fetch"}}


def accepted_ms(request_id):
    """When a job was made, as its id says (UUIDv7): before it was stored and answered."""
    return int(request_id.replace("-", "")[:12], 16)


def dispatch_ms(calls):
    """From each job's being made to its call's coming in, of a mock's all_calls()."""
    return [call["at_us"] / 1000 - accepted_ms(call["id"]) for call in calls]
