"""Personal data that the vendor file takes out is nowhere: not in answers, the store, kept early callbacks, Redis, logs."""

import pytest

from api import assert_problem
from early_store import kept_early, opened, vendor_job_id
from stack import QUICK_SETTINGS, Stack
from vendor_files import as_files, async_vendor, own_id_vendor, sync_vendor
from waiting import wait_for
from written import all_written

# What the mock puts into its data, and what the tests send: in any case of letters.
PERSONAL = [b"@example.com", b"078-05-", b"lovelace", b"4111111111111111", b"4111 1111 1111 1111", b"5551234567", b"s3cret"]
RULES = {"remove": ["/ssn"], "remove_names": ["*secret*"], "mask_names": ["full_name"], "trim_strings": True,
         "emails": ["/email"], "remove_values": ["email", "us_ssn", "card", "phone"]}
TOLD = {"note": "Ann@Example.com, 078-05-1120", "SECRET_a": "s3cret", "deep": [{"my_secret": ["s3cret"]}],
        "card": 4111111111111111, "cards": ["4111 1111 1111 1111"], "phone": "+1 (555) 123-4567 or +15551234567",
        "ada@example.com": {"full_name": "Ada Lovelace"}}
KEPT = {"note": "[email], [us_ssn]", "deep": [{}], "card": "[card]", "cards": ["[card]"], "phone": "[phone] or [phone]",
        "[email]": {"full_name": "********lace"}}


def cleaning(vendor, **more):
    return {**vendor, "response": {**vendor.get("response", {}), **RULES, **more}}


VENDORS = [
    cleaning(sync_vendor("answers")),
    # Says that every answer is a failure, and takes its words from where personal data is.
    cleaning(sync_vendor("refusals", max_attempts=2), error="/data", verdicts=[{"verdict": "retry"}]),
    cleaning(async_vendor("callbacks")),
    cleaning(own_id_vendor("early")),
]


@pytest.fixture(scope="module")
def cleaning_stack(store):
    stack = Stack(store, as_files(VENDORS), workers=1, settings={**QUICK_SETTINGS, "LOG_LEVEL": "debug"})
    yield stack
    stack.down()


def raw_answers(stack):
    """How many are kept."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.raw_answers.count_documents({})
        return db.execute("SELECT count(*) FROM raw_answers").fetchone()[0]


def assert_nowhere(stack):
    """No answer is kept as it came, for no file asks for it."""
    assert raw_answers(stack) == 0
    places = all_written(stack)
    assert any(b"[email]" in text for text in places.values())
    for word in PERSONAL:
        found = [str(name) for name, text in places.items() if word in text.lower()]
        assert not found, f"{word} is in {found}"


def test_an_answer_is_clean_wherever_it_goes(cleaning_stack):
    stack = cleaning_stack
    job = stack.api.wait(stack.api.submit("answers"), status="complete")
    assert job["result"]["email"] == "[email]" and "ssn" not in job["result"], job
    assert job["result"]["full_name"].startswith("****"), job
    assert stack.api.job(job["request_id"]) == job  # from Redis by now
    assert_problem(stack.api.get(f"/jobs/{job['request_id']}/raw"), 404, "no raw answer")
    assert_nowhere(stack)


def test_the_words_of_a_failure_are_clean(cleaning_stack):
    stack = cleaning_stack
    job = stack.api.wait(stack.api.submit("refusals"), status="failed")
    assert "[email]" in job["error"] and "****" in job["error"] and "ssn" not in job["error"], job
    assert len(job["history"]) == 2 and all("[email]" in entry["error"] for entry in job["history"]), job
    assert "[email]" in stack.log("worker-1")
    assert_nowhere(stack)


def test_a_callback_is_clean_as_an_answer_is(cleaning_stack):
    stack = cleaning_stack
    job = stack.api.wait(stack.api.submit("callbacks"), status="complete")  # the mock calls back by itself
    assert job["result"]["email"] == "[email]" and "ssn" not in job["result"], job
    stack.async_mock.configure(webhook_loss_ratio=1)
    for body, said in (({"data": TOLD}, KEPT), ({"error": {"message": TOLD["note"]}}, KEPT["note"]), ({"error": TOLD}, "[email]")):
        request_id = stack.api.submit("callbacks")
        stack.api.wait(request_id, status="processing")
        wait_for(lambda request_id=request_id, body=body: stack.api.post(
            "/vendor-webhook/callbacks", {"request_id": request_id, **body}).status_code == 200, 10, "the callback is taken")
        job = stack.api.job(request_id)
        assert job["result"] == said if "data" in body else said in job["error"], job
    assert_nowhere(stack)


def test_an_early_callback_is_kept_clean(cleaning_stack):
    stack = cleaning_stack
    stack.async_mock.configure(webhook_loss_ratio=1)
    request_id = stack.api.submit("early")
    wait_for(lambda: vendor_job_id(stack, request_id), 10, "the vendor's id is stored")
    name, number = vendor_job_id(stack, request_id).rsplit("-", 1)
    for step, body in enumerate(({"data": TOLD}, {"error": TOLD["note"]}), 1):
        response = stack.api.post("/vendor-webhook/early", {"job_id": f"{name}-{int(number) + step}", **body})
        assert response.json()["status"] == "accepted", response.text
    assert kept_early(stack) == 2
    assert_nowhere(stack)
    job = stack.api.wait(stack.api.submit("early"), status="complete")
    assert job["result"] == KEPT, job
    job = stack.api.wait(stack.api.submit("early"), status="failed")
    assert KEPT["note"] in job["error"], job
    assert_nowhere(stack)
