"""The jobs of a stack, counted and listed straight from its store."""

import contextlib
import datetime

from early_store import opened

UNFINISHED = ["pending", "processing"]


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
    """{id: when it was last changed, in ms} of the complete jobs with a result that were accepted since then."""
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
