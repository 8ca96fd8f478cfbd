#!/usr/bin/python3
"""Measures vendorfetch beside its baselines; every figure is the median of a few runs.

    make bench                                     all scenarios over both stores
    make bench BENCH_ARGS="--only accept --store sqlite"
    tests/bench/run.py --list

VENDORFETCH_BUILD names the build folder. The table goes to bench-report.md there, everything else to bench-report.json.
docs/performance.md says how to read them. Status 1: a scenario could not be measured, or a job was lost or refused;
a target of speed that is not met is shown and is no error.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.dont_write_bytecode = True

import machine  # pylint: disable=wrong-import-position
import report  # pylint: disable=wrong-import-position
from bench import Bench  # pylint: disable=wrong-import-position
from scenario import all_scenarios  # pylint: disable=wrong-import-position
from stack import missing_tools  # pylint: disable=wrong-import-position

STORES = ("sqlite", "mongodb")
BUILD = pathlib.Path(os.environ.setdefault("VENDORFETCH_BUILD", os.getcwd())).resolve()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="show the scenarios and end")
    parser.add_argument("--only", help="names of scenarios, with commas between them")
    parser.add_argument("--store", choices=STORES, help="over this one only")
    parser.add_argument("--runs", type=int, default=3, help="of which the median is taken (%(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="length of a run (%(default)s)")
    parser.add_argument("--jobs", type=int, default=50000,
                        help="that each run end to end sends through the system (%(default)s)")
    parser.add_argument("--waiting", type=int, default=100000, help="jobs in the largest backlog (%(default)s)")
    parser.add_argument("--minutes", type=int, default=2,
                        help="for which limits of a minute are watched; 0: they are left out (%(default)s)")
    parser.add_argument("--report", type=pathlib.Path, default=BUILD / "bench-report.md",
                        help="where the table goes, with a .json beside it (%(default)s)")
    return parser.parse_args()


def selected(options):
    """{name: module}"""
    known = all_scenarios()
    wanted = options.only.split(",") if options.only else list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in wanted}


def measure(name, scenario, store, options):
    """Figures as far as it came, and whether it came to its end."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="vf-bench-") as folder:
        bench = Bench(store, options, BUILD, pathlib.Path(folder))
        try:
            for figure in scenario.run(bench):
                figure.scenario, figure.store = name, store
                figures.append(figure)
                print(report.line(figure), flush=True)
        except Exception:  # pylint: disable=broad-except
            print(f"{name} over {store} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            return figures, False
    return figures, True


def measure_all(scenarios, stores, options):
    figures, is_well = [], True
    print(report.head(), flush=True)
    for store in stores:
        for name, scenario in scenarios.items():
            began = time.monotonic()
            more, came_to_its_end = measure(name, scenario, store, options)
            print(f"{name} over {store} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            figures += more
            is_well = is_well and came_to_its_end
    return figures, is_well


def is_harm(figure):
    """Something that must never happen did."""
    return figure.at_most == 0 and not figure.is_met()


def main():
    options = parse_arguments()
    scenarios = selected(options)
    if options.list:
        for name, scenario in scenarios.items():
            print(f"{name:15} {scenario.__doc__.splitlines()[0]}")
        return 0
    stores = [options.store] if options.store else list(STORES)
    for store in stores:
        reason = missing_tools(store)
        if reason:
            sys.exit(f"cannot measure {store}: {reason}")
    if machine.is_slowed(BUILD):
        print("This build is not what users run (sanitizers, crash points, or no -O2): its figures mean nothing.",
              file=sys.stderr)
    began = time.monotonic()
    facts = machine.facts(BUILD, stores)
    figures, is_well = measure_all(scenarios, stores, options)
    facts["measured"] = f"{options.runs} runs of {options.seconds} s or {options.jobs} jobs a figure, " \
                        f"{time.monotonic() - began:.0f} s in all"
    report.write(facts, figures, options.report)
    print(f"\nin {options.report}")
    return 0 if is_well and not any(map(is_harm, figures)) else 1


if __name__ == "__main__":
    sys.exit(main())
