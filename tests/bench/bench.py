"""What scenarios are made of: stacks, the baselines beside them, and bodies to post."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile

import jobs_in_store
from stack import Stack
from vendor_files import NO_BREAKER, as_files, sync_vendor
from waiting import wait_for

VENDOR = "bench"
BASELINE_SECONDS_MAX = 2
BASELINE_END_SECONDS = 60
DRAIN_SECONDS = 120
DRAIN_LOOK_SECONDS = 0.2
FILL_SECONDS = 900


def bench_vendor(name=VENDOR):
    """Answers at once, has no limits; the whole answer is the result."""
    return sync_vendor(name, timeout_ms=10000, breaker=NO_BREAKER, response={"result": ""})


def body(length, vendor=VENDOR):
    """A job of this many bytes: as many records as there is room for, then padding."""
    job = {"vendor": vendor, "payload": {"pad": ""}}
    if length > len(json.dumps(job)) + 100:
        job["payload"]["records"] = []
    while len(json.dumps(job)) + 100 < length:
        number = len(job["payload"]["records"])
        job["payload"]["records"].append({"customer_id": 10000 + number, "name": "Jane Doe", "verify_address": True})
    job["payload"]["pad"] = "x" * (length - len(json.dumps(job)))
    return json.dumps(job)


class Bench:
    """One scenario over one store. Every figure is the median of `runs`, of `seconds` each or of so many `jobs`."""

    def __init__(self, store, options, build, folder):
        self.store = store
        self.runs = range(options.runs)
        self.jobs = options.jobs
        self.waiting = options.waiting
        self.minutes = options.minutes
        self.one_run = range(1)   # where runs are long
        self.seconds = options.seconds
        self.build = build
        self.folder = folder
        self._files = 0

    def file(self, text):
        """Its path, in a folder that goes away with the run."""
        self._files += 1
        path = self.folder / f"{self._files}"
        path.write_text(text)
        return path

    # ---- Systems ----

    @contextlib.contextmanager
    def stack(self, workers=1, vendors=None, settings=None, store=None, api_processes=2):
        """A system with the product's own settings, but for these."""
        stack = Stack(store or self.store, as_files(vendors or [bench_vendor()]), workers, api_processes, settings)
        try:
            yield stack
        finally:
            stack.down()

    @contextlib.contextmanager
    def hello(self):
        """The baseline: hello.fcgi in the place of vendorfetch.fcgi, everything else of the stack as it is."""
        with tempfile.TemporaryDirectory(prefix="vf-bench-") as folder:
            for name, target in (("vendorfetch.fcgi", "tests/bench/hello.fcgi"),
                                 ("vendorfetch-mock", "vendorfetch-mock")):
                os.symlink(self.build / target, pathlib.Path(folder) / name)
            with self.stack(workers=0, settings={"VENDORFETCH_BUILD": folder}, store="sqlite") as stack:
                yield stack

    def drain(self, stack):
        """Waits until no job is unfinished."""
        wait_for(lambda: jobs_in_store.unfinished(stack) == 0, DRAIN_SECONDS,
                 lambda: f"all jobs end; {jobs_in_store.unfinished(stack)} have not", DRAIN_LOOK_SECONDS)

    def fill(self, stack, vendor, count, payload_bytes=64, per_second=0):
        """So many more jobs, durable and in Redis, without HTTP (fill_queue.c); how many a second."""
        done = subprocess.run([self.build / "tests/bench/fill_queue", stack.env["STORE_URI"], stack.env["REDIS_URL"],
                               vendor, str(count), str(payload_bytes), str(per_second)], check=True,
                              capture_output=True, text=True, timeout=FILL_SECONDS)
        return json.loads(done.stdout)["per_second"]

    # ---- Baselines that are programs ----

    def _program(self, name, *arguments):
        """What it says about one run of it (tests/bench/rate.h)."""
        seconds = min(self.seconds, BASELINE_SECONDS_MAX)
        done = subprocess.run([self.build / "tests/bench" / name, *arguments, str(seconds)], check=True,
                              capture_output=True, text=True, timeout=seconds + BASELINE_END_SECONDS)
        return json.loads(done.stdout)

    def insert_rate(self, stack):
        """Into a new database beside the stack's own: on the same disk, or in the same mongod."""
        uri = stack.env["STORE_URI"]
        self._files += 1
        if stack.store == "mongodb":
            return self._program("insert_rate", uri.replace("/vendorfetch", f"/baseline{self._files}"))
        return self._program("insert_rate", uri.replace("vendorfetch.db", f"baseline{self._files}.db"))

    def curl_rate(self, stack, in_flight, body_file):
        """Against the sync vendor of the stack, which does nothing else meanwhile."""
        return self._program("curl_rate", stack.sync_mock.url + "/fetch", str(in_flight), body_file)

    def xadd_rate(self, stack):
        return self._program("xadd_rate", stack.env["REDIS_URL"].rsplit(":", 1)[1].split("/")[0])
