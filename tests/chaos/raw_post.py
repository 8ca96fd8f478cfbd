"""A POST /jobs by hand, for clients that are slow, do not wait for their answer, or come by the thousand."""

import http.client
import json
import select
import socket
import struct
import time
import urllib.parse

from clients import name_of

SECONDS = 20  # for every step


class RawPost:
    def __init__(self, base_url, wanted):
        url = urllib.parse.urlsplit(base_url)
        self.wanted = wanted
        self.socket = socket.create_connection((url.hostname, url.port), SECONDS)
        self.head = (f"POST /jobs HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(wanted.body)}\r\nIdempotency-Key: {wanted.key}\r\n"
                     "Connection: close\r\n\r\n").encode()

    def send(self, share=1):
        """The head and this share of the body."""
        self.socket.sendall(self.head + self.wanted.body[:int(len(self.wanted.body) * share)])

    def send_slowly(self, pieces, pause_seconds):
        self.socket.sendall(self.head)
        size = -(-len(self.wanted.body) // pieces)
        for start in range(0, len(self.wanted.body), size):
            self.socket.sendall(self.wanted.body[start:start + size])
            time.sleep(pause_seconds)

    def is_answered(self):
        """An answer is there to be read, or the end of the connection."""
        poller = select.poll()  # select.select() takes no file over 1,023
        poller.register(self.socket, select.POLLIN)
        return bool(poller.poll(0))

    def read(self):
        """(status, request id or None)"""
        response = http.client.HTTPResponse(self.socket, method="POST")
        try:
            response.begin()
            body = response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no answer: {error!r}") from error
        return response.status, json.loads(body)["request_id"] if response.status == 202 else None

    def read_into(self, load, send=lambda: None):
        """Sends, if it has not been done yet, reads the answer, or finds that there is none, and closes."""
        try:
            send()
            load.note(self.wanted, *self.read())
        except OSError as error:
            load.note(self.wanted, name_of(error))
        self.socket.close()

    def vanish(self, reset=False):
        """Closes, the answer unread; with a reset, so that the server hears of it at once."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
