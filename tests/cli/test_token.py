"""vendorfetch token new: what it prints is good for the file of clients."""

import hashlib
import json
import re

from cli import vendorfetch


def test_a_token_and_its_entry():
    done = vendorfetch("token", "new", "billing")
    token, entry = re.search(r"  (vf_[0-9a-f]{64})\n.*  (\{.*\})\n$", done.stdout, re.DOTALL).groups()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(entry) == {"name": "billing", "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
                                 "scopes": ["submit", "read"]}
    assert token not in vendorfetch("token", "new", "billing").stdout


def test_names_that_are_none():
    for name in ("", "a b", "a\"b", "ä"):
        done = vendorfetch("token", "new", name)
        assert (done.returncode, done.stdout) == (2, "") and "name" in done.stderr
