"""The tutorial of docs/vendors.md, typed as it is written there: a block ```sh is run, the block after it is what it prints
(`...` stands for anything; alone in a line, for any lines)."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from stack import TOP, program

SECTION = re.compile(r"\n## In ten minutes\n(.*?)\n## ", re.S)
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.S | re.M)
SECONDS = 180


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="vf-doc-"))
    yield path
    subprocess.run([TOP / "scripts/stack", "down", path / "vf"], check=False, capture_output=True, timeout=SECONDS)
    shutil.rmtree(path, ignore_errors=True)


def blocks(here):
    """[(commands, what they print)], with the folders of the tutorial in `here`."""
    text = SECTION.search((TOP / "docs/vendors.md").read_text()).group(1)
    text = text.replace("/tmp/tour", str(here)).replace("./vendorfetch", program("vendorfetch"))
    found = []
    for shell, content in BLOCK.findall(text):
        if shell:
            found.append((content, ""))
        else:
            found[-1] = (found[-1][0], content)
    return found


def typed(steps):
    """What each step prints, errors too."""
    script = "".join(f"{commands}\necho; echo @@@\n" for commands, _ in steps)
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    done = subprocess.run(["bash", "-c", script], cwd=TOP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS, check=False)
    said = re.sub("^stack: .*\n", "", done.stdout, flags=re.M)     # such as that something took its time to end
    return said.split("\n@@@\n")


def pattern_of(expected):
    lines = [r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in expected.splitlines()]
    return "".join(lines) + r"\n*"


@pytest.mark.only("sqlite")
def test_what_the_tutorial_says_is_what_happens(store, folder):  # pylint: disable=unused-argument
    steps = blocks(folder)
    assert len(steps) >= 8
    for (commands, expected), printed in zip(steps, typed(steps)):
        assert re.fullmatch(pattern_of(expected), printed + "\n"), f"{commands}\nprinted:\n{printed}\nand not:\n{expected}"
