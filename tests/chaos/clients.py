"""The clients of an experiment. They write down every answer they get; nothing else is known of the API.

Every job has an Idempotency-Key of its own. A client that gets no answer, or 503, sends the same request with the same
key again until it is accepted, as a real one would.
"""

import collections
import itertools
import json
import random
import threading
import time
import uuid

from api import FINAL
from waiting import wait_for

THREADS = 8
READER_PAUSE_SECONDS = 0.02
AGAIN_SECONDS = 0.25   # before a request is repeated: less than Retry-After says, so that the load goes on
ACCEPT_SECONDS = 60    # a job that is not accepted so long after the end of the fault never will be


class Wanted:
    """One job that a client wants done, and all that was said about it. filler: so many bytes more in its payload, and
    again as many around it."""

    def __init__(self, number, vendor, filler=0):
        self.number = number
        self.body = json.dumps({"vendor": vendor, "payload": {"n": number, "filler": "x" * filler}}).encode()
        self.body += b" " * filler
        self.key = str(uuid.uuid4())
        self.replayed = False   # the service had it already when it was accepted
        self.answers = []       # (time, status or name of the error) of each POST
        self.request_ids = []   # different ids in answers 202, which must be one

    @property
    def accepted(self):
        return bool(self.request_ids)


class Answers:
    """What was read of jobs: the first finished answer of each, and whatever did not agree with it later."""

    def __init__(self):
        self.finished = {}                # request id -> body
        self.changed = {}                 # request id -> (first body, other body)
        self.unknown = {}                 # request id -> time of the 404
        self.others = collections.Counter()

    def add(self, request_id, response):
        if response.status_code == 404:
            self.unknown.setdefault(request_id, time.time())
        elif response.status_code != 200:
            self.others[response.status_code] += 1
        elif request_id in self.finished:
            if response.text != self.finished[request_id]:
                self.changed.setdefault(request_id, (self.finished[request_id], response.text))
        elif response.json()["status"] in FINAL:
            self.finished[request_id] = response.text


def name_of(error):
    """How it is written down that there was no answer: whether the service was not even there, or left us alone."""
    return "refused" if "Connection refused" in str(error) else type(error).__name__


class Load:
    """Posts jobs to the vendors in turn, `rate` a second, from the start of the `with` block until at least `jobs` were
    accepted and fault_is_over() was called; reads a sample all the while. If there are enough jobs before, `trickle`
    a second are posted."""

    def __init__(self, api, vendors, jobs, rate, trickle, threads=THREADS):
        self.api = api
        self.vendors = vendors
        self.jobs = jobs
        self.rate = rate
        self.trickle = trickle
        self.wanted = []
        self.answers = Answers()
        self.errors = []                  # of the threads themselves: the experiment says nothing then
        self._accepted = []
        self._numbers = itertools.count()
        self._fault_over = threading.Event()
        self._over = threading.Event()
        self._give_up_at = None
        self._next_at = time.monotonic()
        self._lock = threading.Lock()
        self._posters = [self._thread(self._post) for _ in range(threads)]
        self._reader = self._thread(self._read)

    # ---- For experiments ----

    @property
    def accepted(self):
        """The ids of all accepted jobs so far."""
        return list(self._accepted)

    def wait_accepted(self, count, seconds=60):
        """Waits until so many jobs were accepted in all."""
        wait_for(lambda: len(self._accepted) >= count, seconds,
                 lambda: f"{count} jobs are accepted; {len(self._accepted)} were, answers {dict(self.posted())}")

    def wait_more(self, count, seconds=60):
        """Waits until so many more jobs were accepted."""
        self.wait_accepted(len(self._accepted) + count, seconds)

    def go_on(self, seconds):
        """The load goes on for so long: for faults that last a given time, or come at a given pace."""
        self._over.wait(seconds)

    def posted(self):
        """How often a POST was answered with what."""
        return collections.Counter(answer for wanted in list(self.wanted) for _, answer in list(wanted.answers))

    def want(self, filler=0):
        """One more job, for an experiment that posts it in its own way: what comes of that goes to note()."""
        number = next(self._numbers)
        wanted = Wanted(number, self.vendors[number % len(self.vendors)], filler)
        self.wanted.append(wanted)
        return wanted

    def note(self, wanted, answer, request_id=None):
        """A POST was answered with a status, and 202 with an id; or the name of the error."""
        wanted.answers.append((time.time(), answer))
        if answer != 202:
            return
        if not wanted.accepted:
            self._accepted.append(request_id)
        if request_id not in wanted.request_ids:
            wanted.request_ids.append(request_id)

    def insist(self, wanted):
        """Posts it until it is accepted."""
        while not self._post_once(wanted) and not self._over.wait(AGAIN_SECONDS):
            if self._give_up_at and time.monotonic() > self._give_up_at:
                return

    # ---- For the runner ----

    def __enter__(self):
        for thread in [*self._posters, self._reader]:
            thread.start()
        return self

    def fault_is_over(self):
        self._give_up_at = time.monotonic() + ACCEPT_SECONDS
        self._fault_over.set()

    def wait_end(self):
        for thread in self._posters:
            thread.join()

    def __exit__(self, *_):
        self.fault_is_over()
        self._over.set()
        for thread in [*self._posters, self._reader]:
            thread.join()

    def read_all(self, threads=4):
        """Reads every accepted job once more."""
        def read(share):
            for request_id in share:
                self._read_one(request_id)

        shares = [self._accepted[start::threads] for start in range(threads)]
        readers = [self._thread(read, share) for share in shares]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    # ---- Threads ----

    def _thread(self, run, *arguments):
        return threading.Thread(target=self._guarded, args=(run, *arguments), daemon=True)

    def _guarded(self, run, *arguments):
        try:
            run(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(f"{run.__name__}: {error!r}")

    def _enough(self):
        return len(self._accepted) >= self.jobs

    def _wait_turn(self):
        """Waits for this thread's turn; false once the load is over."""
        with self._lock:
            rate = self.trickle if self._enough() else self.rate
            self._next_at = max(self._next_at + 1 / rate, time.monotonic() - 1)
            wait = self._next_at - time.monotonic()
        self._over.wait(max(wait, 0))
        return not (self._over.is_set() or self._enough() and self._fault_over.is_set())

    def _post(self):
        while self._wait_turn():
            self.insist(self.want())

    def _post_once(self, wanted):
        try:
            response = self.api.post("/jobs", wanted.body, {"Idempotency-Key": wanted.key})
        except OSError as error:  # every error of requests is one: no answer
            self.note(wanted, name_of(error))
            return False
        accepted = response.status_code == 202
        wanted.replayed |= accepted and "Idempotency-Replayed" in response.headers
        self.note(wanted, response.status_code, response.json()["request_id"] if accepted else None)
        return accepted

    def _read(self):
        """Reads accepted jobs at random, rather early ones, so that many are seen finished."""
        while not self._over.wait(READER_PAUSE_SECONDS):
            if self._accepted:
                self._read_one(self._accepted[int(random.random() ** 1.5 * len(self._accepted))])

    def _read_one(self, request_id):
        try:
            self.answers.add(request_id, self.api.get("/jobs/" + request_id))
        except OSError as error:
            self.answers.others[type(error).__name__] += 1
