"""What is left in Redis: invariant I5 says nothing, once all jobs are done."""

import redis

from waiting import wait_for

GROUP = "workers"


class QueueState:
    def __init__(self, url):
        self.redis = redis.Redis.from_url(url, socket_timeout=5, decode_responses=True)

    def leftovers(self):
        """Everything that a drained system must not hold, as a list of texts."""
        found = []
        for key in self.redis.scan_iter(match="*job-queue:{*}", count=1000):
            if self.redis.xlen(key):
                found.append(f"{key}: {self.redis.xlen(key)} entries")
            for group in self.redis.xinfo_groups(key):
                if group["pending"]:
                    found.append(f"{key}: {group['pending']} pending in group {group['name']}")
        for pattern in ("*job-delayed:{*}", "*in_flight:{*}"):
            for key in self.redis.scan_iter(match=pattern, count=1000):
                if self.redis.zcard(key):
                    found.append(f"{key}: {self.redis.zcard(key)} members")
        return found

    def assert_drained(self, seconds=5):
        wait_for(lambda: not self.leftovers(), seconds, lambda: f"nothing is left in Redis: {self.leftovers()}")

    def waiting(self, vendor):
        """Entries of a vendor that wait in its stream or its delayed set."""
        return self.redis.xlen("job-queue:{%s}" % vendor) + self.redis.zcard("job-delayed:{%s}" % vendor)
