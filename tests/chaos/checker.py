"""Compares what clients were answered, what the store holds, and what the vendors saw, after everything is over.

As Jepsen's total-queue: an accepted job must be finished, once, and nothing else may have happened. Nothing here asks
the service itself, but for what its clients read.
"""

import collections
import dataclasses
import datetime
import json

from api import FINAL

EVIDENCE_JOBS = 4          # shown of each kind of trouble
EVIDENCE_CHARACTERS = 1500  # of each job
CLOCK_MS = 20               # by how much the clocks of worker and mock may differ


@dataclasses.dataclass
class Row:
    """One line of the table. Everything from `lost` to `doubled` is promised to be 0."""

    number: int
    name: str
    store: str
    jobs: int = 0
    lost: int = 0             # answered 202, then 404 or not finished at the end
    finished_twice: int = 0   # changed after it was finished
    over_limit: int = 0       # calls that the mock counts as over the vendor's limits
    without_grant: int = 0    # more calls than claims, or calls for a job that the store does not know
    over_max: int = 0         # more attempts than max_attempts, in the store or as the mock saw it
    left: int = 0             # members of streams, pending lists, delayed sets and in_flight
    doubled: int = 0          # further jobs for one Idempotency-Key
    unexpected: int = 0       # failed that should not have, or somebody else's result
    failed: int = 0
    calls: int = 0
    refused: int = 0          # answers 503
    cut_off: int = 0          # answers 500
    unanswered: int = 0       # POSTs without any answer
    drain_seconds: float = -1
    seconds: float = 0
    problems: list = dataclasses.field(default_factory=list)
    evidence: list = dataclasses.field(default_factory=list)
    folder: str = ""
    skipped: str = ""

    PROMISED = ("lost", "finished_twice", "over_limit", "without_grant", "over_max", "left", "doubled", "unexpected")

    def is_kept(self):
        return not self.problems and not any(getattr(self, name) for name in self.PROMISED)


