"""A small steady load, and the ids of all jobs that were accepted during it."""

import collections
import itertools
import threading

from waiting import wait_for

PAUSE_SECONDS = 0.05


class Load:
    """Posts jobs to the vendors in turn from a few threads until the `with` block ends. What is not accepted, and what
    gets no answer at all, is counted in `refused` and is nobody's promise."""

    def __init__(self, api, vendors, threads=4):
        self.api = api
        self.vendors = vendors
        self.accepted = []
        self.refused = collections.Counter()
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._over.wait(PAUSE_SECONDS):
            number = next(self._numbers)
            try:
                body = {"vendor": self.vendors[number % len(self.vendors)], "payload": {"n": number}}
                response = self.api.post("/jobs", body)
                if response.status_code == 202:
                    self.accepted.append(response.json()["request_id"])
                else:
                    self.refused[response.status_code] += 1
            except OSError as error:  # every error of requests is one
                self.refused[type(error).__name__] += 1

    def wait_more(self, count, seconds=20):
        """Waits until so many more jobs were accepted."""
        wanted = len(self.accepted) + count
        wait_for(lambda: len(self.accepted) >= wanted, seconds,
                 lambda: f"{count} more jobs are accepted; {len(self.accepted)} were, refused {dict(self.refused)}")
