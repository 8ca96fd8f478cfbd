"""One port of vendorfetch-mock (docs/mock.md): its knobs, and what it has counted. It shares no code with the service,
so what it says is evidence."""

import requests

from waiting import wait_for

REQUEST_SECONDS = 10
PAGE_CALLS = 100000  # the most that one answer of the mock holds


class MockVendor:
    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.defaults = self._get("/config")

    def _get(self, path, **query):
        response = self.session.get(self.url + path, params=query, timeout=REQUEST_SECONDS)
        assert response.status_code == 200, f"mock {path}: {response.status_code} {response.text}"
        return response.json()

    def configure(self, **knobs):
        response = self.session.post(self.url + "/config", json=knobs, timeout=REQUEST_SECONDS)
        assert response.status_code == 200, f"mock /config {knobs}: {response.text}"

    def knobs(self):
        return self._get("/config")

    def fresh(self):
        """Every knob as at the start, all counts at nothing."""
        self.configure(**{name: value for name, value in self.defaults.items() if value != "(set)"})
        self.session.post(self.url + "/reset", timeout=REQUEST_SECONDS)

    def stats(self):
        return self._get("/stats")

    def calls(self, request_id):
        """The calls that came for a job, oldest first, with request line, headers (names in lower case) and body."""
        calls = self._get("/calls", id=request_id)
        for call in calls:
            call["headers"] = {name.lower(): value for name, value in call.get("headers", {}).items()}
        return calls

    def all_calls(self):
        """Number, time, id, status and attempt of every call, in order."""
        calls = []
        while True:
            page = self._get("/calls", offset=len(calls), limit=PAGE_CALLS)
            calls += page
            if len(page) < PAGE_CALLS:
                return calls

    def wait_calls(self, count, seconds=10):
        """Waits until at least so many calls have come."""
        wait_for(lambda: self.stats()["calls"] >= count, seconds, lambda: f"{count} calls: {self.stats()}")
