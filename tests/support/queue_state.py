"""What is left in Redis: invariant I5 says nothing, once all jobs are done."""

import redis

from waiting import wait_for

GROUP = "workers"


class QueueState:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url, socket_timeout=5, decode_responses=True)

    def counts(self):
        """What a drained system must not hold: {what it is: how many of it}."""
        found = {}
        for key in self.redis.scan_iter(match="*job-queue:{*}", count=1000):
            found[f"{key} entries"] = self.redis.xlen(key)
            for group in self.redis.xinfo_groups(key):
                found[f"{key} pending in group {group['name']}"] = group["pending"]
        for pattern in ("*job-delayed:{*}", "*in_flight:{*}"):
            for key in self.redis.scan_iter(match=pattern, count=1000):
                found[f"{key} members"] = self.redis.zcard(key)
        return {what: count for what, count in found.items() if count}

    def leftovers(self):
        """The same as a list of texts."""
        return [f"{what}: {count}" for what, count in self.counts().items()]

    def assert_drained(self, seconds=5):
        wait_for(lambda: not self.leftovers(), seconds, lambda: f"nothing is left in Redis: {self.leftovers()}")

    def waiting(self, vendor):
        """Entries of a vendor that wait in its stream or its delayed set."""
        return self.redis.xlen("job-queue:{%s}" % vendor) + self.redis.zcard("job-delayed:{%s}" % vendor)