class Checker:
    def __init__(self, row, experiment, stack, load, view):
        self.row = row
        self.experiment = experiment
        self.stack = stack
        self.load = load
        self.view = view
        self.max_attempts = {vendor["name"]: vendor["retry"]["max_attempts"] for vendor in experiment.all_vendors()}
        self.jobs = view.jobs()
        self.calls = collections.Counter()          # by request id
        self.counted_calls = collections.Counter()  # without those that were answered 429

    def check(self):
        self._count_calls()
        self._answers()
        self._lost()
        self._finished_twice()
        self._doubled()
        self._over_limit()
        self._without_grant()
        self._over_max()
        self._results()
        self._left()
        self.row.problems += self.experiment.also(self)

    # ---- Evidence ----

    def _add(self, column, request_ids, what):
        """Counts jobs in a column, and keeps what is known of the first few."""
        request_ids = list(request_ids)
        setattr(self.row, column, getattr(self.row, column) + len(request_ids))
        for request_id in request_ids[:EVIDENCE_JOBS]:
            self.row.evidence.append(f"{column}: {what}\n{self._known(request_id)}")

    def _known(self, request_id):
        mocks = {mock.url: [f"{call['at_us'] / 1e6:.3f}: {call['status']}" for call in mock.calls(request_id)]
                 for mock in (self.stack.sync_mock, self.stack.async_mock)}
        job = dict(self.jobs[request_id], payload=None, result=None) if request_id in self.jobs else "has none"
        answers = [wanted.answers for wanted in self.load.wanted if request_id in wanted.request_ids]
        text = (f"  job {request_id}\n  answers to POST {answers}\n  store {job}\n  calls {mocks}\n"
                f"  first finished answer {self.load.answers.finished.get(request_id)}")
        return text[:EVIDENCE_CHARACTERS]

    # ---- What clients were told ----

    def _answers(self):
        posted = self.load.posted()
        self.row.jobs = len(self.load.accepted)
        self.row.refused = posted.get(503, 0)
        self.row.cut_off = posted.get(500, 0)
        self.row.unanswered = sum(count for answer, count in posted.items() if isinstance(answer, str))
        odd = {answer: count for answer, count in posted.items()
               if isinstance(answer, int) and answer not in self.experiment.answers}
        if odd:
            self.row.problems.append(f"POST was answered {odd}")
        never = sum(1 for wanted in self.load.wanted if not wanted.accepted)
        if never:
            self.row.problems.append(f"{never} jobs were never accepted, though all was well again")
        if self.row.jobs < self.load.jobs:
            self.row.problems.append(f"only {self.row.jobs} jobs were accepted")
        self.row.problems += [f"harness: {error}" for error in self.load.errors]

    def _lost(self):
        accepted = self.load.accepted
        answers = self.load.answers
        self._add("lost", (i for i in accepted if i not in self.jobs), "accepted, and not in the store")
        self._add("lost", (i for i in accepted if i in self.jobs and i in answers.unknown),
                  "accepted, and GET said 404")
        self._add("lost", (i for i, job in self.jobs.items() if job["phase"] != "done" or job["status"] not in FINAL),
                  "not finished")
        self._add("lost", (i for i in accepted if i in self.jobs and self.jobs[i]["phase"] == "done" and
                           i not in answers.finished and i not in answers.unknown), "no finished answer could be read")

    def _finished_twice(self):
        rewritten = dict(self.view.rewritten())
        for request_id, (first, other) in self.load.answers.changed.items():
            rewritten.setdefault(request_id, f"GET said {first[:300]} and later {other[:300]}")
        for request_id, what in rewritten.items():
            self._add("finished_twice", [request_id], what[:800])

    def _doubled(self):
        """A key has one job, whatever its client was told and however often it asked."""
        of_number = collections.defaultdict(list)
        for request_id, job in self.jobs.items():
            of_number[job["payload"]["n"]].append(request_id)
        self._add("doubled", (i for ids in of_number.values() for i in ids[1:]), "a second job for one key")
        self._add("doubled", (i for wanted in self.load.wanted for i in wanted.request_ids[1:]),
                  "a second id was answered for one key")

    # ---- What vendors saw ----

    def _count_calls(self):
        for mock in (self.stack.sync_mock, self.stack.async_mock):
            for call in mock.all_calls():
                self.calls[call["id"]] += 1
                self.counted_calls[call["id"]] += call["status"] != 429
        self.row.calls = sum(self.calls.values())

    def _over_limit(self):
        for mock in (self.stack.sync_mock, self.stack.async_mock):
            stats = mock.stats()
            self.row.over_limit += stats["violations"] + stats["in_flight_violations"]
            if stats["violations"] or stats["in_flight_violations"]:
                self.row.evidence.append(f"over_limit: {mock.url} {stats}"[:EVIDENCE_CHARACTERS])
                self.row.evidence += self._crowds(mock)
            if stats["calls_dropped"]:
                self.row.problems.append(f"{mock.url} could not keep all calls")

    def _crowds(self, mock):
        """The windows that hold a call too many, and how long the calls in them took from the worker's decision to send
        to the vendor's kernel: more than a few milliseconds mean that the worker or the machine was stopped between."""
        limit, window_us = mock.knobs()["limit_calls"], mock.knobs()["limit_seconds"] * 1e6
        calls = sorted(mock.all_calls(), key=lambda call: call["at_us"])
        for at, last in enumerate(calls[limit:]):
            span_us = last["at_us"] - calls[at]["at_us"]
            if limit and span_us < window_us:
                delays = sorted((self._delay_ms(call), call["id"]) for call in calls[at:at + limit + 1])
                yield (f"over_limit: {limit + 1} calls in {span_us / 1000} ms, the first one "
                       f"{self._delay_ms(calls[at])} ms after it was sent; slowest {delays[-EVIDENCE_JOBS:]}")

    def _delay_ms(self, call):
        """From the last attempt in the job's history that began before it; -1 if there is none (it did not count)."""
        history = self.jobs.get(call["id"], {}).get("history") or []
        entries = json.loads(history) if isinstance(history, str) else history
        sent = [datetime.datetime.fromisoformat(str(entry["at"])).timestamp() * 1000 for entry in entries]
        return round(min((d for at in sent if (d := call["at_us"] / 1000 - at) > -CLOCK_MS), default=-1), 1)

    def _without_grant(self):
        """A call is granted by a claim, and every claim makes the fence one larger."""
        for request_id, count in self.calls.items():
            more = count - self.jobs[request_id]["fence"] if request_id in self.jobs else count
            if more > 0:
                self._add("without_grant", [request_id], f"{more} calls more than claims")
                self.row.without_grant += more - 1

    def _over_max(self):
        self._add("over_max", (i for i, job in self.jobs.items() if
                               max(job["attempts"], self.counted_calls[i]) > self.max_attempts[job["vendor"]]),
                  "more attempts than max_attempts")

    def _results(self):
        failed = {i: job for i, job in self.jobs.items() if job["phase"] == "done" and job["status"] != "complete"}
        self.row.failed = len(failed)
        self._add("unexpected", (i for i, job in failed.items() if not self.experiment.may_fail(job)), "failed")
        self._add("unexpected", (i for i, job in self.jobs.items() if job["status"] == "complete" and
                                 not self.experiment.is_own(job)), "somebody else's result")

    def _left(self):
        counts = self.stack.queue.counts()
        self.row.left = sum(counts.values())
        if counts:
            self.row.evidence.append(f"left: {counts}"[:EVIDENCE_CHARACTERS])
