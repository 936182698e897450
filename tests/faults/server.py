"""A server on the loopback that misbehaves as told."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Misbehaving:
    """Serves bytes under any path, and does what `fault` says once `after` requests for ranges have come.

    Faults: "500", "403", "404", "hang" (accepts and never answers), "drop" (closes in the middle of the body),
    "short" (fewer bytes than promised), "change" (other content from then on), "zeros" (zeros in place of the content).
    """

    def __init__(self, content, *, fault="", after=0, other=b""):
        self.content, self.other, self.fault, self.after = content, other, fault, after
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                outer.answer(self, body=False)

            def do_GET(self):
                with contextlib.suppress(OSError):
                    outer.answer(self, body=True)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/scene.tif"

    def answer(self, handler, *, body):
        self.requests.append((handler.command, handler.path, handler.headers.get("Range")))
        if not handler.path.endswith("scene.tif"):
            return self._status(handler, 404)
        ranges = sum(1 for command, path, _ in self.requests if command == "GET" and path.endswith("scene.tif"))
        fault = self.fault if ranges > self.after else ""
        if fault.isdecimal():
            return self._status(handler, int(fault))
        if fault == "hang":
            self._stopped.wait(60)
            handler.close_connection = True
            return None
        content = self.other if fault == "change" else self.content
        return self._send(handler, content, fault, body=body)

    def _status(self, handler, code):
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _send(self, handler, content, fault, *, body):
        wanted = handler.headers.get("Range")
        first, last = 0, len(content) - 1
        if wanted:
            start, _, stop = wanted.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(stop or last), last)
        part = bytes(last + 1 - first) if fault == "zeros" else content[first : last + 1]
        handler.send_response(206 if wanted else 200)
        if wanted:
            handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("ETag", f'"{hash(content)}"')
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        if body:
            handler.wfile.write(part[: len(part) // 2] if fault in ("drop", "short") else part)
            if fault == "short":
                time.sleep(0.2)
            handler.close_connection = fault in ("drop", "short")
