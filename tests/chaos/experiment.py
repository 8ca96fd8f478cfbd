"""What an experiment is, and the list of all of them.

    @experiment(4, "kill a worker after its take", crash_points=True)
    def worker_after_take(stack, load, crash):
        crash.repeat("take_after")

The function is the fault: it is called while the load runs (a fifth of the jobs was accepted by then), injects, heals,
and returns; the load goes on until it has returned and all jobs were accepted. It fails with AssertionError if what it
wanted to do did not happen. It must leave everything healed: what follows is the drain, then the checks.
"""

import dataclasses
import importlib
import pkgutil
import typing

from vendor_files import async_vendor, sync_vendor

STORES = ("sqlite", "mongodb")
CALLS_A_SECOND = 100
ATTEMPTS = 20
registered = {}


def limited_vendors(**more):
    """A sync and an async vendor that the load keeps busy: more jobs a second come in than may be called. Members of
    vendor files as keywords go into both."""
    limits = {"limits": [{"calls": CALLS_A_SECOND, "per_seconds": 1}], "max_in_flight": 100,
              "max_attempts": ATTEMPTS, "timeout_ms": 1000, **more}
    return [sync_vendor("at-once", **limits),
            async_vendor("calls-back", **{"callback": {"timeout_seconds": 20}, **limits})]


def none_may_fail(_job):
    return False


def none_refused(checker):
    """For `also`: every single POST was answered 202, but for those whose clients did not want to know."""
    refused = {answer: count for answer, count in checker.load.posted().items() if answer not in (202, "vanished")}
    return [f"POSTs were refused: {refused}"] if refused else []


def has_own_number(job):
    """The mock's data holds what it received."""
    return job["result"]["received"]["n"] == job["payload"]["n"]


@dataclasses.dataclass
class Experiment:
    """What varies between experiments; the defaults are right for most."""

    number: int
    name: str
    fault: typing.Callable              # (stack, load, crash)
    stores: tuple = STORES
    ci: tuple = ()                      # the stores over which it is part of the short run
    crash_points: bool = False          # needs a build with ./configure --enable-crash-points
    needs: typing.Callable = lambda: None   # why it cannot run here, or None
    vendors: typing.Callable = limited_vendors  # gives vendor files, half sync, half async
    others: typing.Callable = list      # gives vendor files that the load leaves alone, for jobs of the fault itself
    settings: dict = dataclasses.field(default_factory=dict)  # environment of the stack
    workers: int = 2
    api_processes: int = 2
    mongod_nodes: int = 1               # over mongodb; more make a replica set
    before_up: typing.Callable = lambda stack: None  # when only the stack's folder is there
    setup: typing.Callable = lambda stack: None  # before the load: knobs of the mocks
    may_fail: typing.Callable = none_may_fail    # (job as the store has it): may it end as failed here?
    is_own: typing.Callable = has_own_number     # (complete job): is its result what its vendor gave for it?
    answers: tuple = (202, 503)         # what a POST may be answered, if it is answered
    also: typing.Callable = lambda checker: ()   # gives texts: what else is wrong at the end, beside the columns
    rate: int = 250                     # jobs a second
    trickle: int = 30                   # the same, once there are enough jobs and the fault is still on
    drain_seconds: int = 60             # at most, from the end of fault and load
    deadline_seconds: int = 240         # for all of it

    def all_vendors(self):
        return [*self.vendors(), *self.others()]


def experiment(number, name, **more):
    """Registers the fault that it decorates."""
    def register(fault):
        assert number not in registered, f"two experiments {number}"
        registered[number] = Experiment(number, name, fault, **more)
        return fault

    return register


def all_experiments():
    """Every experiment in experiments/*.py, by number."""
    folder = importlib.import_module("experiments")
    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"experiments.{module.name}")
    return [registered[number] for number in sorted(registered)]
