"""What clients notice first: the socket is full, handlers are replaced, connections end, everything is restarted."""

import concurrent.futures
import contextlib
import os
import signal
import threading

from experiment import experiment, limited_vendors, none_refused
from raw_post import RawPost
from waiting import wait_for

BACKLOG = 1024
CROWD = 1500               # clients at once: more than the backlog holds and all threads serve
FULL_SECONDS = 5
UPLOADERS = 12
UPLOAD_BYTES = 60000       # of payload, twice that in all: lighttpd keeps what is over 64 KiB in a file
REPLACE_SECONDS = 30
VANISHERS = 8
VANISHED = 400


def patient_vendors():
    """No call is given up, so each job has exactly one."""
    return limited_vendors(timeout_ms=10000)


def called_once(checker):
    """Where nothing fails, nobody is called twice."""
    again = [request_id for request_id, count in checker.calls.items() if count != 1]
    return [f"{len(again)} jobs were called more than once, such as {again[:3]}"] if again else []


def only_well_served(checker):
    return none_refused(checker) + called_once(checker)


# ---- 34 ----

def signal_handlers(stack, number):
    for pid in stack.pids("api-handler"):
        os.kill(pid, number)


@experiment(34, "socket backlog full", answers=(202, 500, 503))
def backlog_full(stack, load, crash):
    """Handlers are stopped, and more clients come than their socket holds. lighttpd answers those 500 at once. 503
    comes from handlers afterwards: while they were stopped, deadlines of theirs have passed."""
    signal_handlers(stack, signal.SIGSTOP)
    try:
        crowd = [RawPost(stack.base_url, load.want()) for _ in range(CROWD)]
        for post in crowd:
            post.send()
        wait_for(lambda: load.posted()[503] + load.posted()[500], REPLACE_SECONDS,
                 lambda: f"the backlog is full: {load.posted()}")
        load.go_on(FULL_SECONDS)
        refused = sum(post.is_answered() for post in crowd)
    finally:
        signal_handlers(stack, signal.SIGCONT)
    for post in crowd:
        post.read_into(load)
    with concurrent.futures.ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(load.insist, (post.wanted for post in crowd if not post.wanted.accepted)))
    assert refused, "nobody of the crowd was refused"
    assert CROWD - refused >= BACKLOG / 2, f"only {CROWD - refused} of the crowd waited in the backlog"


# ---- 35 ----

@contextlib.contextmanager
def uploads(stack, load):
    """Slow uploads of large bodies, some at a time, one after the other. Gives a function: how many are over."""
    over, finished = threading.Event(), []

    def upload():
        while not over.is_set():
            post = RawPost(stack.base_url, load.want(UPLOAD_BYTES))
            post.read_into(load, lambda post=post: post.send_slowly(10, 0.2))
            load.insist(post.wanted)
            finished.append(post)

    with concurrent.futures.ThreadPoolExecutor(UPLOADERS) as pool:
        running = [pool.submit(upload) for _ in range(UPLOADERS)]
        try:
            yield lambda: len(finished)
        finally:
            over.set()
        for future in running:
            future.result()


def replace_handlers(stack, between=lambda: None):
    """TERM to one after the other, each when the one before has been replaced."""
    for handler in sorted(stack.pids("api-handler")):
        count = len(stack.pids("api-handler"))
        os.kill(handler, signal.SIGTERM)

        def is_replaced(handler=handler, count=count):
            now = stack.pids("api-handler")
            return handler not in now and len(now) == count

        wait_for(is_replaced, REPLACE_SECONDS, f"handler {handler} is replaced", 0.1)
        between()


@experiment(35, "TERM of the pool in the middle of uploads", also=none_refused)
def term_in_uploads(stack, load, crash):
    """Handlers one by one, twice, and then multiwatch, which takes all of them along. The socket stays open."""
    with uploads(stack, load) as finished:
        def some_more(count=UPLOADERS):
            want = finished() + count
            wait_for(lambda: finished() >= want, REPLACE_SECONDS, lambda: f"{want} uploads end; {finished()} have")

        for _ in range(2):
            replace_handlers(stack, some_more)
        old = stack.pids("api")
        stack.kill("multiwatch", "TERM")
        stack.wait_well("api", old, REPLACE_SECONDS)
        some_more()


# ---- 36 ----

def vanish(stack, load, number):
    """A client sends its request, or half of it, once or twice, and is gone; it comes back with the same key."""
    wanted = load.want()
    for _ in range(1 + number % 2):
        post = RawPost(stack.base_url, wanted)
        post.send(0.5 if number % 5 == 0 else 1)
        load.go_on(number % 4 * 0.005)
        load.note(wanted, "vanished")
        post.vanish(reset=number % 3 == 0)
    load.insist(wanted)
    return wanted


@experiment(36, "clients vanish and repeat with the same key", vendors=patient_vendors, also=only_well_served,
            ci=("mongodb",))
def clients_vanish(stack, load, crash):
    with concurrent.futures.ThreadPoolExecutor(VANISHERS) as pool:
        wanted = list(pool.map(lambda number: vanish(stack, load, number), range(VANISHED)))
    replayed = sum(one.replayed for one in wanted)
    assert replayed >= VANISHED / 10, f"only {replayed} of the vanished had been accepted without knowing it"


# ---- 37 ----

@contextlib.contextmanager
def refusing(load, *allowed):
    """In this step of a restart POSTs may be refused so, and in no other way."""
    before = load.posted()
    yield
    load.wait_more(50)
    odd = {answer: count for answer, count in (load.posted() - before).items() if answer not in (202, *allowed)}
    assert not odd, f"POSTs were refused: {odd}"


@experiment(37, "a rolling restart of everything", workers=2, ci=("sqlite",))
def rolling_restart(stack, load, crash):
    """Workers, handlers, lighttpd, Redis, the store: only while the only mongod is away is there 503."""
    for worker in ("worker-1", "worker-2"):
        with refusing(load):
            stack.restart(worker)
    with refusing(load):
        replace_handlers(stack)
    with refusing(load, "ConnectionError"):   # of a connection kept alive that is closed just as it is used again
        log = stack.log("lighttpd")
        stack.kill("lighttpd", "USR1")
        wait_for(lambda: "graceful" in stack.log("lighttpd")[len(log):], REPLACE_SECONDS, "lighttpd restarts itself")
    with refusing(load):
        stack.restart("redis")
    if stack.store == "mongodb":
        with refusing(load, 503):
            stack.restart("mongod")
