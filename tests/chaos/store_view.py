"""What the store holds, read behind the service's back."""

import hashlib
import json
import sqlite3

import bson
import pymongo
import pymongo.errors

BUSY_SECONDS = 20


class StoreAway(Exception):
    """The store cannot be read now."""


class SqliteView:
    """Reads beside the service (WAL), and has the store itself write down every change of a finished job."""

    TRIGGER = """
        CREATE TABLE IF NOT EXISTS chaos_rewritten (requestId TEXT, at REAL, before TEXT, after TEXT);
        CREATE TRIGGER IF NOT EXISTS chaos_rewritten AFTER UPDATE ON jobs WHEN OLD.phase = 'done' BEGIN
            INSERT INTO chaos_rewritten VALUES (OLD.requestId, julianday('now'),
                OLD.status || ' ' || coalesce(OLD.error, OLD.result, ''),
                NEW.status || ' ' || coalesce(NEW.error, NEW.result, ''));
        END;"""

    def __init__(self, uri):
        self.path = uri.removeprefix("sqlite:")

    def _query(self, sql, *values):
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreAway(str(error)) from error
        finally:
            connection.close()

    def watch(self):
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        connection.executescript(self.TRIGGER)
        connection.close()

    def look(self):
        """The trigger sees everything."""

    def rewritten(self):
        """{request id: what was changed of it after it had been finished}"""
        return {row["requestId"]: f"{row['before']} -> {row['after']}"
                for row in self._query("SELECT * FROM chaos_rewritten")}

    def unfinished(self):
        return self._query("SELECT count(*) FROM jobs WHERE phase <> 'done'")[0][0]

    def jobs(self):
        """{request id: row}, payload parsed, history left as it is."""
        rows = {row["requestId"]: dict(row) for row in self._query("SELECT * FROM jobs")}
        for row in rows.values():
            row["payload"] = json.loads(row["payload"])
            row["result"] = json.loads(row["result"]) if row["result"] else None
        return rows


class MongoView:
    """Reads finished documents again and again while the experiment runs: they must stay as they were first seen (by a
    majority: what an old primary alone has is taken back, and nobody was told of it)."""

    OVERLAP_MS = 10000  # a document may be seen some time after its completedAt

    def __init__(self, uri):
        self.client = pymongo.MongoClient(uri, readConcernLevel="majority", serverSelectionTimeoutMS=2000,
                                          connectTimeoutMS=2000, socketTimeoutMS=10000)
        self.collection = self.client.get_default_database()["jobs"]
        self.first_seen = {}  # request id -> digest
        self.changed = {}

    def watch(self):
        """Nothing to install: look() and rewritten() compare."""

    def _compare(self, document):
        request_id, digest = document["requestId"], hashlib.sha256(bson.encode(document)).digest()
        if self.first_seen.setdefault(request_id, digest) != digest:
            self.changed.setdefault(request_id, f"now {document}"[:1000])

    def look(self):
        """To be called about every second."""
        for document in self._find({"phase": "done"}):
            self._compare(document)

    def _find(self, query):
        try:
            return list(self.collection.find(query, {"_id": 0}))
        except pymongo.errors.PyMongoError as error:
            raise StoreAway(str(error)[:300]) from error

    def rewritten(self):
        self.look()
        done = {document["requestId"] for document in self._find({"phase": "done"})}
        for request_id in self.first_seen.keys() - done:
            self.changed.setdefault(request_id, "was done, is so no more")
        return self.changed

    def unfinished(self):
        try:
            return self.collection.count_documents({"phase": {"$ne": "done"}})
        except pymongo.errors.PyMongoError as error:
            raise StoreAway(str(error)[:300]) from error

    def jobs(self):
        return {document["requestId"]: document for document in self._find({})}


def open_view(uri):
    return SqliteView(uri) if uri.startswith("sqlite:") else MongoView(uri)
