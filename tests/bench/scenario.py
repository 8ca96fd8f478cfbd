"""What a scenario gives: figures. A scenario is a file in scenarios/ with a function run(bench) that yields them."""

import dataclasses
import importlib
import pkgutil
import statistics


@dataclasses.dataclass
class Figure:
    """One line of the table. With a baseline the target is one of the ratio, without one of the figure itself."""

    what: str
    unit: str
    runs: list
    baseline: str = ""                                              # what it is compared with
    baseline_runs: list = dataclasses.field(default_factory=list)   # measured in turn with `runs`
    at_least: float = None                                          # the target, if there is one
    at_most: float = None
    scenario: str = ""                                              # this and the rest: filled in by run.py
    store: str = ""

    def value(self):
        return statistics.median(self.runs)

    def baseline_value(self):
        return statistics.median(self.baseline_runs) if self.baseline_runs else None

    def ratio(self):
        return self.value() / self.baseline_value() if self.baseline_value() else None

    def is_met(self):
        """None: there is no target."""
        judged = self.value() if self.ratio() is None else self.ratio()
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or judged >= self.at_least) and (self.at_most is None or judged <= self.at_most)

    def as_dict(self):
        return {**dataclasses.asdict(self), "value": self.value(), "baseline_value": self.baseline_value(),
                "ratio": self.ratio(), "met": self.is_met()}


def all_scenarios():
    """{name: module} of every file in scenarios/."""
    folder = importlib.import_module("scenarios")
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return {name: importlib.import_module(f"scenarios.{name}") for name in names}
