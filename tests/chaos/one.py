"""Runs one experiment over one store, in a process of its own, and writes its row as JSON.

    one.py NUMBER STORE JOBS FOLDER     the row goes to FOLDER/row.json; the stack's folder lies in FOLDER too
"""

import dataclasses
import json
import pathlib
import sys
import threading
import time
import traceback

from checker import Checker, Row
from clients import Load
from crash import Crash
from experiment import all_experiments
from stack import QUICK_SETTINGS, Stack
from store_view import StoreAway, open_view
from vendor_files import as_files
from waiting import wait_for

FAULT_AFTER = 0.2        # of the jobs are accepted when the fault begins
# So that there are always calls in flight, and callbacks waited for.
MOCK_KNOBS = {"latency_ms": 50, "latency_spread_ms": 150, "webhook_delay_ms": 100, "webhook_spread_ms": 400}
LOOK_SECONDS = 1
DRAIN_LOOK_SECONDS = 0.2
WELL_SECONDS = 30


class Watcher:
    """Has a look at the finished jobs in the store about every second until the `with` block ends."""

    def __init__(self, view):
        self.view = view
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(LOOK_SECONDS):
            try:
                self.view.look()
            except StoreAway:
                pass  # part of some experiments


def sum_of_limits(values):
    """Of vendors that share a mock; 0, as in the mock's knobs: one of them has no limit."""
    return sum(values) if all(values) else 0


def set_limits(stack, vendors):
    """The mocks count by the limits of the vendor files, and refuse nothing: a call too many is seen, not corrected."""
    for mode, mock in (("sync", stack.sync_mock), ("async", stack.async_mock)):
        own = [vendor for vendor in vendors if vendor["mode"] == mode]
        limits = [vendor.get("limits", [{"calls": 0, "per_seconds": 1}])[0] for vendor in own]
        seconds = {limit["per_seconds"] for limit in limits}
        assert len(seconds) == 1, f"the {mode} mock has one window: {seconds}"
        mock.configure(limit_calls=sum_of_limits([limit["calls"] for limit in limits]), limit_seconds=seconds.pop(),
                       limit_enforce=False, max_in_flight=sum_of_limits([v.get("max_in_flight", 0) for v in own]),
                       **MOCK_KNOBS)


def inject(experiment, stack, load, crash, problems):
    load.wait_accepted(load.jobs * FAULT_AFTER)
    try:
        experiment.fault(stack, load, crash)
    except AssertionError as error:
        problems.append(f"the fault did not happen, or did not heal: {error}")


def drain(experiment, stack, view, row):
    """Waits until all jobs are finished and Redis is empty; how long that took is part of the row."""
    began = time.monotonic()

    def is_drained():
        try:
            return view.unfinished() == 0 and not stack.queue.counts()
        except StoreAway:
            return False

    def what_is_left():
        return f"drained; {view.unfinished()} unfinished, in Redis {stack.queue.counts()}"

    try:
        wait_for(is_drained, experiment.drain_seconds, what_is_left, DRAIN_LOOK_SECONDS)
        row.drain_seconds = round(time.monotonic() - began, 1)
    except AssertionError as error:
        row.problems.append(str(error))


def end_well(stack, row):
    """With every fault healed all services are there, and /health says so."""
    try:
        wait_for(stack.all_up, WELL_SECONDS, lambda: "all services are up\n" + stack.status(), DRAIN_LOOK_SECONDS)
        stack.wait_healthy(WELL_SECONDS)
    except AssertionError as error:
        row.problems.append(str(error))


def run_in(experiment, stack, crash, jobs, row):
    vendors = experiment.vendors()
    set_limits(stack, experiment.all_vendors())
    experiment.setup(stack)
    view = open_view(stack.env["STORE_URI"])
    view.watch()
    with Load(stack.api, [vendor["name"] for vendor in vendors], jobs, experiment.rate, experiment.trickle) as load:
        with Watcher(view):
            inject(experiment, stack, load, crash, row.problems)
            load.fault_is_over()
            load.wait_end()
            drain(experiment, stack, view, row)
        end_well(stack, row)
        load.read_all()
    Checker(row, experiment, stack, load, view).check()


def run(experiment, store, jobs, folder):
    """Gives the row. The stack's folder is kept if a promise was broken."""
    began = time.monotonic()
    row = Row(experiment.number, experiment.name, store, folder=str(folder))
    crash = Crash(folder / "crash")
    stack = None
    try:
        stack = Stack(store, as_files(experiment.all_vendors()), experiment.workers, experiment.api_processes,
                      settings={**QUICK_SETTINGS, **crash.settings, **experiment.settings},
                      mongod_nodes=experiment.mongod_nodes if store == "mongodb" else 1,
                      before_up=experiment.before_up)
        run_in(experiment, stack, crash, jobs, row)
    except Exception:  # pylint: disable=broad-except
        row.problems.append("the harness failed:\n" + traceback.format_exc()[-3000:])
    finally:
        if stack:
            stack.down(keep=True)
    row.seconds = round(time.monotonic() - began, 1)
    return row


def main():
    number, store, jobs, folder = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4])
    experiment = next(known for known in all_experiments() if known.number == number)
    row = run(experiment, store, jobs, folder)
    (folder / "row.new").write_text(json.dumps(dataclasses.asdict(row), indent=1))
    (folder / "row.new").rename(folder / "row.json")


if __name__ == "__main__":
    main()
