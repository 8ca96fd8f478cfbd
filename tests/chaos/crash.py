"""Crash points (lib/crash_point.h): the program kills itself, or loses an answer, at a named place in its code.

A point is armed by a file of its name in $VENDORFETCH_CRASH_DIR; the process that comes there for the n-th time removes
the file and dies. So it has happened when the file is gone.
"""

import os
import pathlib

from stack import OURS, program
from waiting import wait_for

HAPPEN_SECONDS = 20


def built_in():
    """True if the programs have crash points (./configure --enable-crash-points)."""
    return all(b"crash_point:" in pathlib.Path(program(name)).read_bytes() for name in OURS if "mock" not in name)


class Crash:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = {"VENDORFETCH_CRASH_DIR": str(self.folder)}
        self.happened = 0

    def arm(self, name, passes=1):
        """The process that comes there for the n-th time from now on dies."""
        new = self.folder / f".{name}"
        new.write_text(f"{passes}\n")
        os.rename(new, self.folder / name)

    def wait_happened(self, name, seconds=HAPPEN_SECONDS):
        wait_for(lambda: not (self.folder / name).exists(), seconds, f"the crash at {name} happens", 0.02)
        self.happened += 1

    def repeat(self, name, times=3, passes=(1, 3, 2)):
        """So many crashes at this point, one after the other, each at another pass."""
        for number in range(times):
            self.arm(name, passes[number % len(passes)])
            self.wait_happened(name)
