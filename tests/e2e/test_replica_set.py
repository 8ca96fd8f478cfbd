"""MongoDB as people run it: a replica set of three, whose primary is killed or steps down under load.

No accepted job is lost, and for the seconds without a primary POST answers 503 and nothing worse.
"""

import time

import pytest

from api import assert_complete
from conftest import clean_hands
from load import Load
from replica_set import find_primary, nodes, step_down
from stack import QUICK_SETTINGS, Stack
from vendor_files import own_vendor_files

END_SECONDS = 60
POST_SECONDS = 3.0  # 2 s for the batch, and some for a busy machine

pytestmark = pytest.mark.only("mongodb")


@pytest.fixture(scope="module")
def set_of_three(store):
    stack = Stack(store, own_vendor_files(), workers=2, settings=QUICK_SETTINGS, mongod_nodes=3)
    yield stack
    stack.down()


@pytest.fixture
def replica_stack(set_of_three):
    yield from clean_hands(set_of_three)


class TimedApi:
    """Passes posts on and keeps the longest time that one took."""

    def __init__(self, api):
        self.api = api
        self.longest = 0.0

    def post(self, *arguments):
        began = time.monotonic()
        try:
            return self.api.post(*arguments)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)


def under_load(stack, fault):
    """Runs the fault while jobs are posted; they are accepted again afterwards, and all that were end well."""
    stack.sync_mock.configure(latency_ms=50)
    stack.async_mock.configure(latency_ms=20, webhook_delay_ms=100)
    timed = TimedApi(stack.api)
    with Load(timed, ["sturdy", "sturdy-callback"], threads=8) as load:
        load.wait_more(80)
        fault()
        load.wait_more(200, 40)
    assert set(load.refused) <= {503}, load.refused
    assert timed.longest < POST_SECONDS, f"a POST took {timed.longest:.2f} s"
    assert_complete(stack.api.wait_all(load.accepted, END_SECONDS))


def test_the_primary_is_killed(replica_stack):
    stack = replica_stack
    primary = find_primary(stack)
    try:
        under_load(stack, lambda: stack.kill(primary))
        assert find_primary(stack) != primary
    finally:
        stack.start(primary)
    stack.wait_healthy()


def test_the_primary_steps_down(replica_stack):
    stack = replica_stack
    primary = find_primary(stack)
    under_load(stack, lambda: step_down(stack, primary))
    assert find_primary(stack, but_not=primary) != primary
    stack.wait_healthy()


def test_a_majority_is_away(replica_stack):
    """One of three is no majority: nothing is accepted that could be lost, and all goes on when another is back."""
    stack = replica_stack
    primary = find_primary(stack)
    others = [name for name in nodes(stack) if name != primary]
    accepted = stack.api.submit("quick")
    stack.api.wait(accepted, status="complete")
    for name in others:
        stack.kill(name)
    try:
        for _ in range(3):
            assert stack.api.post("/jobs", {"vendor": "quick", "payload": {}}).status_code == 503
    finally:
        for name in others:
            stack.start(name)
    find_primary(stack)
    stack.wait_healthy()
    assert_complete(stack.api.wait_all(stack.api.submit_many("quick", 20), END_SECONDS))
