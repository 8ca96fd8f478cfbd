"""Load by Debian's wrk, and what it says about it."""

import dataclasses
import json
import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent / "load.wrk.lua"
CONNECTIONS = 200
THREADS = 2
END_SECONDS = 60


@dataclasses.dataclass
class Load:
    """What came of one run."""

    answered: int       # all answers
    refused: int        # answers with a status of 400 and over
    unanswered: int     # connections that failed, broke or said nothing for 10 s
    per_second: float   # good answers
    p50_ms: float
    p99_ms: float

    def good(self):
        return self.answered - self.refused

    def bad(self):
        return self.refused + self.unanswered


def _run(base_url, seconds, variables, connections=CONNECTIONS):
    done = subprocess.run(["wrk", "--threads", str(THREADS), "--connections", str(connections), "--duration",
                           f"{seconds}s", "--timeout", "10s", "--latency", "--script", SCRIPT, base_url],
                          env={**os.environ, "THREADS": str(THREADS), **variables}, capture_output=True, text=True,
                          check=True, timeout=seconds + END_SECONDS)
    for line in done.stdout.splitlines():
        if line.startswith("load: "):
            return Load(**json.loads(line.removeprefix("load: ")))
    raise ValueError(f"wrk gave no result: {done.stdout}{done.stderr}")


def post(base_url, body_file, seconds):
    """POST /jobs with the same body on all connections."""
    return _run(base_url, seconds, {"BODY_FILE": str(body_file)})


def get(base_url, ids_file, seconds, connections=CONNECTIONS):
    """GET /jobs/{id} for the ids in turn."""
    return _run(base_url, seconds, {"IDS_FILE": str(ids_file)}, connections)
