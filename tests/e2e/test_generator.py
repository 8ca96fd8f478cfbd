"""Schemathesis, a tool of others, makes up requests from the OpenAPI document that a system serves: in all its phases and by all its
checks it finds no 5xx, no answer that is not in the document, nothing refused that the document allows or taken that it forbids.

VENDORFETCH_GENERATOR_EXAMPLES=1000 tries so many of each kind for each call, others every time; else it is a few, with the same seed.
"""

import hashlib
import json
import os
import subprocess

import pytest

from stack import QUICK_SETTINGS, TOP, Stack
from vendor_files import as_files, async_vendor, sync_vendor

EXAMPLES = int(os.environ.get("VENDORFETCH_GENERATOR_EXAMPLES", "0"))
FEW = 10
SECONDS = 300 + EXAMPLES * 10
VENDORS = [sync_vendor("quick", aliases=["fast"]), sync_vendor("keeping", response={"keep_raw_seconds": 3600}),
           async_vendor("callback")]
SCOPES = ["submit", "read", "admin"]      # a token is the name of its scope

pytestmark = pytest.mark.only("sqlite")   # what is answered over either store: test_openapi.py


@pytest.fixture(scope="module")
def command():
    found = subprocess.run([TOP / "scripts/get-schemathesis"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"no Schemathesis: {found.stderr.strip()[-300:]}")
    return found.stdout.strip()


def a_system(store, **settings):
    return Stack(store, as_files(VENDORS), settings={**QUICK_SETTINGS, **settings})


@pytest.fixture(scope="module")
def free(store):
    """Asks for no tokens."""
    stack = a_system(store)
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def guarded(store, tmp_path_factory):
    file = tmp_path_factory.mktemp("clients") / "clients.json"
    file.write_text(json.dumps({"clients": [
        {"name": scope, "token_sha256": hashlib.sha256(scope.encode()).hexdigest(), "scopes": [scope]} for scope in SCOPES]}))
    stack = a_system(store, VENDORFETCH_TOKENS=str(file))
    yield stack
    stack.down()


def assert_nothing_is_found(command, stack, folder, *options):
    before = stack.pids("api")
    effort = ["--max-examples", str(EXAMPLES or FEW)] + ([] if EXAMPLES else ["--seed", "1"])
    done = subprocess.run(
        [command, "run", stack.base_url + "/openapi.json", "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
         "--continue-on-failure", "--no-color", "--output-sanitize", "false", *effort, *options],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-20000:]
    assert stack.pids("api") == before


def test_a_generator_finds_nothing_where_no_token_is_asked_for(command, free, tmp_path):
    assert_nothing_is_found(command, free, tmp_path)


@pytest.mark.parametrize("token", ["admin", None])
def test_a_generator_finds_nothing_with_tokens(command, guarded, tmp_path, token):
    assert_nothing_is_found(command, guarded, tmp_path, *(["-H", f"Authorization: Bearer {token}"] if token else []))
