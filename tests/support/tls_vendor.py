"""A vendor behind TLS, with a certificate of its own making."""

import http.server
import json
import ssl
import subprocess
import threading


def make_certificate(folder, name):
    """A self-signed certificate for localhost and its key; the certificate's path."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", certificate, "-keyout", key],
                   check=True, capture_output=True)
    return certificate


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.paths.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"data": "over TLS"}).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class TlsVendor(http.server.ThreadingHTTPServer):
    """Answers every POST; `paths` of the requests that came. Handshakes are made in the threads of their connections."""

    daemon_threads = True

    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def handle_error(self, request, client_address):
        """That a client does not like the certificate is what tests want."""

    def url(self, host, path):
        return f"https://{host}:{self.server_port}{path}"

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()
