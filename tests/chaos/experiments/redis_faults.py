"""Redis forgets, is full, hangs, or comes back as it once was."""

from experiment import experiment


@experiment(13, "FLUSHALL", ci=("sqlite", "mongodb"))
def flushall(stack, load, crash):
    for _ in range(3):
        stack.queue.redis.flushall()
        load.wait_more(200)


@experiment(15, "SCRIPT FLUSH", ci=("mongodb",))
def script_flush(stack, load, crash):
    for _ in range(5):
        stack.queue.redis.script_flush()
        load.wait_more(100)
