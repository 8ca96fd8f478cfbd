"""Exactly so many jobs, posted by tests/bench/post_jobs.c, and what came of each."""

import dataclasses
import json
import subprocess

END_SECONDS = 120   # the longest that posting may take


@dataclasses.dataclass
class Posts:
    """Times are microseconds of the wall clock since 1970."""

    wanted: int
    ids: list            # of those that were accepted, in the order in which they were sent
    answered_us: list    # when each of these was accepted
    began_us: int
    cpu_seconds: float   # of the client

    def bad(self):
        """Refused, unanswered or never sent."""
        return self.wanted - len(self.ids)


def _read(path, wanted, cpu_seconds):
    posts = Posts(wanted, [], [], 0, cpu_seconds)
    with open(path, encoding="ascii") as lines:
        for line in lines:
            sent_us, answered_us, status, request_id = line.split()
            posts.began_us = posts.began_us or int(sent_us)
            if status == "202":
                posts.ids.append(request_id)
                posts.answered_us.append(int(answered_us))
    return posts


def post(bench, stack, count, body_file, connections, pause_ms=0):
    """Each connection sends its next job when it has its answer and, with one connection, has paused."""
    path = bench.file("")
    port = stack.base_url.rsplit(":", 1)[1].strip("/")
    done = subprocess.run([bench.build / "tests/bench/post_jobs", port, str(connections), str(count), str(pause_ms),
                           body_file, path], check=True, capture_output=True, text=True, timeout=END_SECONDS)
    return _read(path, count, json.loads(done.stdout)["cpu_seconds"])
