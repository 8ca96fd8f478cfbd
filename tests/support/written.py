"""All that a stack has written anywhere: store, Redis, files. For what must be nowhere."""

import redis

from early_store import opened


def all_in_store(stack):
    """Everything that the store holds, as text."""
    with opened(stack) as db:
        if stack.store == "mongodb":
            return "\n".join(str(document) for name in db.list_collection_names() for document in db[name].find())
        return "\n".join(db.iterdump())


def all_in_redis(stack):
    client = redis.Redis.from_url(stack.env["REDIS_URL"])
    readers = {b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange,
               b"zset": lambda key: client.zrange(key, 0, -1), b"list": lambda key: client.lrange(key, 0, -1),
               b"set": client.smembers}
    keys = list(client.scan_iter())
    assert keys
    return "\n".join(f"{key} {readers[client.type(key)](key)}" for key in keys)


def all_files(stack):
    """{path: bytes} of all that the system has written: logs, databases, what Redis keeps. Not the vendor files."""
    return {path: path.read_bytes() for path in stack.folder.rglob("*") if path.is_file() and path.parent != stack.vendors}


def all_written(stack):
    """{place: bytes}; in the logs too, and in files whatever is deleted in them."""
    return {"store": all_in_store(stack).encode(), "redis": all_in_redis(stack).encode(), **all_files(stack)}
