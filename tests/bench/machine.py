"""On what it was measured: the machine, the versions, and how our programs were compiled."""

import os
import platform
import re
import sqlite3
import subprocess
import tempfile

from stack import TOP

VERSIONS = {
    "lighttpd": ["lighttpd", "-v"],
    "redis": ["redis-server", "--version"],
    "wrk": ["wrk", "-v"],
    "libfcgi": ["pkg-config", "--modversion", "fcgi"],
    "commit": ["git", "-C", str(TOP), "describe", "--always", "--dirty"],
}
VARIABLES = ("CC", "CFLAGS", "VF_CFLAGS", "VF_CPPFLAGS", "VF_LDFLAGS")


def output(command):
    """The first line that a command says, or why there is none."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    except OSError as error:
        return str(error)
    return ((done.stdout + done.stderr).splitlines() or ["?"])[0].strip()


def mongod_version():
    return output([output([str(TOP / "scripts/get-mongod")]), "--version"])


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        found = re.search(r"model name\s*:\s*(.*)", file.read())
    return found.group(1) if found else platform.machine()


def compiled(build):
    """{name: value} of the variables of the build folder's Makefile that are not empty."""
    text = (build / "Makefile").read_text()
    found = {name: re.search(rf"^{name} = (.*)$", text, re.MULTILINE) for name in VARIABLES}
    return {name: match.group(1).strip() for name, match in found.items() if match and match.group(1).strip()}


def is_slowed(build):
    """Is this a build for tests, whose figures mean nothing?"""
    flags = " ".join(compiled(build).values())
    return "-fsanitize" in flags or "VF_CRASH_POINTS" in flags or not re.search(r"-O[23s]", flags)


def facts(build, stores):
    """{what: text}"""
    flags = compiled(build)
    known = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": f"{cpu_model()}, {os.cpu_count()} cores",
        "store's file system": output(["stat", "-f", "-c", "%T", tempfile.gettempdir()]),
        "compiler": output([flags["CC"].split()[0], "--version"]),
        "flags": " ".join(value for name, value in flags.items() if name != "CC"),
        "sqlite": sqlite3.sqlite_version,
        **{name: output(command) for name, command in VERSIONS.items()},
    }
    if "mongodb" in stores:
        known["mongod"] = mongod_version()
    return known
