"""What operators find when they look into the store by themselves: field names, phases, indexes."""

import sqlite3
import time

import pytest

from waiting import wait_for

ORDER = {"customer_id": 12345, "options": {"priority": "high", "verify_address": True}}


@pytest.fixture
def jobs(stack):
    """The collection `jobs`."""
    import pymongo

    with pymongo.MongoClient(stack.env["STORE_URI"], serverSelectionTimeoutMS=3000) as client:
        yield client.get_default_database()["jobs"]


@pytest.fixture
def database(stack):
    """The SQLite file, read-only and while the system has it open."""
    path = stack.env["STORE_URI"].removeprefix("sqlite:")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


@pytest.mark.only("mongodb")
def test_mongodb_finds_jobs_by_members_of_the_payload(stack, jobs):
    request_id = stack.api.post_job({"payload": ORDER, "vendor": "sync"})
    stack.api.wait(request_id, status="complete")
    found = {document["requestId"]: document for document in jobs.find({"payload.customer_id": 12345})}
    document = found[request_id]
    assert document["payload"] == ORDER
    assert document["status"] == "complete" and document["phase"] == "done" and document["vendor"] == "syncVendor"
    assert document["attempts"] == 1 and document["fence"] == 1 and document["v"] == 1
    assert document["result"]["received"] == ORDER
    for name in ("createdAt", "updatedAt", "deadlineAt", "expireAt"):
        assert document[name].year >= 2026, name
    for name in ("queuedAt", "nextAttemptAt", "dueAt", "error"):
        assert document.get(name) is None, name


@pytest.mark.only("mongodb")
def test_mongodb_has_the_indexes(jobs):
    by_keys = {tuple(index["key"]): index for index in jobs.index_information().values()}
    assert by_keys[(("requestId", 1),)]["unique"] is True
    assert by_keys[(("expireAt", 1),)]["expireAfterSeconds"] == 0
    for keys in ((("status", 1), ("createdAt", -1)), (("vendor", 1), ("status", 1)), (("vendor", 1), ("queuedAt", 1))):
        assert keys in by_keys, sorted(by_keys)
    assert any(keys[0][0] == "dueAt" for keys in by_keys)
    assert any(keys[:2] == (("vendor", 1), ("vendorJobIds", 1)) for keys in by_keys)


@pytest.mark.only("mongodb")
def test_mongodb_shows_a_waiting_job(stack, jobs):
    stack.async_mock.configure(webhook_delay_ms=1500)
    request_id = stack.api.submit("callback")
    document = wait_for(lambda: jobs.find_one({"requestId": request_id, "phase": "waiting_callback"}), 5,
                        "phase waiting_callback")
    assert document["status"] == "processing" and document["dueAt"] and document.get("expireAt") is None
    stack.api.wait(request_id, status="complete")


@pytest.mark.only("sqlite")
def test_sqlite_has_the_same_columns(stack, database):
    request_id = stack.api.post_job({"payload": ORDER, "vendor": "sync"})
    stack.api.wait(request_id, status="complete")
    row = database.execute("SELECT * FROM jobs WHERE requestId = ?", (request_id,)).fetchone()
    assert row["status"] == "complete" and row["phase"] == "done" and row["vendor"] == "syncVendor"
    assert row["attempts"] == 1 and row["fence"] == 1 and row["v"] == 1
    assert row["dueAt"] is None and row["queuedAt"] is None and row["nextAttemptAt"] is None and row["error"] is None
    now_ms = time.time() * 1000
    assert now_ms - 60000 < row["createdAt"] <= row["updatedAt"] < now_ms + 60000
    assert row["expireAt"] > now_ms + 29 * 86400000
    found = database.execute("SELECT count(*) FROM jobs WHERE json_extract(payload, '$.customer_id') = 12345")
    assert found.fetchone()[0] >= 1
    assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


@pytest.mark.only("sqlite")
def test_sqlite_shows_a_waiting_job(stack, database):
    stack.async_mock.configure(webhook_delay_ms=1500)
    request_id = stack.api.submit("callback")
    row = wait_for(lambda: database.execute("SELECT * FROM jobs WHERE requestId = ? AND phase = 'waiting_callback'",
                                            (request_id,)).fetchone(), 5, "phase waiting_callback")
    assert row["status"] == "processing" and row["dueAt"] and row["expireAt"] is None
    stack.api.wait(request_id, status="complete")
