"""HTTP by hand: bytes go out as they are, whatever the server thinks of them, and all that comes back is kept."""

import json
import re
import selectors
import socket
import time
import urllib.parse

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
READ_BYTES = 65536


def address_of(base_url):
    url = urllib.parse.urlsplit(base_url)
    return url.hostname, url.port


def exchange(address, data, seconds=10, closes=False):
    """Sends data, and gives all that comes until the server closes (or resets) the connection. It may answer before it
    has read everything, so both are done at once. closes: the client ends its side when all has been sent."""
    deadline = time.monotonic() + seconds
    left, came = memoryview(data), bytearray()
    with socket.create_connection(address, seconds) as connection, selectors.DefaultSelector() as selector:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while True:
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                raise TimeoutError(f"after {seconds} s the connection is still open; so far: {bytes(came[:500])!r}")
            try:
                if ready[0][1] & selectors.EVENT_READ:
                    more = connection.recv(READ_BYTES)
                    if not more:
                        return bytes(came)
                    came += more
                elif left:
                    left = left[connection.send(left):]
            except ConnectionError:
                left = left[:0]
                if not ready[0][1] & selectors.EVENT_READ:
                    continue    # what was answered before can still be read
                return bytes(came)
            finally:
                if not left:
                    selector.modify(connection, selectors.EVENT_READ)
            if not left and closes:
                connection.shutdown(socket.SHUT_WR)
                closes = False


class Answer:
    """The one answer in what came back; status is None if there is none."""

    def __init__(self, came, head_only=False):
        while came.startswith(CONTINUE):
            came = came[len(CONTINUE):]
        self.bytes = came
        line = STATUS_LINE.match(came)
        self.status = int(line[1]) if line else None
        head, _, self.body = came.partition(b"\r\n\r\n")
        self.head_only = head_only
        self.headers = [tuple(line.split(": ", 1)) for line in head.decode("latin-1").split("\r\n")[1:]] if line else []

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    def detail(self):
        """Of a problem document; "" if it is none."""
        try:
            return json.loads(self.body)["detail"]
        except (ValueError, KeyError, TypeError):
            return ""

    def mistakes(self):
        """What is wrong with it as an error of ours: [text]."""
        length, wrong = self.header("content-length"), []
        if not self.head_only and length is not None and int(length) != len(self.body):
            wrong.append(f"Content-Length is {length}, and {len(self.body)} bytes came")
        if self.header("content-type") != "application/problem+json":
            wrong.append(f"Content-Type is {self.header('content-type')}")
        if not self.head_only:
            try:
                problem = json.loads(self.body)
                if problem["status"] != self.status or not problem["title"] or not problem["detail"]:
                    wrong.append("the problem document is of another status")
            except (ValueError, KeyError) as error:
                wrong.append(f"no problem document: {error!r}")
        return wrong
