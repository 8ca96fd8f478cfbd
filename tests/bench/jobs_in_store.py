"""The jobs of a stack, counted and listed straight from its store."""

from early_store import opened


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


def ids(stack, status, limit):
    with opened(stack) as db:
        if stack.store == "mongodb":
            return [job["requestId"] for job in db.jobs.find({"status": status}, {"requestId": 1}, limit=limit)]
        rows = db.execute("SELECT requestId FROM jobs WHERE status = ? LIMIT ?", (status, limit))
        return [row[0] for row in rows]
