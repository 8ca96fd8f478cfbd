#!/usr/bin/env python3
"""Runs the fuzz targets of a build with --enable-fuzzing (make fuzz), each for a time, and says what came of it.

What is found is kept in fuzz-work/<target>/found of the build, and ends in the exit status. To keep it fixed: put the input
into tests/fuzz/corpus/<target> under a name that says what it is. What a run has learnt stays in fuzz-work/<target>/corpus
for the next one.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

import seeds

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VENDORFETCH_BUILD", ".")).resolve()
WORK = BUILD / "fuzz-work"
ONE_INPUT_SECONDS = 20
MEMORY_MIB = 2048
SLACK_SECONDS = 120
LAST_LINES = 40


@dataclasses.dataclass
class Result:
    target: str
    ok: bool
    executions: int
    seconds: int
    coverage: int
    log: pathlib.Path

    def line(self):
        word = "PASS" if self.ok else "FAIL"
        return f"{word}: fuzz {self.target}: {self.executions} executions in {self.seconds} s, {self.coverage} edges"


def targets():
    """Name -> folders of inputs."""
    lines = [line.split() for line in (TOP / "tests/fuzz/targets").read_text().splitlines() if not line.startswith("#")]
    return {words[0]: [TOP / word for word in words[1:]] for words in lines if words}


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(target, folders, seconds, seed):
    place = WORK / target
    for folder in ("corpus", "found"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    seeds.write(target, place / "seeds")
    command = [BUILD / f"tests/fuzz/fuzz_{target}", f"-max_total_time={seconds}", f"-timeout={ONE_INPUT_SECONDS}",
               f"-rss_limit_mb={MEMORY_MIB}", f"-dict={TOP}/tests/fuzz/dict/{target}", f"-artifact_prefix={place}/found/",
               "-print_final_stats=1", f"-seed={seed}", place / "corpus", place / "seeds", *folders]
    log = place / "log"
    with log.open("wb") as out:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                                    timeout=seconds + SLACK_SECONDS).returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = log.read_text(errors="replace")
    return Result(target, status == 0, last_number(r"stat::number_of_executed_units:\s+(\d+)", text), seconds,
                  last_number(r" cov: (\d+)", text), log)


def parse_arguments(names):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--only", help=f"some of them, with commas: {', '.join(names)}")
    parser.add_argument("--seed", type=int, default=0, help="the same gives nearly the same inputs again (0: by chance)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time (2)")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",") if arguments.only else list(names)
    unknown = set(arguments.only) - set(names)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return arguments


def main():
    all_targets = targets()
    arguments = parse_arguments(all_targets)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(run, name, all_targets[name], arguments.seconds, arguments.seed) for name in arguments.only]
        results = []
        for future in running:
            results.append(future.result())
            print(results[-1].line(), flush=True)
    for result in results:
        if not result.ok:
            print(f"\n{result.log}:")
            print("\n".join(result.log.read_text(errors="replace").splitlines()[-LAST_LINES:]))
    return not all(result.ok for result in results)


if __name__ == "__main__":
    sys.exit(main())
