"""A real HTTP server on loopback that misbehaves on request."""

import hashlib
import re
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(i * 7 % 251 for i in range(300_000))
OTHER = CONTENT[::-1]


def digest(content):
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`; each request takes one fault from `server.faults`, if there is one left."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        fault = server.faults.pop(0) if server.faults else None
        content = server.files.get(self.path)
        if isinstance(fault, int):
            self.refuse(fault)
        elif fault == "hang":
            server.hanging.wait(10)
            self.close_connection = True
        elif content is None:
            self.refuse(404)
        else:
            self.serve(content, fault)

    def refuse(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve(self, content, fault):
        start = self.first_byte(content)
        if start is None:
            self.refuse(416)
            return
        self.send_response(206 if start else 200)
        for name, value in self.server.validators.items():
            self.send_header(name, value)
        if fault != "no length":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if fault in ("drop", "reset"):
            body = body[: len(body) // 2]
        self.wfile.write(body)
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = fault is not None

    def first_byte(self, content):
        """Where to begin; 0 where ranges are off or the validator no longer holds, None past the end."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is None or not self.server.ranges or self.headers["If-Range"] not in self.server.validators.values():
            return 0
        start = int(asked[1])
        return start if start < len(content) else None


@contextmanager
def serving():
    """A running server: fill `files`, and script `faults`; `requests` holds the headers of what was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.validators, server.ranges = {"/data.bin": CONTENT}, {"ETag": '"one"'}, True
    server.faults, server.requests, server.hanging = [], [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.hanging.set()
        server.shutdown()
        thread.join()
        server.server_close()
