"""Make the pictures of the documentation: `make gallery`.

    python docs/building/gallery.py [DATA] [-o FOLDER]

Real scenes (NASA corrected reflectance, in the public domain) are taken from DATA, ../shared/data/modis/images beside the checkout;
where they are missing, scenes are generated. The shipped models have learnt from the real ones: the pictures show what commands make,
not how good a model is elsewhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "modis" / "images"
WIDE = "ne_greenland-20220913.terra.tif"
PAIR = ("ne_greenland-20220914.terra.tif", "ne_greenland-20220914.aqua.tif")
NAMES = ("water", "ice", "cloud")
COLORS = ("#184e94", "#e8f4ff", "#9a9a9a")
LARGEST = 300_000
"""Bytes of a picture."""


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "pictures")
    given = parser.parse_args()
    mpl.use("agg")
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scenes = _scenes(given.data, Path(folder))
        for name, draw in PICTURES.items():
            _save(draw(scenes, Path(folder)), given.output / f"{name}.png")


def _mask(scenes: dict[str, Path], folder: Path) -> Figure:
    scene, mask = scenes[WIDE], folder / "mask.tif"
    _seaice("predict", scene, "-o", mask, "--vector", folder / "ice.gpkg", "--probability", folder / "probability.tif")
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.2, 6.1), layout="constrained")
    _show_scene(above, scene, "scene")
    _show_mask(below, mask, "mask")
    _legend(figure)
    return figure


def _probability(_: dict[str, Path], folder: Path) -> Figure:
    figure, axes = plt.subplots(figsize=(7.2, 3.1), layout="constrained")
    values = _band(folder / "probability.tif")
    image = axes.imshow(np.ma.masked_equal(values, 255), cmap="cividis", vmin=0, vmax=100, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="probability of ice (%)", shrink=0.8)
    _bare(axes, "")
    return figure


def _polygons(scenes: dict[str, Path], folder: Path) -> Figure:
    import geopandas as gpd

    options = "--classes ice --attributes floe --min-pixels 20 --split-floes --landscape"
    _seaice("vectorize", folder / "mask.tif", folder / "floes.gpkg", *options.split(), scenes[WIDE])
    floes = gpd.read_file(folder / "floes.gpkg", layer="floes")
    floes = floes[floes["is_floe"].astype(bool)] if "is_floe" in floes else floes
    figure, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
    with rasterio.open(scenes[WIDE]) as scene:
        left, bottom, right, top = scene.bounds
        axes.imshow(_rgb(scenes[WIDE]), extent=(left, right, bottom, top), interpolation="nearest")
    floes.boundary.plot(ax=axes, color="#e67814", linewidth=0.8)
    width = (right - left) * 0.3
    axes.set_xlim(left + 0.62 * (right - left), left + 0.62 * (right - left) + width)
    axes.set_ylim(top - width * 0.9, top)
    _bare(axes, "outlines of floes over the scene")
    return figure


def _floes(_: dict[str, Path], folder: Path) -> Figure | Path:
    _seaice("floes", folder / "floes.gpkg", "--plot", folder / "sizes.png")
    return folder / "sizes.png"


def _composite(scenes: dict[str, Path], folder: Path) -> Figure:
    masks = [folder / f"pair_{i}.tif" for i in range(2)]
    for name, mask in zip(PAIR, masks, strict=True):
        _seaice("predict", scenes[name], "-o", mask)
    _seaice("composite", *masks, "-o", folder / "day.tif")
    with rasterio.open(masks[0]) as first:
        tall = first.height > first.width
    figure, axes = plt.subplots(
        1 if tall else 3, 3 if tall else 1, figsize=(7.2, 4 if tall else 7.6), layout="constrained"
    )
    for one, mask, title in zip(axes, (*masks, folder / "day.tif"), ("Terra", "Aqua", "composite"), strict=True):
        _show_mask(one, mask, title)
    _legend(figure)
    return figure


def _concentration(_: dict[str, Path], folder: Path) -> Figure:
    import geopandas as gpd
    import xarray as xr

    grid, edge = folder / "sic.nc", folder / "edge.gpkg"
    _seaice("concentration", folder / "mask.tif", "-o", grid, "--cell", "5000", "--time", "2022-09-13")
    _seaice("extent", grid, "--edge", edge, "--min-length", "20")
    with xr.open_dataset(grid) as data:
        found = data["sea_ice_area_fraction"].squeeze().load()
    figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
    image = axes.pcolormesh(found["x"] / 1e3, found["y"] / 1e3, found.values, cmap="Blues_r", vmin=0, vmax=1)
    lines = gpd.read_file(edge)
    if len(lines):
        lines.set_geometry(lines.scale(1e-3, 1e-3, origin=(0, 0))).plot(
            ax=axes, color="#e67814", linewidth=1.4, label="ice edge (15 %)"
        )
        axes.legend(loc="lower right", fontsize=8)
    figure.colorbar(image, ax=axes, label="sea-ice concentration", shrink=0.8)
    axes.set(xlabel="x (km)", ylabel="y (km)", aspect="equal", facecolor="#cccccc")
    axes.tick_params(labelsize=8)
    return figure


PICTURES = {
    "mask": _mask, "probability": _probability, "polygons": _polygons, "floes": _floes, "composite": _composite,
    "concentration": _concentration,
}  # fmt: skip
"""In the order in which they are made: later ones show what earlier ones wrote."""


def _scenes(data: Path, folder: Path) -> dict[str, Path]:
    """Return the scenes that pictures are made of, generated where there are no real ones."""
    names = (WIDE, *PAIR)
    if all((data / name).exists() for name in names):
        return {name: data / name for name in names}
    from seaice_cli.synthetic import SceneRecipe, write_scene

    for seed, name in enumerate(names):
        write_scene(folder / name, SceneRecipe(seed=max(1, seed), height=413, width=1078, clouds=0.1 + 0.1 * seed))
    return {name: folder / name for name in names}


def _seaice(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "seaice_cli", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def _band(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        pixels: npt.NDArray[np.uint8] = dataset.read(1)
    return pixels


def _rgb(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        return np.moveaxis(dataset.read((1, 2, 3)), 0, -1)


def _show_scene(axes: Axes, path: Path, title: str) -> None:
    axes.imshow(_rgb(path), interpolation="nearest")
    _bare(axes, title)


def _show_mask(axes: Axes, path: Path, title: str) -> None:
    found = np.ma.masked_greater(_band(path), len(NAMES) - 1)
    axes.imshow(found, cmap=ListedColormap(list(COLORS)), vmin=0, vmax=len(NAMES) - 1, interpolation="nearest")
    _bare(axes, title)


def _legend(figure: Figure) -> None:
    patches = [
        Patch(facecolor=color, edgecolor="black", linewidth=0.5, label=name)
        for name, color in zip(NAMES, COLORS, strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(NAMES), frameon=False)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def _save(picture: Figure | Path, target: Path) -> None:
    """Write a picture with a palette of 128 colours, which is enough for maps and a third of the bytes."""
    from PIL import Image

    if isinstance(picture, Figure):
        picture.savefig(target, dpi=110)
        plt.close(picture)
        source = target
    else:
        source = picture
    with Image.open(source) as image:
        image.convert("RGB").quantize(128).save(target, optimize=True)
    size = target.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target}: {size} bytes are more than {LARGEST}")
    print(f"{target.name}: {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
