"""A tile server on loopback that stands in for GIBS: generated JPEG tiles by level, row and column."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image
from rasterio.windows import Window

from seaice_cli.synthetic import SceneRecipe, generate
from tests.fetching.servers import serving

XML = Path(__file__).parents[1] / "examples" / "gibs_truecolor.xml"
BANDS721, CORRECTED = XML.with_name("gibs_bands721.xml"), XML.with_name("gibs_corrected.vrt")
TILE = 512
LEVEL = 5
"""The finest; there are 2 * 2^LEVEL tiles along each axis."""


@dataclass
class TileServer:
    """What the server serves, what it was asked for, and how it shall fail."""

    recipe: SceneRecipe
    requests: list[tuple[int, int, int]] = field(default_factory=list)
    status: int = 200
    """Anything but 200 is what every request gets."""
    delay: float = 0.0
    """Seconds before every answer."""

    @cached_property
    def http(self) -> ThreadingHTTPServer:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler(self))

    def xml(self, folder: Path, *, timeout: int = 60, source: Path = XML) -> Path:
        """Write a shipped description with this server's address under its own name, and return its path."""
        text = source.read_text()
        text, replaced = re.subn(
            r"<ServerUrl>https://[^$]*/250m/", f"<ServerUrl>http://127.0.0.1:{self.http.server_port}/250m/", text
        )
        assert replaced == 1
        path = folder / source.name
        path.write_text(text.replace("<Timeout>60<", f"<Timeout>{timeout}<"))
        return path

    def pixels(self, level: int, row: int, col: int) -> np.ndarray:
        """Return a tile before it is compressed, (3, 512, 512); coarser ones are means of the next finer four."""
        return tile(self.recipe, level, row, col)


@lru_cache(maxsize=256)
def tile(recipe: SceneRecipe, level: int, row: int, col: int) -> np.ndarray:
    if level == LEVEL:
        return generate(recipe, Window(col * TILE, row * TILE, TILE, TILE))[0]
    four = [[tile(recipe, level + 1, 2 * row + i, 2 * col + j) for j in (0, 1)] for i in (0, 1)]
    return np.block(four).reshape(3, TILE, 2, TILE, 2).mean((2, 4)).round().astype(np.uint8)


@lru_cache(maxsize=256)
def jpeg(recipe: SceneRecipe, level: int, row: int, col: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(tile(recipe, level, row, col).transpose(1, 2, 0)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def handler(server: TileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(server.delay)
            path = re.fullmatch(r"/250m/(\d+)/(\d+)/(\d+)\.jpg", self.path)
            level, row, col = map(int, path.groups()) if path else (-1, -1, -1)
            known = 0 <= level <= LEVEL and max(row, col) < 2 << level
            if server.status != 200 or not known:
                self.send_error(server.status if server.status != 200 else 404)
                return
            server.requests.append((level, row, col))
            body = jpeg(server.recipe, level, row, col)
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serve(seed: int = 1) -> Iterator[TileServer]:
    """Run a tile server for a generated Arctic of 32 768 x 32 768 pixels until the block ends."""
    size = TILE * 2 << LEVEL
    server = TileServer(SceneRecipe(height=size, width=size, seed=seed, collar=False))
    with serving(server):
        yield server
