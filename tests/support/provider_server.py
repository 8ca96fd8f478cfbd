"""A small HTTP server for one provider, for as long as a test runs: it keeps what it was asked, and answers as told.

What real providers answer is in providers.py; here is only how they are asked.
"""

import base64
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Call:
    """A request that came in. `target` is path and query as they were sent, `headers` have names in lower case."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path = parts.path
        self.segments = [urllib.parse.unquote(segment) for segment in parts.path.split("/")[1:]]
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def json(self):
        return json.loads(self.body)

    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode()))

    def basic(self):
        """(user, password) of HTTP basic authentication, or None."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return tuple(base64.b64decode(value).decode().split(":", 1)) if kind == "Basic" else None

    def bearer(self):
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value if kind == "Bearer" else None


class Server:
    """Calls answer(call), which gives (status, body) or (status, body, headers); a body is what JSON is made of."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def _handler(server):  # pylint: disable=no-self-argument
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, self.rfile.read(length))
                with server._lock:
                    server.calls.append(call)   # first: an answer may begin a webhook that ends the job
                    status, body, more = (*server._answer(call), {})[:3]
                self.send(status, json.dumps(body).encode(), more)

            def send(self, status, content, more):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **more}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        return Handler
