"""The bad requests of tests/corpus/requests (the README there says how a line is read)."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "corpus/requests"


def join(parts):
    """A text, or a list of texts and of [text, how often]."""
    if isinstance(parts, str):
        return parts
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


class BadRequest:
    def __init__(self, file, line):
        self.name = f"{file}: {line['name']}"
        self.status = line["status"]
        self.says = line["says"]
        self.closes = line.get("closes", False)
        self.bytes = join(line["raw"]).encode("latin-1") if "raw" in line else self._compose(line)
        self.head_only = self.bytes.startswith(b"HEAD ")

    @staticmethod
    def _compose(line):
        body = join(line["bytes"]).encode("latin-1") if "bytes" in line else join(line.get("body", "")).encode()
        headers = {"Host": "localhost", "Connection": "close"}
        if "body" in line or "bytes" in line:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        headers |= line.get("headers", {})
        lines = [join(line["request"]) + " HTTP/1.1"] + [f"{name}: {join(value)}" for name, value in headers.items()]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def files():
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def load(file):
    text = (FOLDER / f"{file}.jsonl").read_text(encoding="utf-8")
    return [BadRequest(file, json.loads(line)) for line in text.splitlines() if line]


def load_all():
    return [request for file in files() for request in load(file)]
