"""Inputs for fuzz targets out of the lists of tests/corpus, in which a line is one: made for a run, not kept."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

from support import requests_corpus  # noqa: E402


def json_texts():
    for file in sorted((TOP / "tests/corpus/json").glob("*.tsv")):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, text = line.split("\t", 2)
            yield name, re.sub(rb"%([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())


def requests():
    """As fuzz_request.c reads them: a request line without its version, headers, an empty line, the body."""
    for number, request in enumerate(requests_corpus.load_all()):
        head, end, body = request.bytes.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        lines[0] = lines[0].removesuffix(b" HTTP/1.1")
        yield str(number), b"\n".join(lines) + b"\n\n" + (body if end else b"")


SEEDS = {"json": json_texts, "request": requests}


def write(target, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in SEEDS.get(target, tuple)():
        (folder / name.replace("/", "_")).write_bytes(text)
