"""A server on loopback that answers as a STAC API does: landing page, item search in pages, assets by ranges."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import rasterio
from rasterio.warp import transform_bounds

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/collections",
]
COLORS = {"red": 4, "green": 3, "blue": 2}


def write_assets(
    folder, name, *, left=500_000, top=8_700_000, size=400, pixel=10, crs="EPSG:32633", value=3000, hole=0
):
    """Write three bands of a made Sentinel-2 granule, (size, size): value, a gradient on it, and `hole` columns without data."""
    for number in COLORS.values():
        rows, columns = np.mgrid[:size, :size]
        pixels = (value + number * 10 + rows + 2 * columns).astype(np.uint16)
        pixels[:, :hole] = 0
        with rasterio.open(
            folder / f"{name}_B0{number}.tif", "w", driver="GTiff", height=size, width=size, count=1, dtype="uint16", crs=crs,
            transform=rasterio.Affine(pixel, 0, left, 0, -pixel, top), tiled=True, blockxsize=128, blockysize=128, compress="DEFLATE",
        ) as file:  # fmt: skip
            file.write(pixels, 1)
            file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)


def item(folder, name, base, *, moment="2024-06-01T12:00:00Z", cloud=5.0, version="1.0.0", offset=-0.1, **properties):
    """Return an item of the granule as Earth Search (1.0) or the Copernicus catalogue (1.1) writes it."""
    with rasterio.open(folder / f"{name}_B04.tif") as file:
        box = list(transform_bounds(file.crs, "EPSG:4326", *file.bounds))
    west, south, east, north = box
    assets = {}
    for color, number in COLORS.items():
        about = {
            "href": f"{base}{name}_B0{number}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
        }
        if version == "1.0.0":
            about["eo:bands"] = [{"name": f"B0{number}", "common_name": color}]
            about["raster:bands"] = [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": offset}]
        else:
            about["bands"] = [{"name": f"B0{number}", "eo:common_name": color}]
            about |= {"raster:scale": 0.0001, "raster:offset": offset, "nodata": 0, "data_type": "uint16"}
        assets[color if version == "1.0.0" else f"B0{number}_10m"] = about
    assets["visual"] = {
        "href": f"{base}nothing.tif", "roles": ["visual"], "eo:bands": [{"name": c, "common_name": c} for c in COLORS]
    }  # fmt: skip
    return {
        "type": "Feature", "stac_version": version, "id": name, "collection": "sentinel-2-l2a", "bbox": box, "stac_extensions": [],
        "geometry": {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]},
        "properties": {"datetime": moment, "platform": "sentinel-2a", "eo:cloud_cover": cloud, "s2:processing_baseline": "05.10",
                       "providers": [{"name": "ESA"}], **properties},
        "links": [], "assets": assets,
    }  # fmt: skip


class StacServer:
    """Serves a catalogue of items and the files of a folder; `faults` are the first answers of a path's end."""

    def __init__(self, folder):
        self.folder, self.items = Path(folder), []
        self.faults: dict[str, list] = {}
        self.searches: list[dict] = []
        self.ranges: list[str] = []
        self.bytes = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                server.answer(self, {}, body=False)

            def do_GET(self):
                server.answer(self, {})

            def do_POST(self):
                server.answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, handler, asked, *, body=True):
        path = handler.path.partition("?")[0]
        with self.lock:
            waiting = next((f for end, f in self.faults.items() if path.endswith(end)), [])
            fault = waiting.pop(0) if waiting else None
        if isinstance(fault, int):
            return self.send(handler, fault, b"no", "text/plain", body=body)
        if fault == "slow":
            time.sleep(1.5)
        if path in ("", "/", "/v1", "/v1/"):
            return self.as_json(handler, self.landing())
        if path == "/v1/search":
            return self.as_json(handler, self.search(asked), cut=fault == "cut")
        return self.file(handler, path, fault, body=body)

    def landing(self):
        base = f"{self.url}/v1"
        links = [
            {"rel": rel, "href": href, "type": "application/json"} for rel, href in (("self", base), ("root", base))
        ]
        search = [
            {"rel": "search", "href": f"{base}/search", "method": m, "type": "application/geo+json"}
            for m in ("GET", "POST")
        ]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "made",
            "description": "made",
            "conformsTo": CONFORMS,
            "links": links + search,
        }

    def search(self, asked):
        self.searches.append(asked)
        first, last = asked["datetime"].split("/")
        west, south, east, north = asked["bbox"]
        found = [
            i for i in self.items
            if i["collection"] in asked["collections"] and first <= i["properties"]["datetime"] <= last
            and i["bbox"][0] <= east and i["bbox"][2] >= west and i["bbox"][1] <= north and i["bbox"][3] >= south
        ]  # fmt: skip
        at, page = int(asked.get("token", 0)), 2
        links = []
        if at + page < len(found):
            links = [
                {
                    "rel": "next",
                    "method": "POST",
                    "href": f"{self.url}/v1/search",
                    "body": {**asked, "token": str(at + page)},
                }
            ]
        return {"type": "FeatureCollection", "features": found[at : at + page], "links": links}

    def as_json(self, handler, value, *, cut=False):
        text = json.dumps(value).encode()
        self.send(handler, 200, text[: len(text) // 2] if cut else text, "application/json")

    def file(self, handler, path, fault, *, body):
        file = self.folder / path.removeprefix("/files/")
        if not file.is_file():
            return self.send(handler, 404, b"none", "text/plain", body=body)
        content = file.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        if not found:
            return self.send(handler, 200, content, "image/tiff", body=body)
        start, stop = int(found[1]), min(int(found[2] or len(content)), len(content) - 1) + 1
        with self.lock:
            self.ranges.append(handler.headers["Range"])
            self.bytes += stop - start
        part = content[start:stop]
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        handler.wfile.write(part[: len(part) // 2] if fault == "short" else part)
        handler.close_connection = fault == "short"
        return None

    def send(self, handler, status, content, kind, *, body=True):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Accept-Ranges", "bytes")
        handler.end_headers()
        if body:
            handler.wfile.write(content)
