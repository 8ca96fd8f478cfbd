"""Runs vendorfetch(1) as a user does, apart from the environment: nothing of ours gets in."""
import json
import os
import pathlib
import subprocess

TESTS = pathlib.Path(__file__).resolve().parent.parent
TOP = TESTS.parent
CORPUS = TESTS / "corpus" / "vendor"

# What the references in the corpus stand for.
CORPUS_ENV = {"CORPUS_TOKEN": "corpus-token", "CORPUS_URL": "https://vendor.example", "CORPUS_BASE64": "c2VjcmV0"}


def vendorfetch(*arguments, cwd=None, env=None, stdout=subprocess.PIPE, stdin=os.devnull):
    """The finished process; env is added to what every process has. stdin: the path of a file."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "HOME") or name.endswith(("SAN_OPTIONS", "SYMBOLIZER_PATH"))}
    kept.update(env or {})
    with open(stdin, encoding="utf-8") as given:
        return subprocess.run([os.path.join(os.environ["VENDORFETCH_BUILD"], "vendorfetch"), *map(str, arguments)],
                              cwd=cwd, env=kept, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
                              stdin=given, check=False)


def vendor(name, **more):
    """The members of a vendor that is well."""
    return {"name": name, "mode": "sync", "request": {"url": "http://vendor.example/"}, **more}


def write(folder, name, members):
    """A vendor file; a text is written as it is."""
    path = folder / name
    path.write_text(members if isinstance(members, str) else json.dumps(members, indent=2))
    return path
