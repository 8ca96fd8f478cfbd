"""A whole private vendorfetch system, by way of scripts/stack. Logs, processes and settings of it."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from api import Api
from mock_vendor import MockVendor
from queue_state import QueueState
from waiting import wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("redis-server", "redis-cli", "lighttpd", "spawn-fcgi", "multiwatch", "curl", "flock", "setsid")
OURS = ("vendorfetch.fcgi", "vendorfetch-worker", "vendorfetch-mock")
LOG_TAIL_BYTES = 32000
UP_SECONDS = 90
COMMAND_SECONDS = 60
# Settings for tests: what takes minutes in real life takes seconds.
QUICK_SETTINGS = {"VENDORFETCH_REPAIR_PERIOD_MS": "1000", "VENDORFETCH_REPAIR_GRACE_MS": "2000",
                  "VENDORFETCH_LEASE_MS": "2000"}

running = []  # all stacks that are up, for the report of a failed test


class StackError(Exception):
    """scripts/stack ended with an error; the text holds what it said."""


def program(name):
    """The path of one of our own programs, found as scripts/stack finds it, or None."""
    for folder in (os.environ.get("VENDORFETCH_BUILD"), str(TOP)):
        if folder and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    return shutil.which(name)


def missing_tools(store):
    """Why no stack with this store can run here, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for name in PROGRAMS:
        if not shutil.which(name, path=path):
            return f"{name} is not installed"
    for name in OURS:
        if not program(name):
            return f"{name} is not built (set VENDORFETCH_BUILD to the build folder)"
    if store == "mongodb":
        found = subprocess.run([TOP / "scripts/get-mongod"], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            return f"no mongod: {found.stderr.strip()[-300:]}"
    return None


class Stack:
    """A stack that is up. `vendors` is its vendors.d, a private folder that tests may write to. `before_up` is called with
    the stack when no more than its folder is there."""

    def __init__(self, store, vendor_files, workers=1, api_processes=2, settings=None, mock_args=None,
                 mongod_nodes=1, before_up=None):
        self.store = store
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vf-e2e-"))
        self.vendors = self.folder / "vendors.d"
        self.vendors.mkdir()
        for name, text in vendor_files.items():
            (self.vendors / name).write_text(text)
        self.workers = workers
        options = ["--store", store, "--vendors", str(self.vendors), "--workers", str(workers),
                   "--api-processes", str(api_processes)]
        if mongod_nodes > 1:
            options += ["--mongod-nodes", str(mongod_nodes)]
        if mock_args:
            options += ["--mock-args", mock_args]
        running.append(self)
        try:
            if before_up:
                before_up(self)
            self.run("up", *options, settings=settings, seconds=UP_SECONDS)
        except Exception as error:
            logs = self.log_tails()
            self.down()
            raise StackError(f"{error}\n{logs}") from error
        self.env = dict(line.split("=", 1) for line in (self.folder / "env").read_text().splitlines())
        self.base_url = self.env["BASE_URL"]
        self.api = Api(self.base_url)
        self.sync_mock = MockVendor(self.env["SYNC_VENDOR_URL"])
        self.async_mock = MockVendor(self.env["ASYNC_VENDOR_URL"])
        self.queue = QueueState(self.env["REDIS_URL"])

    # ---- scripts/stack ----

    def run(self, command, *arguments, settings=None, seconds=COMMAND_SECONDS):
        """Runs one command of scripts/stack; settings are environment variables for it and what it starts."""
        environment = {**os.environ, **(settings or {})}
        environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin"
        done = subprocess.run([TOP / "scripts/stack", command, self.folder, *arguments], env=environment,
                              capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode != 0 and command != "status":
            said = done.stdout + done.stderr
            raise StackError(f"stack {command} {' '.join(arguments)}: status {done.returncode}\n{said}")
        return done.stdout

    def down(self, keep=False):
        """Ends everything; the folder goes too, unless it is kept to look at."""
        if self in running:
            running.remove(self)
        try:
            self.run("down")
        finally:
            if not keep and not os.environ.get("VENDORFETCH_KEEP_STACKS"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, service, sig="KILL"):
        """Kills a service for good (until start()); with TERM returns before it has ended."""
        self.run("kill", service, sig)

    def start(self, service, settings=None):
        self.run("start", service, settings=settings)

    def restart(self, service, settings=None):
        """TERM, then a new one, with other settings if they are given."""
        self.kill(service, "TERM")
        self.start(service, settings)
        if service == "api":
            self.wait_healthy()

    def pids(self, service):
        return {int(pid) for pid in self.run("pids", service).split()}

    def kill_9_behind_its_back(self, service):
        """KILL without telling the stack's supervisor: whoever has to bring it back must notice by itself.
        Gives the pids that were killed. For api all of the pool goes: multiwatch and its handlers."""
        killed = self.pids(service)
        assert killed, f"no process of {service}"
        for pid in killed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return killed

    def wait_well(self, service, but_not=frozenset(), seconds=20):
        """Waits until the service runs as processes that are none of `but_not`, and the stack says that it is up."""
        def is_well():
            pids = self.pids(service)
            return pids and not pids & set(but_not)

        wait_for(is_well, seconds, f"{service} comes back")
        wait_for(self.all_up, seconds, lambda: "all services are up\n" + self.status())

    def all_up(self):
        lines = self.status().splitlines()[1:]
        return lines and all(line.split()[1] == "up" for line in lines)

    def status(self):
        return self.run("status")

    def wait_healthy(self, seconds=20):
        def is_healthy():
            response = self.api.get("/health")
            return response.status_code == 200 and response.json()["status"] == "ok"

        wait_for(is_healthy, seconds, lambda: "/health says ok: " + self.api.get("/health").text)

    # ---- workers ----

    def set_workers(self, count):
        """Starts or ends workers until `count` of them run."""
        for slot in range(count + 1, self.workers + 1):
            self.kill(f"worker-{slot}", "TERM")
            wait_for(lambda slot=slot: not self.pids(f"worker-{slot}"), 30, f"worker-{slot} ends after TERM")
        for slot in range(1, count + 1):
            if not self.pids(f"worker-{slot}"):
                self.start(f"worker-{slot}")
        self.workers = count

    # ---- processes ----

    def handlers(self):
        """The pids of the pool's handlers, without the multiwatch above them."""
        return {pid for pid in self.pids("api")
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "vendorfetch.fcgi"}

    # ---- logs ----

    def log(self, service):
        path = self.folder / "log" / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log_tails(self):
        parts = []
        for path in sorted((self.folder / "log").glob("*.log")):
            text = path.read_text(errors="replace")
            if text.strip():
                parts.append(f"---- {self.store}: {path.name}\n{text[-LOG_TAIL_BYTES:]}")
        return "\n".join(parts)
