"""Backlog: accepting, taking, GET and memory while very many jobs wait for a limited vendor, beside 1,000 that do."""

import dataclasses
import statistics

import jobs_in_store
import wrk
from bench import VENDOR, bench_vendor, body
from mocks import dispatch_ms
from processes import resident_mib
from scenario import Figure
from vendor_files import sync_vendor

FEW, MANY = 1000, 100000
SECONDS_MAX = 2            # of load for each figure
PAYLOAD_BYTES = 256
IDS = 500                  # of waiting jobs that are read
PROBE, PROBES, PROBES_PER_SECOND = "probe", 200, 100
LIMIT = {"calls": 50, "per_seconds": 1}   # so that jobs are taken from the backlog, but few
# A million waiting jobs and their indexes are more than the half gigabyte of cache that mongod has in a stack.
SETTINGS = {"STACK_MONGOD_CACHE_GB": "2"}
WITHIN = 0.2
MEMORY_WITHIN = 1.1        # "flat", allocators being what they are


@dataclasses.dataclass
class Seen:
    accept_per_second: float
    get_per_second: float
    get_p99_ms: float
    script_us: float       # of Redis for one script, most of them takes
    dispatch_ms: float     # median, of another vendor's jobs
    bad: int
    mib: dict              # {process: MiB}


def vendors():
    return [bench_vendor() | {"limits": [LIMIT]}, sync_vendor(PROBE, response={"result": ""})]


def scripts(stack):
    """(calls, us) since Redis was started."""
    stats = stack.queue.redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "usec": 0})
    return stats["calls"], stats["usec"]


def probe(bench, stack):
    """(script_us, dispatch_ms) while another vendor's jobs come in."""
    stack.sync_mock.fresh()
    calls, us = scripts(stack)
    bench.fill(stack, PROBE, PROBES, per_second=PROBES_PER_SECOND)
    calls, us = (after - before for after, before in zip(scripts(stack), (calls, us)))
    probes = {request_id for request_id in jobs_in_store.some_ids(stack, PROBE, 1000000)}
    found = [call for call in stack.sync_mock.all_calls() if call["id"] in probes]
    return us / calls, statistics.median(dispatch_ms(found))


def look(bench, stack):
    """Accepting comes last: it makes the backlog longer."""
    ids = bench.file("".join(f"{request_id}\n" for request_id in jobs_in_store.some_ids(stack, VENDOR, IDS)))
    script_us, dispatch = probe(bench, stack)
    seconds = min(bench.seconds, SECONDS_MAX)
    wrk.get(stack.base_url, ids, 1)
    got = wrk.get(stack.base_url, ids, seconds)
    posted = wrk.post(stack.base_url, bench.file(body(1024)), seconds)
    mib = {"pool process": max(map(resident_mib, stack.handlers())), "worker": resident_mib(*stack.pids("worker-1"))}
    return posted, Seen(posted.per_second, got.per_second, got.p99_ms, script_us, dispatch, got.bad() + posted.bad(),
                        mib)


class Backlog:
    """A system whose backlog grows. Knows what must be in its store."""

    def __init__(self, bench, stack):
        self.bench, self.stack = bench, stack
        self.accepted = 0

    def grow_to(self, count):
        """{what: bytes for each job that was added}"""
        wanted = count - self.stack.queue.waiting(VENDOR)
        before = self._bytes()
        self.bench.fill(self.stack, VENDOR, wanted, PAYLOAD_BYTES)
        self.accepted += wanted
        return {what: (size - before[what]) / wanted for what, size in self._bytes().items()}

    def _bytes(self):
        return {"Redis": self.stack.queue.redis.info("memory")["used_memory"],
                "store": jobs_in_store.stored_bytes(self.stack)}

    def look(self):
        posted, seen = look(self.bench, self.stack)
        self.accepted += posted.good() + PROBES
        return seen

    def lost(self):
        return max(0, self.accepted - jobs_in_store.count(self.stack))


def look_at_few(bench):
    """(what was seen, jobs lost) of a new system: posting to it makes its backlog a long one."""
    with bench.stack(vendors=vendors(), settings=SETTINGS) as stack:
        backlog = Backlog(bench, stack)
        backlog.grow_to(FEW)
        return backlog.look(), backlog.lost()


def figures(name, seen):
    """seen: [(with few, with so many)]"""
    few, many = zip(*seen)

    def beside(what, unit, read, **target):
        return Figure(f"{name} jobs wait: {what}", unit, [read(each) for each in many],
                      f"{FEW:,} wait", [read(each) for each in few], **target)

    yield beside("POST 1 KiB", "requests/s", lambda each: each.accept_per_second, at_least=1 - WITHIN)
    yield beside("GET, waiting", "requests/s", lambda each: each.get_per_second, at_least=1 - WITHIN)
    yield beside("GET, waiting, p99", "ms", lambda each: each.get_p99_ms)
    yield beside("a script in Redis, most are takes", "us", lambda each: each.script_us, at_most=1 + WITHIN)
    yield beside("another vendor's jobs until called, p50", "ms", lambda each: each.dispatch_ms, at_most=1 + WITHIN)
    for process in many[0].mib:
        yield beside(process, "MiB", lambda each, process=process: each.mib[process], at_most=MEMORY_WITHIN)


def run(bench):
    lost = bad = 0
    with bench.stack(vendors=vendors(), settings=SETTINGS) as stack:
        backlog = Backlog(bench, stack)
        for count in sorted({min(MANY, bench.waiting), bench.waiting}):
            for what, size in backlog.grow_to(count).items():
                yield Figure(f"{count:,} jobs wait: {what}", "bytes a job", [size])
            seen = []
            for _ in bench.runs:
                few, lost_now = look_at_few(bench)
                lost += lost_now
                seen.append((few, backlog.look()))
            bad += sum(each.bad for pair in seen for each in pair)
            yield from figures(f"{count:,}", seen)
        yield Figure("refused or unanswered", "requests", [bad], at_most=0)
        yield Figure("accepted, not in the store", "jobs", [lost + backlog.lost()], at_most=0)
