"""The whole system, through its front door: curl-like clients, lighttpd, pool, Redis, store, workers, mock vendors.

    /usr/bin/python3 -m pytest tests/e2e                   what scripts/test runs; some minutes on two cores
    /usr/bin/python3 -m pytest tests/e2e -m 'slow or not slow'    the full matrix
    E2E_STORE=sqlite /usr/bin/python3 -m pytest tests/e2e  one store only

VENDORFETCH_BUILD names the build folder if it is not the top of the tree. Everything runs over both stores. A tool that
is missing skips with the reason; VENDORFETCH_NO_SKIP=1 makes that a failure. VENDORFETCH_KEEP_STACKS=1 keeps the
folders of the stacks (data, logs). A failed test shows the ends of all logs.
"""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))


def skip(reason):
    if os.environ.get("VENDORFETCH_NO_SKIP") == "1":
        pytest.fail(f"VENDORFETCH_NO_SKIP=1: {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


for _module in ("requests", "redis", "pymongo"):
    try:
        __import__(_module)
    except ImportError:
        if os.environ.get("VENDORFETCH_NO_SKIP") == "1":
            raise
        collect_ignore_glob = ["test_*.py"]
        print(f"SKIP tests/e2e: the Python module {_module} is missing (Debian: python3-{_module})", file=sys.stderr)
        break
else:
    import stack as stack_module
    from stack import QUICK_SETTINGS, Stack
    from vendor_files import all_vendor_files, own_vendor_files


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes half a minute or more; only run when asked for")
    config.addinivalue_line("markers", "only(store): says nothing about other stores")


def is_wanted(item, everything):
    only = item.get_closest_marker("only")
    if only and hasattr(item, "callspec") and item.callspec.params["store"] not in only.args:
        return False
    return everything or not item.get_closest_marker("slow")


def pytest_collection_modifyitems(config, items):
    wanted = [item for item in items if is_wanted(item, config.option.markexpr)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for stack in stack_module.running:
            report.sections.append((f"stack in {stack.folder}", stack.log_tails()))


STORES = [os.environ["E2E_STORE"]] if os.environ.get("E2E_STORE") else ["sqlite", "mongodb"]


@pytest.fixture(scope="session", params=STORES)
def store(request):
    reason = stack_module.missing_tools(request.param)
    if reason:
        skip(reason)
    return request.param


@pytest.fixture(scope="session")
def shared_stack(store):
    """One stack a store for all tests that leave it as they found it."""
    stack = Stack(store, all_vendor_files(), workers=1, settings=QUICK_SETTINGS)
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def shared_rough_stack(store):
    """A stack of its own for a module that kills parts of it."""
    stack = Stack(store, own_vendor_files(), workers=2, settings=QUICK_SETTINGS)
    yield stack
    stack.down()


@pytest.fixture
def stack(shared_stack):
    yield from clean_hands(shared_stack)


@pytest.fixture
def rough_stack(shared_rough_stack):
    yield from clean_hands(shared_rough_stack)


def clean_hands(stack):
    """A test finds well-behaved vendors with nothing counted, and leaves nothing in Redis (invariant I5)."""
    stack.sync_mock.fresh()
    stack.async_mock.fresh()
    yield stack
    stack.sync_mock.fresh()
    stack.async_mock.fresh()
    stack.queue.assert_drained(15)
