"""Who may call: tokens, their scopes, vendors and tenants, and how often."""

import hashlib
import json
import time

import pytest

from api import assert_problem
from stack import QUICK_SETTINGS, Stack
from vendor_files import all_vendor_files
from waiting import wait_for


def client(name, *scopes, **members):
    return {"name": name, "token_sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": list(scopes), **members}


CLIENTS = [client("submit", "submit"), client("read", "read"), client("admin", "admin"),
           client("vendor", "submit", "read", vendors=["syncVendor", "refusing"]),
           client("tenant-one", "submit", "read", tenant="one"), client("tenant-two", "submit", "read", tenant="two"),
           client("expired", "admin", expires="2020-01-01"),
           client("limited", "read", limit={"requests": 5, "per_seconds": 3600})]
JOB = {"vendor": "sync", "payload": {"n": 1}}
NOBODYS = "01a20421-4cf4-745d-b725-f6b894e9850d"


def bearer(token, **more):
    return {"Authorization": f"Bearer {token}", **more}


@pytest.fixture(scope="module")
def guarded(store, tmp_path_factory):
    """A stack that asks for tokens: each is its client's name."""
    file = tmp_path_factory.mktemp("clients") / "clients.json"
    file.write_text(json.dumps({"clients": CLIENTS}))
    stack = Stack(store, all_vendor_files(), settings={**QUICK_SETTINGS, "VENDORFETCH_TOKENS": str(file)})
    yield stack
    stack.down()


def complete(api, token, job=None, **headers):
    """Posts a job, waits until it is complete as this client sees it, gives its id."""
    response = api.post("/jobs", job or JOB, bearer(token, **headers))
    assert response.status_code == 202, response.text
    request_id = response.json()["request_id"]
    wait_for(lambda: api.get(f"/jobs/{request_id}", bearer(token)).json().get("status") == "complete", 20,
             "the job is complete")
    return request_id


def test_without_a_token_nothing_is_told(guarded):
    api = guarded.api
    for headers in ({}, bearer(""), bearer("nobodys"), bearer("expired"), {"Authorization": "Basic cmVhZDpyZWFk"}):
        for response in (api.post("/jobs", JOB, headers), api.get(f"/jobs/{NOBODYS}", headers)):
            assert_problem(response, 401)
            assert response.headers["WWW-Authenticate"].startswith('Bearer realm="vendorfetch"')
    health = api.get("/health")
    assert health.status_code == 200 and set(health.json()) == {"status"}
    assert "vendors" in api.get("/health", bearer("admin")).json()


def test_scopes(guarded):
    api = guarded.api
    assert_problem(api.get(f"/jobs/{NOBODYS}", bearer("submit")), 403)
    assert_problem(api.post("/jobs", JOB, bearer("read")), 403)
    request_id = api.post("/jobs", JOB, bearer("submit")).json()["request_id"]
    assert api.get(f"/jobs/{request_id}", bearer("read")).json()["request_id"] == request_id


def test_a_token_for_one_vendor(guarded):
    api = guarded.api
    complete(api, "vendor")
    complete(api, "vendor", {"vendor": "syncVendor", "payload": {}})
    refused = api.post("/jobs", {"vendor": "async", "payload": {}}, bearer("vendor"))
    assert_problem(refused, 403)
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    others = complete(api, "admin", {"vendor": "last", "payload": {}})
    for _ in range(2):   # the second time it is in the cache
        assert_problem(api.get(f"/jobs/{others}", bearer("vendor")), 404)
        assert api.get(f"/jobs/{others}", bearer("admin")).status_code == 200
    guarded.sync_mock.configure(fail_ratio=1, fail_status=422)
    own = complete(api, "vendor", {"vendor": "refusing", "payload": {}})   # which has gone on to "last"
    guarded.sync_mock.fresh()
    assert api.get(f"/jobs/{own}", bearer("vendor")).json()["vendor"] == "last"


def test_tenants_see_their_own_jobs_only(guarded):
    api = guarded.api
    of_one = complete(api, "tenant-one")
    of_nobody = complete(api, "admin")
    for _ in range(2):
        assert api.get(f"/jobs/{of_one}", bearer("tenant-one")).json()["status"] == "complete"
        assert api.get(f"/jobs/{of_one}", bearer("admin")).json()["status"] == "complete"
        assert_problem(api.get(f"/jobs/{of_one}", bearer("tenant-two")), 404)
        assert_problem(api.get(f"/jobs/{of_nobody}", bearer("tenant-one")), 404)


def test_idempotency_keys_are_a_tenants_own(guarded):
    api, key = guarded.api, {"Idempotency-Key": f"order-{time.time_ns()}"}
    ids = {token: {api.post("/jobs", JOB, bearer(token, **key)).json()["request_id"] for _ in range(2)}
           for token in ("tenant-one", "tenant-two", "admin")}
    assert all(len(of_one) == 1 for of_one in ids.values())
    assert len(set.union(*ids.values())) == 3


def test_what_a_vendor_said_as_it_came_is_for_admins(guarded):
    api = guarded.api
    request_id = complete(api, "admin")
    for token in ("read", "vendor", "submit", "tenant-one"):
        assert_problem(api.get(f"/jobs/{request_id}/raw", bearer(token)), 403)
    assert_problem(api.get(f"/jobs/{request_id}/raw", bearer("admin")), 404, "no raw answer")


def test_requests_are_counted_by_all_processes_together(guarded):
    api = guarded.api
    answers = [api.get(f"/jobs/{NOBODYS}", bearer("limited")) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 3
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"5"}
    assert 700 <= int(answers[-1].headers["Retry-After"]) <= 720
    assert 3590 <= int(answers[-1].headers["RateLimit-Reset"]) <= 3600
    assert_problem(answers[-1], 429)


def test_callbacks_need_no_token_of_a_client(guarded):
    complete(guarded.api, "admin", {"vendor": "async", "payload": {}})


def test_tokens_are_in_no_log(guarded):
    api = guarded.api
    api.get("/health", bearer("vf_secret_of_somebody"))
    api.post("/jobs", JOB, bearer("vf_secret_of_somebody"))
    logs = "".join(path.read_text(errors="replace") for path in (guarded.folder / "log").iterdir() if path.is_file())
    assert "API tokens are asked for" in logs and "vf_secret_of_somebody" not in logs
