"""Serve a generated Arctic day as tiles on loopback, with the paths of NASA's GIBS: two overpasses see one ice under different clouds.

A scene of 4 x 4 tiles is generated and repeated, mirrored, 16 tiles off the upper left corner: python examples/serve_day.py FOLDER
"""

import argparse
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.windows import Window

from seaice_cli.synthetic import SceneRecipe, write_scene

TILE, TILES, FIRST, CLOUD = 512, 4, 16, 2
PATH = re.compile(r"/epsg3413/best/MODIS_(Terra|Aqua)_CorrectedReflectance_TrueColor/.*/5/(\d+)/(\d+)\.jpg")
JPEG = {"driver": "JPEG", "height": TILE, "width": TILE, "count": 3, "dtype": "uint8", "QUALITY": 90}


class Day(BaseHTTPRequestHandler):
    """Answers with one tile; Aqua's clouds are Terra's, two tiles further east."""

    folder, size = Path(), 0

    def do_GET(self) -> None:
        """Send a tile, or 404 beyond the day."""
        found = PATH.fullmatch(self.path)
        row, column = (int(found[2]) - FIRST, int(found[3]) - FIRST) if found else (-1, -1)
        known = found is not None and 0 <= row < self.size and 0 <= column < self.size
        body = self.jpeg(row, column, 2 if found and found[1] == "Aqua" else 0) if known else b""
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def jpeg(self, row: int, column: int, east: int) -> bytes:
        """Return the tile, with the clouds that are so many tiles further east."""
        clear, cloudy, truth = (self.read(n, row, column + east * (n != "clear")) for n in ("clear", "cloudy", "truth"))
        with MemoryFile() as memory:
            with memory.open(**JPEG) as picture:
                picture.write(np.where(truth == CLOUD, cloudy, clear))
            return bytes(memory.read())

    def read(self, name: str, row: int, column: int) -> np.ndarray:
        """Return the pixels of a tile, mirrored in every second repetition."""
        at = [min(k % (2 * TILES), 2 * TILES - 1 - k % (2 * TILES)) * TILE for k in (row, column)]
        with rasterio.open(self.folder / f"{name}.tif") as file:
            pixels = file.read(window=Window(at[1], at[0], TILE, TILE))
        return pixels[:, :: -1 if row // TILES % 2 else 1, :: -1 if column // TILES % 2 else 1]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Generate the day, write the server's address into the folder, and serve."""
    parser = argparse.ArgumentParser(description="Serve a generated Arctic day as tiles on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiles", type=int, default=16, help="along a side, of 512 pixels each (default: %(default)s)")
    given = parser.parse_args()
    Day.folder, Day.size = given.folder, given.tiles
    for name, clouds in (("clear", 0.0), ("cloudy", 0.4)):
        recipe = SceneRecipe(
            height=TILES * TILE, width=TILES * TILE, seed=7, regime="edge", clouds=clouds, collar=False
        )
        write_scene(given.folder / f"{name}.tif", recipe, truth=given.folder / "truth.tif")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Day)
    (given.folder / "address").write_text(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
