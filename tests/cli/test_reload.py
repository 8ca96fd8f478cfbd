"""vendorfetch reload: whom it tells, and that it tells nobody of files that are bad. What comes of it: tests/e2e/test_reload.py."""
import os
import signal
import subprocess
import sys

import pytest

from cli import vendor, vendorfetch, write

# Stands in for a program of ours: says that it is up, and then what it got. argv: whether it expects SIGHUP.
PROGRAM = """
import signal, sys
if sys.argv[1] == "expects":
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGUSR2])
print("up", flush=True)
print(signal.sigtimedwait([signal.SIGHUP, signal.SIGUSR2], 30).si_signo if sys.argv[1] == "expects" else sys.stdin.readline())
"""


class Program:
    """Runs under one of our names: python is told by a shell what to call itself."""

    def __init__(self, name, *arguments, expects=True):
        self.process = subprocess.Popen(["bash", "-c", 'exec -a "$0" "$@"', name, sys.executable, "-c", PROGRAM,
                                         "expects" if expects else "starting", *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "up\n"

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def settings(tmp_path):
    if not os.path.isdir("/proc/self"):
        pytest.skip("there is no /proc")
    (tmp_path / "vendors.d").mkdir()
    write(tmp_path / "vendors.d", "v.json", vendor("v"))
    return write(tmp_path, "settings", f"VENDORFETCH_VENDORS_DIR={tmp_path}/vendors.d\n")


@pytest.fixture
def start():
    programs = []

    def begin(*arguments, **more):
        programs.append(Program(*arguments, **more))
        return programs[-1]

    yield begin
    for program in programs:
        program.end()


def test_handlers_and_workers_of_these_settings_are_told(settings, start, tmp_path):
    told = [start("/usr/local/bin/vendorfetch.fcgi", "--config", settings), start("vendorfetch-worker", f"--config={settings}")]
    other = start("vendorfetch-worker", "--config", write(tmp_path, "other", ""))
    another = start("vendorfetch-mock", "--config", settings)
    done = vendorfetch("reload", "--config", settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "told 2 running processes\n", "")
    for program in told:
        assert program.process.communicate(timeout=30)[0] == f"{int(signal.SIGHUP)}\n"
    assert other.process.poll() is None and another.process.poll() is None


def test_one_that_has_not_said_that_it_expects_it_is_not_killed(settings, start):
    program = start("vendorfetch.fcgi", "--config", settings, expects=False)
    done = vendorfetch("reload", "--config", settings)
    assert (done.returncode, done.stdout) == (0, "told 0 running processes; those that are just starting read the files anyway\n")
    assert program.process.communicate("still here\n", timeout=30)[0] == "still here\n\n"


def test_bad_files_are_said_with_their_lines_and_nobody_is_told(settings, start, tmp_path):
    program = start("vendorfetch-worker", "--config", settings)
    write(tmp_path / "vendors.d", "w.json", vendor("w", retry=1))
    done = vendorfetch("reload", "--config", settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"{tmp_path}/vendors.d/w.json:7:3: retry: must be an object\n"
                           "vendorfetch: nobody was told: the vendors that are in force stay so\n")
    os.kill(program.process.pid, signal.SIGUSR2)
    assert program.process.communicate(timeout=30)[0] == f"{int(signal.SIGUSR2)}\n"


def test_nobody_is_there(settings):
    done = vendorfetch("reload", "--config", settings)
    assert (done.returncode, done.stdout) == (1, "told 0 running processes\n")
    assert done.stderr == f"vendorfetch: no vendorfetch.fcgi or vendorfetch-worker with {settings} runs here\n"
