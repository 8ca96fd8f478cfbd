"""The store is away, slow, full, has another primary, or did what it was asked and nobody heard its answer."""

import contextlib
import sqlite3

import pymongo

import replica_set
import small_disk
from experiment import experiment, limited_vendors
from small_disk import SmallDisk
from waiting import wait_for

AWAY_SECONDS = 60
SETTLE_SECONDS = 10    # after it the last calls are over that were claimed before the store went
TURNS = 12
TURN_SECONDS = 1.5
LOCK_SECONDS = 60
FULL_SECONDS = 60
SMALL_MEGABYTES = {"sqlite": 48, "mongodb": 600}   # MongoDB makes 100 MiB of journal at a time
LARGER_MEGABYTES = {"sqlite": 512, "mongodb": 1600}


# ---- Taking the store away ----

@contextlib.contextmanager
def sqlite_write_lock(stack):
    """An outside process, for SQLite: it writes, and takes its time. Nobody else can meanwhile."""
    path = stack.env["STORE_URI"].removeprefix("sqlite:")
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextlib.contextmanager
def mongod_stopped(stack):
    stack.kill("mongod", "STOP")
    try:
        yield
    finally:
        stack.kill("mongod", "CONT")


@contextlib.contextmanager
def mongod_killed(stack):
    stack.kill("mongod")
    try:
        yield
    finally:
        stack.start("mongod")


def calls(stack):
    return stack.sync_mock.stats()["calls"] + stack.async_mock.stats()["calls"]


def callback_missed(job):
    """Vendors give a callback up after half a minute of 503; then it has no other chance than its deadline."""
    return "did not call back" in job["error"]


@experiment(21, "store away for 60 s", may_fail=callback_missed, drain_seconds=90, deadline_seconds=300)
def away(stack, load, crash):
    with mongod_killed(stack) if stack.store == "mongodb" else sqlite_write_lock(stack):
        load.go_on(SETTLE_SECONDS)
        before = len(load.accepted), calls(stack), load.posted()[503]
        load.go_on(AWAY_SECONDS - SETTLE_SECONDS)
        after = len(load.accepted), calls(stack), load.posted()[503]
    assert after[0] == before[0], f"{after[0] - before[0]} jobs were accepted while the store was away"
    assert after[1] == before[1], f"{after[1] - before[1]} calls were made while the store was away"
    assert after[2] > before[2], "no POST was refused while the store was away"
    load.wait_more(100)


@experiment(22, "store slow: stops every 1.5 s, for 1.5 s", deadline_seconds=300)
def slow(stack, load, crash):
    hold = mongod_stopped if stack.store == "mongodb" else sqlite_write_lock
    for _ in range(TURNS):
        with hold(stack):
            before = len(load.accepted)
            load.go_on(TURN_SECONDS)
            assert len(load.accepted) - before < load.rate * TURN_SECONDS / 2, "the store did not stop"
        load.go_on(TURN_SECONDS)


# ---- Disk full ----

disks = {}


def put_on_small_disk(stack):
    folder = stack.folder / ("sqlite" if stack.store == "sqlite" else "mongod")
    disks[stack] = SmallDisk(folder, SMALL_MEGABYTES[stack.store])


def checkpoint_every_second(stack):
    """So that MongoDB notices soon."""
    if stack.store == "mongodb":
        with pymongo.MongoClient(stack.env["STORE_URI"]) as client:
            client.admin.command("setParameter", 1, syncdelay=1)


@experiment(23, "disk of the store full", needs=small_disk.why_not, before_up=put_on_small_disk,
            setup=checkpoint_every_second, may_fail=callback_missed, drain_seconds=90, deadline_seconds=300)
def disk_full(stack, load, crash):
    disk, before = disks[stack], load.posted()[503]
    disk.fill()
    assert disk.free_bytes() < 1 << 20, f"{disk.free_bytes()} bytes are free on the full disk"
    # MongoDB aborts, and may find room when it starts again: its old journal goes.
    service, words = ("mongod", "No space left on device") if stack.store == "mongodb" else ("api", "disk is full")
    wait_for(lambda: words in stack.log(service) and load.posted()[503] > before, FULL_SECONDS,
             "the store has noticed that the disk is full, and POSTs are refused", 0.1)
    load.go_on(5)
    disk.enlarge(LARGER_MEGABYTES[stack.store])
    load.wait_more(200)


# ---- Another primary ----

@experiment(24, "primary of the replica set killed, twice; then it steps down", stores=("mongodb",), mongod_nodes=3,
            deadline_seconds=300)
def primary_killed(stack, load, crash):
    for _ in range(2):
        primary = replica_set.find_primary(stack)
        stack.kill(primary)
        assert replica_set.find_primary(stack) != primary
        load.wait_more(200)
        stack.start(primary)
        replica_set.wait_secondary(stack, primary)
    primary = replica_set.find_primary(stack)
    replica_set.step_down(stack, primary)
    assert replica_set.find_primary(stack, but_not=primary) != primary
    load.wait_more(200)


# ---- Lost answers ----

def patient_vendors():
    """No call is repeated because its answer came late on a busy machine."""
    return limited_vendors(timeout_ms=4000)


def called_once(checker):
    """What the store has written is not done again because nobody heard that it was written."""
    again = [request_id for request_id, count in checker.calls.items() if count > 1]
    return [f"{len(again)} jobs were called more than once, as {again[:4]}"] if again else []


@experiment(25, "write done, answer lost (insert, claim, change)", crash_points=True, vendors=patient_vendors,
            also=called_once, ci=("mongodb",))
def answer_lost(stack, load, crash):
    for _ in range(3):
        for name in ("lost_insert_answer", "lost_claim_answer", "lost_change_answer"):
            crash.repeat(name, times=2)
