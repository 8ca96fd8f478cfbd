"""Reading: GET /jobs/{id} on 200 connections, of few and of many finished jobs, and of waiting ones."""

import jobs_in_store
import wrk
from bench import body
from scenario import Figure

ANSWER_BYTES = 2048        # of each vendor's answer
FEW, MANY = 100, 20000     # so many answers fit into a process's cache of 16 MiB, so many do not (fewer in a quick run)
POST_SECONDS = WARM_UP_SECONDS = 1
FEW_CONNECTIONS = 8        # no more than a process has to Redis: who finds none free does without, and asks the store
FROM_PROCESS = 0.75        # targets, parts of hello's
FROM_REDIS = 0.55
FROM_STORE = {"sqlite": 0.40, "mongodb": 0.30}


def post_jobs(bench, stack, count):
    """At least so many more."""
    file = bench.file(body(1024))
    wanted = jobs_in_store.count(stack) + count
    while jobs_in_store.count(stack) < wanted:
        load = wrk.post(stack.base_url, file, POST_SECONDS)
        assert load.good(), f"no job is accepted: {load}"


def finished_jobs(bench, stack):
    stack.sync_mock.configure(response_bytes=ANSWER_BYTES)
    many = min(MANY, bench.jobs)
    post_jobs(bench, stack, many)
    bench.drain(stack)
    return jobs_in_store.ids(stack, "complete", many)


def redis_gets(stack):
    """How many results were asked of Redis since it was started."""
    return stack.queue.redis.info("commandstats").get("cmdstat_get", {"calls": 0})["calls"]


def file_of(bench, ids):
    return bench.file("".join(request_id + "\n" for request_id in ids))


def read_all_once(bench, stack, ids):
    """So that Redis holds each answer: wrk begins at the first id every time, so it is given more and more time."""
    file = file_of(bench, ids)
    for seconds in (1, 5, 10, 20, 40):
        wrk.get(stack.base_url, file, seconds, connections=FEW_CONNECTIONS)
        if stack.queue.redis.dbsize() >= len(ids):
            return
    raise AssertionError(f"there are not {len(ids)} answers in Redis")


def figures(bench, stack, hello, what, ids, at_least=None, connections=wrk.CONNECTIONS):
    """One run where there is no target."""
    file = file_of(bench, ids)
    wrk.get(stack.base_url, file, WARM_UP_SECONDS)
    asked, measured = redis_gets(stack), []
    for _ in bench.runs if at_least else bench.one_run:
        measured.append(tuple(wrk.get(each.base_url, file, bench.seconds, connections) for each in (stack, hello)))
    asked = redis_gets(stack) - asked
    yield Figure(f"GET, {what}", "requests/s", [ours.per_second for ours, _ in measured],
                 "hello", [other.per_second for _, other in measured], at_least=at_least)
    yield Figure(f"GET, {what}, p99", "ms", [ours.p99_ms for ours, _ in measured],
                 "hello's p99", [other.p99_ms for _, other in measured])
    yield Figure(f"GET, {what}, asked of Redis", "per request", [asked / sum(ours.good() for ours, _ in measured)])
    bad = sum(ours.bad() for ours, _ in measured)
    yield Figure(f"GET, {what}, refused or unanswered", "requests", [bad], at_most=0)


def run(bench):
    with bench.stack() as stack, bench.hello() as hello:
        finished = finished_jobs(bench, stack)
        read_all_once(bench, stack, finished)
        yield from figures(bench, stack, hello, "finished, in the process", finished[:FEW], FROM_PROCESS)
        yield from figures(bench, stack, hello, f"finished, {len(finished):,} in turn", finished)
        yield from figures(bench, stack, hello, "finished, through Redis alone, 8 connections", finished,
                           FROM_REDIS if len(finished) == MANY else None, FEW_CONNECTIONS)
        stack.set_workers(0)
        post_jobs(bench, stack, FEW)
        waiting = jobs_in_store.ids(stack, "pending", FEW)
        yield from figures(bench, stack, hello, "waiting, from the store", waiting, FROM_STORE[bench.store])
