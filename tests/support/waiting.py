"""Waiting for a condition with a deadline: the one way in which these tests synchronise."""

import time

PAUSE_SECONDS = 0.02


def wait_for(condition, seconds, what, pause_seconds=PAUSE_SECONDS):
    """Calls condition() until it gives something true, and returns that.

    After `seconds` it fails with `what` (a text, or a function that makes one from what is known by then). Errors that
    condition() raises while it is being waited for count as "not yet"; the last one is shown with the failure.
    """
    deadline = time.monotonic() + seconds
    while True:
        error = None
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError, ValueError, KeyError) as raised:
            error = raised
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {text}" + (f" ({error!r})" if error else ""))
        time.sleep(pause_seconds)
