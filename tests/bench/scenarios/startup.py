"""Start-up: from the exec of a pool process, and of a worker, to the line in its log that says it is ready."""

import contextlib
import os
import socket
import subprocess
import time

from scenario import Figure

STARTS = 5                # for each run
AT_MOST_MS = 100
SPARE_SLOT = "9"          # of a worker that is none of the stack's own


def milliseconds_to_ready(command, stdin):
    environment = {"PATH": os.environ["PATH"]}   # all settings are in the stack's file
    began = time.monotonic()
    with subprocess.Popen(command, stdin=stdin, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            for line in process.stderr:
                if " ready " in line:
                    return (time.monotonic() - began) * 1000
        finally:
            process.kill()
    raise AssertionError(f"{command} never said that it is ready")


def pool_process(bench, stack):
    path = stack.folder / "run" / "startup.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen()
        try:
            return milliseconds_to_ready([bench.build / "vendorfetch.fcgi", "--config",
                                          stack.folder / "vendorfetch.conf"], listening)
        finally:
            path.unlink()


def worker(bench, stack):
    return milliseconds_to_ready([bench.build / "vendorfetch-worker", "--config", stack.folder / "vendorfetch.conf",
                                  "--worker-slot", SPARE_SLOT], subprocess.DEVNULL)


def run(bench):
    with bench.stack() as stack:
        for what, start in (("pool process", pool_process), ("worker", worker)):
            took = [start(bench, stack) for _ in range(STARTS * len(bench.runs))]
            yield Figure(f"{what} until ready", "ms", took, at_most=AT_MOST_MS)
