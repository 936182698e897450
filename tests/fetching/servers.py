"""A server on loopback that answers as GIBS does: its paths, its status codes, and its failures as told."""

from __future__ import annotations

import io
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

PATH = re.compile(
    r"/wmts/epsg(?P<epsg>3413|3031)/best/(?P<layer>\w+)/default/(?P<day>\d{4}-\d\d-\d\d)/250m/(?P<level>\d)/(?P<row>\d+)/(?P<column>\d+)\.jpg"
)
SIDE = 512
NO_SUCH_TILE = b'<?xml version="1.0" encoding="UTF-8"?>\n<ExceptionReport><Exception exceptionCode="TileOutOfRange"/></ExceptionReport>'


def tile(layer, row, column):
    """Return the pixels of a tile, (512, 512, 3): one colour for each place and layer, so that JPEG keeps it nearly as it is."""
    first = 40 if "Bands721" in layer else 100
    return np.broadcast_to(np.uint8([first + row, first + column, first + 60]), (SIDE, SIDE, 3))


def jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


class TileServer:
    """Serves tiles, and misbehaves.

    `faults` says for a path's (row, column) what its first answers are: a status, "slow", "short" (fewer bytes than promised),
    "cut" (half a JPEG, all of it as promised), "text" (an exception report with status 200), "drop" (the connection is closed).
    """

    def __init__(self):
        self.requests = Counter()
        self.faults: dict[tuple[int, int], list] = {}
        self.every: list = []
        """What every answer is, whatever it is asked for."""
        self.days = {"2024-06-01", "2024-06-02"}
        self.black = False
        self.agents = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.agents.add(self.headers["User-Agent"])
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}/wmts"

    def answer(self, handler):
        found = PATH.fullmatch(handler.path)
        if not found:
            return self.send(handler, 400, NO_SUCH_TILE)
        row, column = int(found["row"]), int(found["column"])
        self.requests[found["layer"], row, column] += 1
        waiting = self.faults.get((row, column), [])
        fault = self.every[0] if self.every else waiting.pop(0) if waiting else None
        if isinstance(fault, int):
            return self.send(handler, fault, NO_SUCH_TILE)
        if found["level"] != "5" or max(row, column) > 63 or found["day"] not in self.days:
            return self.send(handler, 404, NO_SUCH_TILE)
        pixels = tile(found["layer"], row, column)
        return self.misbehave(handler, fault, jpeg(np.zeros_like(pixels) if self.black else pixels))

    def misbehave(self, handler, fault, body):
        if fault == "slow":
            time.sleep(1.5)
        if fault == "drop":
            handler.close_connection = True
            return None
        if fault == "text":
            return self.send(handler, 200, NO_SUCH_TILE)
        if fault == "cut":
            return self.send(handler, 200, body[: len(body) // 2])
        return self.send(handler, 200, body, sent=len(body) // 2 if fault == "short" else len(body))

    def send(self, handler, status, body, sent=None):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Content-Type", "image/jpeg" if body[:2] == b"\xff\xd8" else "text/xml")
        handler.end_headers()
        handler.wfile.write(body[:sent])
        if sent is not None and sent < len(body):
            handler.close_connection = True


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
