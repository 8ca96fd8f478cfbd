"""The kept early callbacks of a stack, straight from its store (and the vendors' own ids of its jobs)."""

import contextlib
import datetime
import sqlite3
import time

KEPT_SECONDS = 900


@contextlib.contextmanager
def opened(stack):
    """A pymongo database or a sqlite3 connection."""
    uri = stack.env["STORE_URI"]
    if stack.store == "mongodb":
        import pymongo

        with pymongo.MongoClient(uri, serverSelectionTimeoutMS=3000) as client:
            yield client.get_default_database()
    else:
        with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:"), timeout=5)) as connection:
            yield connection


def kept_early(stack):
    """How many are kept."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.early_callbacks.count_documents({})
        return db.execute("SELECT count(*) FROM early_callbacks").fetchone()[0]


def vendor_job_id(stack, request_id):
    """The vendor's own id of a job, or None."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            return (db.jobs.find_one({"requestId": request_id}).get("vendorJobIds") or [None])[-1]
        return db.execute("SELECT vendorJobId FROM jobs WHERE requestId = ?", (request_id,)).fetchone()[0]


def leave_early(stack, vendor, own_id, result):
    """Leaves a success as a handler does that dies before it looks for the job. result: JSON text."""
    now = time.time()
    with opened(stack) as db:
        if stack.store == "mongodb":
            at = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
            db.early_callbacks.insert_one({"vendor": vendor, "vendorJobId": own_id, "receivedAt": at, "result": result,
                                           "expireAt": at + datetime.timedelta(seconds=KEPT_SECONDS),
                                           "bytes": len(result)})
            return
        with db:
            db.execute("INSERT INTO early_callbacks (vendor, vendorJobId, receivedAt, expireAt, bytes, result) "
                       "VALUES (?,?,?,?,?,?)", (vendor, own_id, int(now * 1000), int((now + KEPT_SECONDS) * 1000),
                                                len(result), result))
