"""The jobs of a stack, counted and listed straight from its store."""

import contextlib
import datetime
import os

from early_store import opened

UNFINISHED = ["pending", "processing"]
CLOCKS_MS = 1000    # by what the time of a job and that of who asks for it may differ


def count(stack):
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.jobs.count_documents({})
        return db.execute("SELECT count(*) FROM jobs").fetchone()[0]


def complete(stack):
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.jobs.count_documents({"status": "complete"})
        return db.execute("SELECT count(*) FROM jobs WHERE status = 'complete'").fetchone()[0]


def of_vendor(stack, vendor, status=None):
    """How many jobs of a vendor there are, or how many with this status."""
    wanted = {"vendor": vendor, **({"status": status} if status else {})}
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.jobs.count_documents(wanted)
        where = " AND ".join(f"{column} = ?" for column in wanted)
        return db.execute(f"SELECT count(*) FROM jobs WHERE {where}", tuple(wanted.values())).fetchone()[0]


def unfinished(stack):
    with opened(stack) as db:
        if stack.store == "mongodb":
            return db.jobs.count_documents({"phase": {"$ne": "done"}})
        return db.execute("SELECT count(*) FROM jobs WHERE phase <> 'done'").fetchone()[0]


@contextlib.contextmanager
def unfinished_look(stack):
    """A cheap is_one_unfinished(), for looking again and again beside what is measured."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            yield lambda: db.jobs.find_one({"status": {"$in": UNFINISHED}}, {"_id": 1})
        else:
            yield lambda: db.execute("SELECT 1 FROM jobs WHERE status IN (?, ?) LIMIT 1", UNFINISHED).fetchone()


def complete_since(stack, since_ms):
    """{id: when it was last changed, in ms} of the complete jobs with a result that were accepted since then, or a
    little before."""
    since_ms -= CLOCKS_MS
    with opened(stack) as db:
        if stack.store == "mongodb":
            since = datetime.datetime.fromtimestamp(since_ms / 1000, datetime.timezone.utc)
            found = db.jobs.find({"status": "complete", "createdAt": {"$gte": since}, "result": {"$ne": None}},
                                 {"_id": 0, "requestId": 1, "updatedAt": 1}, batch_size=10000)
            return {job["requestId"]: job["updatedAt"].replace(tzinfo=datetime.timezone.utc).timestamp() * 1000
                    for job in found}
        return dict(db.execute("SELECT requestId, updatedAt FROM jobs "
                               "WHERE status = 'complete' AND createdAt >= ? AND result IS NOT NULL", (since_ms,)))


def ids(stack, status, limit):
    with opened(stack) as db:
        if stack.store == "mongodb":
            return [job["requestId"] for job in db.jobs.find({"status": status}, {"requestId": 1}, limit=limit)]
        rows = db.execute("SELECT requestId FROM jobs WHERE status = ? LIMIT ?", (status, limit))
        return [row[0] for row in rows]


def some_ids(stack, vendor, count):
    """Of this vendor's jobs so many, from anywhere."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            found = db.jobs.aggregate([{"$match": {"vendor": vendor}}, {"$project": {"requestId": 1}},
                                       {"$sample": {"size": count}}])
            return [job["requestId"] for job in found]
        rows = db.execute("SELECT requestId FROM jobs WHERE vendor = ? ORDER BY random() LIMIT ?", (vendor, count))
        return [row[0] for row in rows]


def stored_bytes(stack):
    """On disk, indexes and journal of the database included; what is only in memory yet is written first."""
    if stack.store == "mongodb":
        with opened(stack) as db:
            db.client.admin.command("fsync")
            stats = db.command("dbStats")
            return stats["storageSize"] + stats["indexSize"]
    path = stack.env["STORE_URI"].removeprefix("sqlite:")
    return sum(os.path.getsize(path + suffix) for suffix in ("", "-wal") if os.path.exists(path + suffix))
