"""Who may call back: a callback that does not show that it is the vendor's is 401 and changes nothing."""

import base64
import hmac
import json
import time

import pytest

from api import assert_problem
from vendor_files import HOOK_SECRETS
from waiting import wait_for

NEW, OLD = HOOK_SECRETS
WRONG = "another secret"
DATA = {"score": 7}


@pytest.fixture
def silent(stack):
    """Vendors that take jobs and never call back: the test does that by itself."""
    stack.async_mock.configure(webhook_loss_ratio=1)
    return stack


def waiting_job(stack, vendor):
    """A job that its vendor has acknowledged: its id, and the callback URL that the vendor got."""
    request_id = stack.api.submit(vendor)
    wait_for(lambda: any(call["status"] for call in stack.async_mock.calls(request_id)), 20, "the vendor acknowledges")
    return request_id, stack.async_mock.calls(request_id)[-1]["headers"]["x-callback-url"].removeprefix(stack.base_url)


# ---- What vendors send ----

def digest(secret, text, algorithm="sha256"):
    key = secret if isinstance(secret, bytes) else secret.encode()
    return hmac.new(key, text.encode(), algorithm).digest()


def standard(body, secret, at):
    text = digest(secret, f"msg_1.{at}.{body}")
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": "v1," + base64.b64encode(text).decode()}


def in_hex(body, secret, at):
    return {"X-Hub-Signature-256": "sha256=" + digest(secret, body).hex()}


def in_base64(body, secret, at):
    text = digest(secret, f"v0:{at}:{body}", "sha512")
    return {"X-Signature": base64.b64encode(text).decode(), "X-Timestamp": str(at)}


def in_parts(body, secret, at):
    key = bytes.fromhex("00ff00ff") if secret == NEW else secret
    return {"X-Bureau-Signature": f"t={at}, v0=x,v1={'0' * 64}, v1={digest(key, f'{at}.{body}').hex()}"}


def bearer(body, secret, at):
    return {"Authorization": f"Bearer {secret}"}


def basic(body, secret, at):
    return {"Authorization": "Basic " + base64.b64encode(f"bureau:{secret}".encode()).decode()}


def api_key(body, secret, at):
    return {"X-Api-Key": secret}


KINDS = {"rotated": standard, "hex": in_hex, "base64": in_base64, "parts": in_parts, "bearer": bearer, "basic": basic, "key": api_key}
TIMED = ("rotated", "base64", "parts")     # have a time that is signed
ROTATED = ("rotated", "hex", "bearer", "basic", "key")


def refused_of(kind, body):
    """Headers that are not good enough."""
    now, make = int(time.time()), KINDS[kind]
    yield {}
    yield make(body, WRONG, now)
    yield {name: "" for name in make(body, NEW, now)}
    yield {name: value + "0" for name, value in make(body, NEW, now).items()}
    if kind not in ("bearer", "basic", "key"):
        yield make(body + " ", NEW, now)
    if kind in TIMED:
        yield make(body, NEW, now - 600)
        yield make(body, NEW, now + 600)
        yield make(body, NEW, "soon")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_proof(silent, kind):
    vendor = f"hook-{kind}"
    request_id, _ = waiting_job(silent, vendor)
    body = json.dumps({"request_id": request_id, "data": DATA})
    for headers in refused_of(kind, body):
        assert_problem(silent.api.post(f"/vendor-webhook/{vendor}", body, headers), 401)
    assert silent.api.job(request_id)["status"] == "processing"
    good = KINDS[kind](body, OLD if kind in ROTATED else NEW, int(time.time()))
    answer = silent.api.post(f"/vendor-webhook/{vendor}", body, good)
    assert answer.status_code == 200 and answer.json() == {"status": "accepted"}, answer.text
    assert silent.api.job(request_id)["result"] == DATA
    replayed = silent.api.post(f"/vendor-webhook/{vendor}", body, good)
    assert replayed.status_code == 200 and replayed.json() == {"status": "ignored"}


def test_without_a_word_the_token_is_needed(silent):
    request_id, path = waiting_job(silent, "hook-token")
    bare, query = path.split("?")
    body = {"request_id": request_id, "data": DATA}
    without_token = "&".join(part for part in query.split("&") if not part.startswith("token="))
    for bad in (bare, f"{bare}?{without_token}", f"{bare}?token=", f"{bare}?token=1.{'0' * 32}", f"{bare}?token=1"):
        assert_problem(silent.api.post(bad, body), 401)
        assert_problem(silent.api.post(bad, {"request_id": request_id, "error": "no"}), 401)
    assert silent.api.job(request_id)["status"] == "processing"
    assert silent.api.post(path, body).json() == {"status": "accepted"}
    assert silent.api.post(path, body).json() == {"status": "ignored"}


def test_a_token_is_good_for_its_job_only(silent):
    request_id, path = waiting_job(silent, "hook-token")
    other_id, other_path = waiting_job(silent, "hook-token")
    assert_problem(silent.api.post(path, {"request_id": other_id, "data": DATA}), 401)
    assert silent.api.job(other_id)["status"] == "processing"
    for own_path in (path, other_path):
        assert silent.api.post(own_path, {"data": DATA}).json() == {"status": "accepted"}


def test_a_job_of_another_vendor_is_404(silent):
    request_id, path = waiting_job(silent, "hook-token")
    body = json.dumps({"request_id": request_id, "data": DATA})
    foreign = silent.api.post("/vendor-webhook/hook-hex", body, in_hex(body, NEW, 0))
    assert_problem(foreign, 404)
    assert silent.api.job(request_id)["status"] == "processing"
    silent.api.post(path, body)


def test_addresses(silent):
    far, _ = waiting_job(silent, "hook-far")
    assert_problem(silent.api.post("/vendor-webhook/hook-far", {"request_id": far, "data": DATA}), 401)
    assert silent.api.job(far)["status"] == "processing"
    near, path = waiting_job(silent, "hook-near")
    assert_problem(silent.api.post("/vendor-webhook/hook-near", {"request_id": near, "data": DATA}), 401)
    assert silent.api.post(path, {"request_id": near, "data": DATA}).json() == {"status": "accepted"}


@pytest.mark.parametrize("job_id", [{"$ne": None}, {"$gt": ""}, ["x"], True, None, {"request_id": "x"}, "x\0", "\0"])
def test_ids_are_texts_or_nothing(silent, job_id):
    assert_problem(silent.api.post("/vendor-webhook/ownid", {"job_id": job_id, "data": DATA}), 404)
