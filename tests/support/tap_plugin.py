"""Prints pytest's results as TAP, one line a test, so that `make check` shows the end-to-end tests check by check.

Use: python3 -m pytest -p tap_plugin -q --no-header (with this folder on PYTHONPATH). pytest's own words go to stderr.
VENDORFETCH_NO_SKIP=1 turns skips into failures.
"""
import os
import sys

_out = os.fdopen(os.dup(1), "w", buffering=1)
_count = 0


def pytest_addoption(parser):
    # What pytest's terminal plugin would bring; comparing asserts ask for it.
    parser.addoption("--verbose", action="count", default=0, dest="verbose")


def pytest_configure(config):
    # Whatever pytest or a test prints must not be taken for TAP.
    os.dup2(2, 1)


def _line(ok, name, directive=""):
    global _count
    _count += 1
    _out.write(f"{'ok' if ok else 'not ok'} {_count} - {name}{directive}\n")


def _diagnose(report):
    for line in report.longreprtext.splitlines()[-60:]:
        _out.write(f"# {line}\n")


def pytest_runtest_logreport(report):
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
    if report.failed:
        _line(False, f"{report.nodeid} (collection)")
        _diagnose(report)


def pytest_sessionfinish(session, exitstatus):
    _out.write(f"1..{_count}\n")
    _out.flush()
