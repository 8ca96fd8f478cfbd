"""A client of the API, as these tests need it: what is sent is under control to the byte, what came back is at hand."""

import concurrent.futures
import json
import threading
import time

import requests

from waiting import wait_for

FINAL = ("complete", "failed", "cancelled")
REQUEST_SECONDS = 10
IDLE_SECONDS = 10  # lighttpd closes a connection that was idle for 30 s, at the worst just as it is used again


class Api:
    """Thread-safe: every thread has its own connections."""

    def __init__(self, base_url):
        self.base_url = base_url
        self._local = threading.local()

    def session(self):
        now = time.monotonic()
        if now - getattr(self._local, "used_at", -IDLE_SECONDS) >= IDLE_SECONDS:
            self._local.session = requests.Session()
        self._local.used_at = now
        return self._local.session

    # ---- Requests ----

    def request(self, method, path, body=None, headers=None):
        """body: bytes or text as it goes out, anything else becomes JSON. A body is sent as application/json
        unless headers say otherwise (a header that is None is not sent)."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent.update(headers or {})
        return self.session().request(method, self.base_url + path, data=body, timeout=REQUEST_SECONDS,
                                      headers={name: value for name, value in sent.items() if value is not None})

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, body, headers)

    # ---- Jobs ----

    def post_job(self, body, headers=None):
        """POST /jobs that has to be accepted; gives the request id."""
        response = self.post("/jobs", body, headers)
        assert response.status_code == 202, f"POST /jobs: {response.status_code} {response.text}"
        return response.json()["request_id"]

    def submit(self, vendor, payload=None):
        return self.post_job({"vendor": vendor, "payload": {"n": 1} if payload is None else payload})

    def submit_many(self, vendor, count, threads=8, payload=None):
        """Posts `count` jobs as fast as a few connections can; gives their ids."""
        def one(number):
            return self.submit(vendor, {"n": number} if payload is None else payload)

        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(count)))

    def job(self, request_id):
        response = self.get("/jobs/" + request_id)
        assert response.status_code == 200, f"GET /jobs/{request_id}: {response.status_code} {response.text}"
        return response.json()

    def wait(self, request_id, seconds=15, status=FINAL):
        """Waits until the job has (one of) the status; gives the job."""
        wanted = (status,) if isinstance(status, str) else status

        def reached():
            job = self.job(request_id)
            return job if job["status"] in wanted else None

        return wait_for(reached, seconds, lambda: f"status {wanted}: {self.get('/jobs/' + request_id).text}")

    def wait_all(self, request_ids, seconds):
        """Waits until all have ended; gives {request_id: job}."""
        ended, left = {}, list(request_ids)

        def look():
            still = []
            for request_id in left:
                job = self.job(request_id)
                if job["status"] in FINAL:
                    ended[request_id] = job
                else:
                    still.append(request_id)
                    if len(still) > 20:  # the rest can wait for the next look
                        break
            left[:] = [request_id for request_id in left if request_id not in ended]
            return not left

        wait_for(look, seconds, lambda: f"all jobs end; {len(left)} of {len(request_ids)} have not, such as "
                                        f"{self.get('/jobs/' + left[0]).text}")
        return ended


def assert_complete(jobs):
    """All of {request_id: job} are complete."""
    others = [job for job in jobs.values() if job["status"] != "complete"]
    assert not others, f"{len(others)} of {len(jobs)} are not complete, such as {others[0]}"


def assert_problem(response, status, detail=None):
    """The answer is a problem document (RFC 9457) with this status, and its detail holds the text."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json", response.headers
    problem = response.json()
    assert problem["status"] == status and problem["title"] and problem["detail"], problem
    if detail:
        assert detail.lower() in problem["detail"].lower(), problem
    return problem
