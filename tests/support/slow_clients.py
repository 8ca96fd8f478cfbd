"""Clients that hold on to their connections: a crowd in a process of its own.

    slow_clients.py HOST PORT COUNT TARGET PERIOD_SECONDS KIND,...

COUNT connections, as many of each kind:

  headers    a request line, and then a byte of a header every period
  body       a POST whose body comes a byte every period
  reading    two GETs of TARGET at once, and not one byte of the answers is read
  idle       a GET of TARGET, and when it has been answered nothing more

One that the server closes is opened anew. Prints "ready" when all are there, for each line on stdin a line of JSON (how
many of each kind are open, how many were opened again, how many answers wait to be read), and ends with its stdin.
"""

import heapq
import itertools
import json
import resource
import select
import selectors
import socket
import subprocess
import sys
import time

SLOW_KINDS = ("headers", "body", "reading")
HEADERS = b"POST /jobs HTTP/1.1\r\nHost: h\r\nX-Slow: "
BODY = b"POST /jobs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
READS = 2
RECEIVE_BYTES = 2048
SEGMENT_BYTES = 1400    # as on a network; on the loopback the kernel would take megabytes off the server
READ_BYTES = 65536
FILES_KEPT_BACK = 100
READY_SECONDS = 60


def too_few_files(count):
    """Why so many connections cannot be opened here, or None."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= count + FILES_KEPT_BACK:
        return None
    return f"{hard} open files are allowed, and {count} connections are to be opened"


class Crowd:
    def __init__(self, address, count, target, period, kinds):
        self.address, self.period = address, period
        get = f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        self.first = {"headers": HEADERS, "body": BODY, "reading": get * READS, "idle": get}
        self.selector, self.readers = selectors.DefaultSelector(), select.poll()
        self.due, self.order = [], itertools.count()
        self.open, self.again = dict.fromkeys(kinds, 0), 0
        for number in range(count):
            self.begin(kinds[number % len(kinds)])

    def begin(self, kind):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        connection.connect(self.address)
        connection.setblocking(False)
        self.send(connection, self.first[kind])
        self.open[kind] += 1
        if kind == "reading":    # who reads nothing does not see the end either
            self.readers.register(connection, select.POLLIN)
        else:
            self.selector.register(connection, selectors.EVENT_READ, kind)
        # Spread over the period, as the bytes of many clients are.
        at = time.monotonic() + self.period * (next(self.order) % 100 + 1) / 100
        heapq.heappush(self.due, (at, next(self.order), connection, kind))

    @staticmethod
    def send(connection, data):
        """False: the server has closed it."""
        try:
            connection.send(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def end(self, connection, kind):
        (self.readers if kind == "reading" else self.selector).unregister(connection)
        connection.close()
        self.open[kind] -= 1
        self.again += 1
        self.begin(kind)

    def look(self, connection, kind):
        """Something came: an answer, or the end."""
        try:
            if connection.recv(READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.end(connection, kind)

    def turn(self):
        """One byte of each whose time has come. The others send nothing, and look whether they are still there."""
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            _, _, connection, kind = heapq.heappop(self.due)
            if connection.fileno() < 0:
                continue
            if not self.send(connection, b"1" if kind in ("headers", "body") else b""):
                self.end(connection, kind)
            else:
                heapq.heappush(self.due, (now + self.period, next(self.order), connection, kind))

    def run(self, stdin):
        self.selector.register(stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in self.selector.select(max(0, self.due[0][0] - time.monotonic())):
                if key.data is None:
                    if not stdin.readline():
                        return
                    print(json.dumps({**self.open, "again": self.again, "unread": len(self.readers.poll(0))}), flush=True)
                else:
                    self.look(key.fileobj, key.data)
            self.turn()


class SlowClients:
    """The crowd, as long as the `with` block lasts."""

    def __init__(self, address, count, target, kinds=SLOW_KINDS, period_seconds=2):
        self.command = [sys.executable, __file__, address[0], str(address[1]), str(count), target, str(period_seconds),
                        ",".join(kinds)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the slow clients do not come up"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(READY_SECONDS)
        self.process.stdout.close()

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def main():
    host, port, count, target, period, kinds = sys.argv[1:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd((host, int(port)), int(count), target, float(period), kinds.split(","))
    print("ready", flush=True)
    crowd.run(sys.stdin)


if __name__ == "__main__":
    main()
