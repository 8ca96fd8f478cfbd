"""What a stack has done since it was started: CPU, round trips to Redis and to the store, calls.

Take one before, one after, and what is between them with less().
"""

import struct

from early_store import opened
from processes import cpu_seconds

# mongod's commands that our programs send; what drivers and mongod itself do beside them is left out.
MONGO_COMMANDS = ("insert", "update", "find", "findAndModify", "aggregate", "delete", "getMore", "bulkWrite")
WAL_INDEX_CHANGES_AT = 8   # in the -shm file: a native 32-bit number that grows with each transaction (walformat.html)


def cpu(stack):
    """{program: seconds}, the mock apart from ours and from those below us."""
    services = {"pool": "api", "lighttpd": "lighttpd", "redis": "redis", "mock": "mock"}
    if stack.store == "mongodb":
        services["mongod"] = "mongod"
    pids = {program: stack.pids(service) for program, service in services.items()}
    pids["worker"] = set().union(*(stack.pids(f"worker-{slot + 1}") for slot in range(stack.workers)))
    return {program: sum(map(cpu_seconds, of_it)) for program, of_it in pids.items()}


def redis(stack):
    """Reads are how often Redis found something to read on a connection: a pipeline is one, a lone command too."""
    connection = stack.queue.redis
    commands = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in connection.info("commandstats").items()}
    stats = connection.info("stats")
    return {"reads": stats["total_reads_processed"], "scripts": commands.get("evalsha", 0) + commands.get("eval", 0),
            "commands": sum(commands.values())}


def store_batches(stack):
    """Write transactions of SQLite, or commands to mongod."""
    if stack.store == "mongodb":
        with opened(stack) as db:
            commands = db.command("serverStatus")["metrics"]["commands"]
        return sum(commands[name]["total"] for name in MONGO_COMMANDS if name in commands)
    path = stack.env["STORE_URI"].removeprefix("sqlite:") + "-shm"
    with open(path, "rb") as wal_index:
        return struct.unpack_from("=I", wal_index.read(64), WAL_INDEX_CHANGES_AT)[0]


def vendor_calls(stack):
    return sum(mock.stats()["calls"] for mock in (stack.sync_mock, stack.async_mock))


def snapshot(stack):
    """{what: number}"""
    return {**{f"{program} CPU": seconds for program, seconds in cpu(stack).items()},
            **{f"redis {what}": count for what, count in redis(stack).items()}, "store batches": store_batches(stack),
            "vendor calls": vendor_calls(stack)}


def less(after, before):
    return {what: value - before[what] for what, value in after.items()}
