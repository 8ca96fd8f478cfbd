"""Prints pytest's results as TAP, one line a test, so that `make check` shows the end-to-end tests check by check.

Use: python3 -m pytest -p tap_plugin -q --no-header (with this folder on PYTHONPATH). pytest's own words go to stderr.
VENDORFETCH_NO_SKIP=1 turns skips into failures. Which tests took longest is said at the end.
"""
import collections
import os
import re
import sys

LOG_LINES_SHOWN = 12                                  # of each log, the last ones that say more than info
TROUBLE = re.compile(r"Z (warn|error) |AddressSanitizer|runtime error|" r'"s":"[EF]"')

SLOWEST_SHOWN = 10

_out = os.fdopen(os.dup(1), "w", buffering=1)
_count = 0
_seconds = collections.Counter()                      # of a test, with what was set up and torn down around it
_speaks = True                                        # not in the processes that pytest-xdist runs the tests in


def pytest_addoption(parser):
    # What pytest's terminal plugin would bring; comparing asserts ask for it.
    parser.addoption("--verbose", action="count", default=0, dest="verbose")


def pytest_configure(config):
    global _speaks
    # Whatever pytest or a test prints must not be taken for TAP.
    os.dup2(2, 1)
    _speaks = not hasattr(config, "workerinput")


def _line(ok, name, directive=""):
    global _count
    _count += 1
    _out.write(f"{'ok' if ok else 'not ok'} {_count} - {name}{directive}\n")


def _trouble(log):
    """What the logs of a stack say of trouble, each under its name."""
    shown = []
    for line in log.splitlines():
        if line.startswith("---- "):
            shown.append([line])
        elif shown and TROUBLE.search(line):
            shown[-1].append(line[:300])
    return [line for name, *lines in shown if lines for line in [name, *lines[-LOG_LINES_SHOWN:]]]


def _diagnose(report):
    lines = report.longreprtext.splitlines()[-60:]
    for name, text in report.sections:
        if name.startswith("stack in "):
            lines += [name, *_trouble(text)]
    for line in lines:
        _out.write(f"# {line}\n")


def pytest_runtest_logreport(report):
    if not _speaks:
        return
    _seconds[report.nodeid] += report.duration
    name = report.nodeid.replace("#", " ")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if os.environ.get("VENDORFETCH_NO_SKIP") == "1":
            _line(False, f"{name} (skipped: {reason})")
        else:
            _line(True, name, f" # SKIP {reason}")
    elif report.failed:
        _line(False, f"{name} ({report.when})")
        _diagnose(report)
    elif report.when == "call":
        _line(True, name)


def pytest_collectreport(report):
    if _speaks and report.failed:
        _line(False, f"{report.nodeid} (collection)")
        _diagnose(report)


def pytest_sessionfinish(session, exitstatus):
    if not _speaks:
        return
    _out.write(f"1..{_count}\n")
    for name, seconds in _seconds.most_common(SLOWEST_SHOWN):
        _out.write(f"# {seconds:.1f} s: {name}\n")
    _out.flush()
