"""What a vendor said is kept as it came if its file says so, for so long as that says, and in the store alone."""

import datetime
import json

import pytest

from api import assert_problem
from early_store import opened, vendor_job_id
from stack import QUICK_SETTINGS, Stack
from test_personal_data import RULES
from vendor_files import as_files, async_vendor, own_id_vendor, polled_vendor, sync_vendor
from waiting import wait_for
from written import all_files, all_in_redis, all_in_store

KEPT_SECONDS = 3600
BRIEF_SECONDS = 4
SECRET = "s3cret-4711"
EARLY_SECRET = "s3cret-early"


def keeping(vendor, seconds=KEPT_SECONDS):
    return {**vendor, "response": {**vendor.get("response", {}), **RULES, "keep_raw_seconds": seconds}}


VENDORS = [keeping(sync_vendor("raw-answers", max_attempts=1)), keeping(async_vendor("raw-callbacks")),
           keeping(async_vendor("raw-brief"), BRIEF_SECONDS), keeping(own_id_vendor("raw-early")),
           keeping(polled_vendor("raw-polled"))]


@pytest.fixture(scope="module")
def raw_stack(store):
    stack = Stack(store, as_files(VENDORS), workers=1, settings={**QUICK_SETTINGS, "LOG_LEVEL": "debug"})
    yield stack
    stack.down()


@pytest.fixture
def stack(raw_stack):
    raw_stack.sync_mock.fresh()
    raw_stack.async_mock.fresh()
    return raw_stack


def raw_of(stack, job, status=200):
    response = stack.api.get(f"/jobs/{job['request_id']}/raw")
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["Cache-Control"] == "no-store"
    return response


def time_of(response, header):
    return datetime.datetime.fromisoformat(response.headers[header].replace("Z", "+00:00"))


def kept_of(stack, vendor):
    """How many raw answers of early callbacks of a vendor are kept."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.raw_answers.count_documents({"_id": {"$regex": f"^{vendor}:"}})
        return db.execute("SELECT count(*) FROM raw_answers WHERE key LIKE ?", (vendor + ":%",)).fetchone()[0]


def callback(stack, vendor, body, content_type="application/json"):
    return stack.api.post("/vendor-webhook/" + vendor, body, {"Content-Type": content_type})


def holders(stack):
    """Where the secret still is. What MongoDB is about to remove, and writes over in its files, is its own affair."""
    places = {"redis": all_in_redis(stack).encode(), **all_files(stack)}
    if stack.store == "mongodb":
        places = {name: text for name, text in places.items() if "mongo" not in str(name)}
        with opened(stack) as db:
            assert db.raw_answers.index_information()["expireAt"]["expireAfterSeconds"] == 0
            places.update({name: str(list(db[name].find(
                {"expireAt": {"$gt": datetime.datetime.utcnow()}} if name == "raw_answers" else {}))).encode()
                for name in db.list_collection_names()})
    else:
        places["store"] = all_in_store(stack).encode()
    words = (SECRET.encode(), SECRET.encode().hex().encode())
    return [str(name) for name, text in places.items() if any(word in text.lower() for word in words)]


def test_an_answer(stack):
    job = stack.api.wait(stack.api.submit("raw-answers"), status="complete")
    assert "ssn" not in job["result"] and "s3cret" not in str(job)
    response = raw_of(stack, job)
    assert response.json()["data"]["ssn"].startswith("078-05-") and response.json()["status"] == "ok"
    assert response.headers["Content-Type"] == "application/json" and response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Vendor-Said"] == "answer" and response.headers["X-Vendor-Status"] == "200"
    kept = time_of(response, "X-Kept-Until") - time_of(response, "X-Received-At")
    assert kept == datetime.timedelta(seconds=KEPT_SECONDS)
    assert raw_of(stack, job).content == response.content
    assert stack.api.request("HEAD", f"/jobs/{job['request_id']}/raw").headers["Content-Length"] == str(len(response.content))
    secret = response.json()["data"]["ssn"].encode()
    assert secret not in all_in_redis(stack).encode()
    logs = {path: text for path, text in all_files(stack).items() if path.parent.name == "log"}
    assert logs and not [path for path, text in logs.items() if secret in text]


def test_an_answer_that_fails_its_job(stack):
    stack.sync_mock.configure(fail_ratio=1, fail_status=422)
    job = stack.api.wait(stack.api.submit("raw-answers"), status="failed")
    response = raw_of(stack, job)
    assert response.headers["X-Vendor-Status"] == "422" and "simulated failure" in response.text


def test_the_poll_that_ends_the_job(stack):
    stack.sync_mock.configure(poll_pending=1)
    request_id = stack.api.submit("raw-polled")
    job = stack.api.wait(request_id, status="complete")
    answer = raw_of(stack, job).json()
    assert answer["status"] == "done" and "ssn" in answer["data"] and "ssn" not in job["result"]


def test_a_callback_byte_by_byte_and_only_until_its_time_is_over(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    job = stack.api.wait(stack.api.submit("raw-brief"), status="processing")
    assert_problem(raw_of(stack, job, 404), 404, "no raw answer")
    body = ('{ "request_id" : "%s",\r\n "data": {"n": 1.50, "my_secret": "%s", "\\u017e": "\u017e"}}\n'
            % (job["request_id"], SECRET)).encode()
    wait_for(lambda: callback(stack, "raw-brief", body, "application/vnd.x+json; charset=utf-8").status_code == 200, 10,
             "the callback is taken")
    response = raw_of(stack, job)
    assert response.content == body and response.headers["Content-Type"] == "application/vnd.x+json; charset=utf-8"
    assert response.headers["X-Vendor-Said"] == "callback" and "X-Vendor-Status" not in response.headers
    assert stack.api.job(job["request_id"])["result"] == {"n": 1.5, "\u017e": "\u017e"}
    wait_for(lambda: stack.api.get(f"/jobs/{job['request_id']}/raw").status_code == 404, 20, "its time is over")
    assert time_of(response, "X-Kept-Until") <= datetime.datetime.now(datetime.timezone.utc)
    assert_problem(raw_of(stack, job, 404), 404, "no raw answer")

    wait_for(lambda: not holders(stack), 30, lambda: f"it is nowhere, but: {holders(stack)}")


def test_a_callback_that_was_early(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    request_id = stack.api.submit("raw-early")
    wait_for(lambda: vendor_job_id(stack, request_id), 10, "the vendor's id is stored")
    name, number = vendor_job_id(stack, request_id).rsplit("-", 1)
    for step, told in enumerate(({"data": {"my_secret": EARLY_SECRET, "a": 1}}, {"error": EARLY_SECRET}), 1):
        body = json.dumps({"job_id": f"{name}-{int(number) + step}", **told}, indent=3)
        assert callback(stack, "raw-early", body).json()["status"] == "accepted"
        assert kept_of(stack, "raw-early") == 1
        job = stack.api.wait(stack.api.submit("raw-early"))
        assert job["status"] == ("complete" if "data" in told else "failed"), job
        assert raw_of(stack, job).text == body
        wait_for(lambda: kept_of(stack, "raw-early") == 0, 10, "it is the job's alone")


def test_what_is_not_there(stack):
    assert_problem(raw_of(stack, {"request_id": "0198c0de-0000-7000-8000-00000000dead"}, 404), 404, "no job")
    assert_problem(raw_of(stack, {"request_id": "x"}, 404), 404, "no job")
    assert_problem(stack.api.post("/jobs/x/raw", {}), 405)
