"""How long masks take to become polygons, and in how much memory: `seaice vectorize` beside rasterio, GDAL and geoai.

    python benchmarks/vectorize.py --side 16000

Every contender runs in a process of its own, on the same mask, one after the other, so that times compare as ratios on
any machine. Python contenders run twice there, and the second time is reported: from the file to the file, without imports.
What is not installed is left out and said to be. The kernels of `seaice` are compiled before, once. Commands are timed from their
start to their end, `--only "the command" --side 10000` times these two alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TILE = 4000
SIGMA, SHARE = 11, 1.2
"""Blur and threshold, in standard deviations, of the noise that floes are made of."""

READ = "import rasterio; d = rasterio.open(mask); a = d.read(1); t = d.transform\n"
CONTENDERS = {
    "seaice vectorize to .gpkg": (
        "from pathlib import Path; from seaice_cli.vectorization.pipeline import VectorOptions, vectorize\n"
        "s = vectorize(Path(mask), Path(out + '.gpkg'), options=VectorOptions(classes=(1,), attributes='none'))\n"
        "n = s.polygons"
    ),
    "seaice vectorize to .gpkg, basic attributes": (
        "from pathlib import Path; from seaice_cli.vectorization.pipeline import VectorOptions, vectorize\n"
        "s = vectorize(Path(mask), Path(out + '.gpkg'), options=VectorOptions(classes=(1,)))\n"
        "n = s.polygons"
    ),
    "seaice vectorize to .gpkg, floe attributes": (
        "from pathlib import Path; from seaice_cli.vectorization.pipeline import VectorOptions, vectorize\n"
        "s = vectorize(Path(mask), Path(out + '.gpkg'), options=VectorOptions(classes=(1,), attributes='floe'))\n"
        "n = s.polygons"
    ),
    "seaice vectorize to .gpkg, from 100 pixels on": (
        "from pathlib import Path; from seaice_cli.vectorization.pipeline import VectorOptions, vectorize\n"
        "s = vectorize(Path(mask), Path(out + '.gpkg'), options=VectorOptions(classes=(1,), min_pixels=100))\n"
        "n = s.polygons"
    ),
    "seaice vectorize to .gpkg, every class": (
        "from pathlib import Path; from seaice_cli.vectorization.pipeline import vectorize\n"
        "n = vectorize(Path(mask), Path(out + '.gpkg')).polygons"
    ),
    "rasterio.features.shapes + shapely, not written": (
        READ + "from rasterio.features import shapes; from shapely.geometry import shape\n"
        "n = len([shape(g) for g, v in shapes(a, mask=a == 1, transform=t)])"
    ),
    "rasterio.features.shapes + fiona to .gpkg": (
        READ + "from rasterio.features import shapes; import fiona\n"
        "schema = {'geometry': 'Polygon', 'properties': {'class': 'int'}}\n"
        "with fiona.open(out + '.gpkg', 'w', driver='GPKG', schema=schema, crs=d.crs.to_wkt()) as target:\n"
        "    target.writerecords({'geometry': g, 'properties': {'class': int(v)}}"
        " for g, v in shapes(a, mask=a == 1, transform=t))\n"
        "    n = len(target)"
    ),
}
GEOAI = (
    "import geoai; g = geoai.raster_to_vector(mask, output_path=out + '.gpkg', class_values=[1], min_area=0, "
    "simplify_tolerance=0)\nn = len(g)"
)


def main() -> None:
    """Run the benchmark, and print a line per contender."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=16000, help="pixels along the side of the mask")
    parser.add_argument("--mask", type=Path, help="a mask of your own instead; class 1 is ice")
    parser.add_argument("--only", default="", help="run contenders whose name contains this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mask = arguments.mask or make_mask(Path(folder) / "mask.tif", arguments.side)
        warm(Path(folder))
        for name, outcome in contend(mask, Path(folder), arguments.only):
            print(f"{name:52s} {outcome}", flush=True)


def make_mask(path: Path, side: int) -> Path:
    """Write a mask of floes: blurred noise above a threshold, repeated without seams."""
    import numpy as np
    import rasterio
    from rasterio.windows import Window
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(
        np.random.default_rng(0).standard_normal((TILE, TILE)).astype(np.float32), SIGMA, mode="wrap"
    )
    tile = (noise > SHARE * noise.std()).astype(np.uint8)
    profile = {
        "driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": "uint8", "nodata": 255,
        "crs": "EPSG:3413", "transform": rasterio.Affine(40, 0, -side * 20, 0, -40, side * 20), "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.update_tags(CLASS_0="water", CLASS_1="ice", ICE_CLASS="1")
        for top in range(0, side, 512):
            rows = np.take(tile, range(top, min(top + 512, side)), axis=0, mode="wrap")
            wide = np.take(rows, range(side), axis=1, mode="wrap")
            target.write(wide, 1, window=Window(0, top, side, rows.shape[0]))
    return path


def warm(folder: Path) -> None:
    """Have the kernels compiled."""
    small = make_mask(folder / "small.tif", 600)
    for name, code in CONTENDERS.items():
        if name.startswith("seaice"):
            run_python(code, small, folder / "small")
            (folder / "small.gpkg").unlink()


def contend(mask: Path, folder: Path, only: str):
    contenders = CONTENDERS | ({"geoai.raster_to_vector": GEOAI} if importlib.util.find_spec("geoai") else {})
    for name, code in contenders.items():
        if only in name:
            yield name, run_python(code, mask, folder / "out")
            (folder / "out.gpkg").unlink(missing_ok=True)
    if "geoai.raster_to_vector" not in contenders:
        yield "geoai.raster_to_vector", "not installed"
    command = [
        sys.executable,
        "-m",
        "seaice_cli",
        "vectorize",
        str(mask),
        str(folder / "out.gpkg"),
        "--attributes",
        "none",
    ]
    if only in (name := "seaice vectorize, the command, both classes"):
        yield name, run(command)
        (folder / "out.gpkg").unlink(missing_ok=True)
    script = "gdal_polygonize.py"
    if shutil.which(script) is None:
        yield script, "not installed"
    elif only in (name := f"{script} to .gpkg, the command, both classes"):
        command = [script, "-q", str(mask), "-f", "GPKG", str(folder / "out.gpkg"), "out", "class"]
        yield name, run(command)


def run_python(code: str, mask: Path, out: Path) -> str:
    """Run code twice in a process of its own: the second time all is imported, and that time is reported too."""
    lines = [
        "import json, os, time",
        f"mask, out, code = {str(mask)!r}, {str(out)!r}, {code!r}",
        "exec(code)",
        "if os.path.exists(out + '.gpkg'): os.remove(out + '.gpkg')",
        "seconds, cpu = time.perf_counter(), time.process_time()",
        "exec(code)",
        "print(json.dumps({'n': n, 'again': time.perf_counter() - seconds, 'cpu': time.process_time() - cpu}))",
    ]
    return run([sys.executable, "-c", "\n".join(lines)])


def run(command: list[str]) -> str:
    """Run a command; return its time, its memory at most, and the polygons it counted."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        return f"failed: {errors.strip().splitlines()[-1] if errors.strip() else status}"
    lines = [line for line in output.splitlines() if line.startswith("{")]
    memory = f"{usage.ru_maxrss / 1024:7.0f} MB"
    if not lines:
        return f"{seconds:7.2f} s {usage.ru_utime + usage.ru_stime:7.2f} s of CPU {memory}"
    said = json.loads(lines[-1])
    return f"{said['again']:7.2f} s {said['cpu']:7.2f} s of CPU {memory} {said['n']:8d} polygons"


if __name__ == "__main__":
    main()
