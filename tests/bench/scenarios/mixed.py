"""The mixed load of tests/load: 200 users, each POST followed by three GETs of accepted jobs, beside a worker."""

import os
import re
import subprocess

import jobs_in_store
from bench import VENDOR
from scenario import Figure
from stack import TOP

USERS = 200
END_SECONDS = 60


def mixed(base_url, seconds):
    """{what: number} of the script's own line, and requests/s of all kinds, whatever was answered."""
    done = subprocess.run(["wrk", "--threads", "2", "--connections", str(USERS), "--duration", f"{seconds}s",
                           "--timeout", "10s", "--latency", "--script", TOP / "tests/load/jobs.wrk.lua", base_url],
                          env={**os.environ, "VENDOR": VENDOR}, capture_output=True, text=True, check=True,
                          timeout=seconds + END_SECONDS)
    line = re.search(r"^jobs.wrk: (.*)$", done.stdout, re.MULTILINE).group(1)
    counted = {name: float(value) for name, value in (part.split("=") for part in line.split())}
    counted["all_per_s"] = float(re.search(r"^Requests/sec:\s*(\S+)", done.stdout, re.MULTILINE).group(1))
    return counted


def run(bench):
    measured = []
    with bench.stack() as stack, bench.hello() as hello:
        for _ in bench.runs:
            measured.append((mixed(stack.base_url, bench.seconds), mixed(hello.base_url, bench.seconds)))
            bench.drain(stack)
        complete = jobs_in_store.complete(stack)
    ours = [each for each, _ in measured]
    yield Figure("POST and GET, 1 to 3", "requests/s", [each["all_per_s"] for each in ours],
                 "hello, the same script", [hello["all_per_s"] for _, hello in measured])
    for name in ("posts", "reads"):
        yield Figure(f"of these {name}", "requests/s", [each[f"{name}_per_s"] for each in ours])
    for name in ("p50", "p99"):
        yield Figure(f"POST and GET, 1 to 3, {name}", "ms", [each[f"{name}_ms"] for each in ours],
                     f"hello's {name}", [hello[f"{name}_ms"] for _, hello in measured])
    bad = sum(each[what] for each in ours for what in ("missing", "refused", "broken", "unanswered"))
    yield Figure("refused, unanswered or not found", "requests", [bad], at_most=0)
    accepted = sum(each["accepted"] for each in ours)
    yield Figure("answered 202, not complete", "jobs", [max(0, accepted - complete)], at_most=0)
