#!/usr/bin/python3
"""Runs the chaos experiments, several stacks side by side, and shows what became of each promise.

    tests/chaos/run.py                           all, over both stores
    tests/chaos/run.py --list
    tests/chaos/run.py --only 4,11 --store mongodb
    tests/chaos/run.py --only stream --keep      those with the word in their name; folders of the stacks stay
    tests/chaos/run.py --ci                      the short run

VENDORFETCH_BUILD names the build folder; crash points need one that was configured with --enable-crash-points.
Status 1: a promise was broken (the folder of that stack is kept). Status 2: nothing could be run.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SUPPORT = HERE.parent / "support"
sys.path.insert(0, str(SUPPORT))

import report  # pylint: disable=wrong-import-position
from checker import Row  # pylint: disable=wrong-import-position
from crash import built_in  # pylint: disable=wrong-import-position
from experiment import STORES, all_experiments  # pylint: disable=wrong-import-position
from stack import TOP, missing_tools  # pylint: disable=wrong-import-position

DOWN_SECONDS = 60
NO_CRASH_POINTS = "this build has no crash points: configure it with ./configure --enable-crash-points"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="show the experiments and end")
    parser.add_argument("--only", help="numbers, spans such as 1-7, or parts of names, with commas between them")
    parser.add_argument("--store", choices=STORES, help="over this one only")
    parser.add_argument("--ci", action="store_true", help="the short run")
    parser.add_argument("--jobs", type=int, default=2000, help="accepted jobs an experiment (%(default)s)")
    parser.add_argument("--parallel", type=int, default=3, help="stacks side by side (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the folders of all stacks")
    parser.add_argument("--no-skip", action="store_true", help="an experiment that cannot run here counts as broken")
    parser.add_argument("--report", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("VENDORFETCH_BUILD", ".")) / "chaos-report.md",
                        help="where the table goes, with a .json beside it (%(default)s)")
    return parser.parse_args()


# ---- Which ones ----

def is_named(experiment, only):
    for word in only.split(","):
        first, dash, last = word.partition("-")
        if first.isdigit() and (last.isdigit() or not dash):
            if int(first) <= experiment.number <= int(last or first):
                return True
        elif word in experiment.name:
            return True
    return False


def selected(options):
    """(experiment, store) of all that are asked for."""
    pairs = []
    for experiment in all_experiments():
        if options.only and not is_named(experiment, options.only):
            continue
        stores = experiment.ci if options.ci else experiment.stores
        pairs += [(experiment, store) for store in stores if options.store in (None, store)]
    return pairs


def why_not(experiment, store, has_crash_points):
    """Why this one cannot run here, or None."""
    if experiment.crash_points and not has_crash_points:
        return NO_CRASH_POINTS
    return missing_tools(store) or experiment.needs()


# ---- One of them ----

def environment(folder):
    """TMPDIR: where the stack makes its folder."""
    path = os.pathsep.join([str(HERE), str(SUPPORT)])
    return {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def end_what_is_left(process, folder):
    """After its deadline, or on the way out: the experiment, then its stack."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stack in folder.glob("vf-e2e-*"):
        subprocess.run([TOP / "scripts/stack", "down", stack], timeout=DOWN_SECONDS, check=False, capture_output=True)


def broken(experiment, store, folder, problem):
    return Row(experiment.number, experiment.name, store, problems=[problem], folder=str(folder))


def run_one(experiment, store, options, work):
    folder = work / f"{experiment.number:02}-{store}"
    folder.mkdir()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, HERE / "one.py", str(experiment.number), store, str(options.jobs), folder],
            env=environment(folder), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(experiment.deadline_seconds)
            row = Row(**json.loads((folder / "row.json").read_text()))
        except subprocess.TimeoutExpired:
            row = broken(experiment, store, folder, f"not over after {experiment.deadline_seconds} s")
        except FileNotFoundError:
            row = broken(experiment, store, folder, "the harness failed: " + (folder / "log").read_text()[-2000:])
        finally:
            end_what_is_left(process, folder)
    if row.is_kept() and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return row


# ---- All of them ----

def show(row):
    print(report.one_line(row), flush=True)
    if not row.skipped and not row.is_kept():
        print(report.evidence(row), flush=True)


def run_all(pairs, options, work):
    has_crash_points = built_in()
    if not has_crash_points and any(experiment.crash_points for experiment, _ in pairs):
        print(f"{NO_CRASH_POINTS}; experiments that need them are skipped", flush=True)
    rows = []
    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        futures = []
        for experiment, store in pairs:
            reason = why_not(experiment, store, has_crash_points)
            if reason:
                rows.append(Row(experiment.number, experiment.name, store, skipped=reason))
                show(rows[-1])
            else:
                futures.append(pool.submit(run_one, experiment, store, options, work))
        try:
            for future in concurrent.futures.as_completed(futures):
                rows.append(future.result())
                show(rows[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(rows, key=lambda row: (row.number, STORES.index(row.store)))


def status_of(rows, options):
    if any(not row.skipped and not row.is_kept() for row in rows):
        return 1
    skipped = [row for row in rows if row.skipped]
    if options.no_skip and skipped:
        return 1
    return 2 if len(skipped) == len(rows) else 0


def main():
    options = parse_arguments()
    pairs = selected(options)
    if options.list or not pairs:
        for experiment in all_experiments():
            print(f"{experiment.number:2}  {experiment.name}  ({', '.join(experiment.stores)})")
        return 0 if options.list else 2
    work = pathlib.Path(tempfile.mkdtemp(prefix="vf-chaos-"))
    rows = run_all(pairs, options, work)
    if not options.keep and not any(work.iterdir()):
        work.rmdir()
    report.write(rows, options.report)
    print(f"\n{report.markdown(rows)}\nin {options.report}")
    return status_of(rows, options)


if __name__ == "__main__":
    sys.exit(main())
