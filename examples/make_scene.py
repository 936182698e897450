"""Write a generated scene of sea ice, and the mask that is true for it.

Shows where scenes to try things on come from: any size, any number (one per seed), georeferenced, and the same on
every machine. The scene looks as MODIS true colour at 250 m does; the truth says 0 water, 1 ice, 2 cloud, 255 no data.

    python examples/make_scene.py scene.tif --height 3000 --width 4000 --seed 7 --truth truth.tif
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seaice_cli.errors import SeaIceError
from seaice_cli.synthetic import REGIMES, SceneRecipe, write_scene


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write a generated scene of sea ice.")
    parser.add_argument("scene", type=Path, help="the GeoTIFF to write")
    parser.add_argument("--height", type=int, default=2048, help="in pixels of 250 m (default: %(default)s)")
    parser.add_argument("--width", type=int, default=2048, help="in pixels of 250 m (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="each gives another scene (default: %(default)s)")
    parser.add_argument("--truth", type=Path, help="the GeoTIFF for the true classes")
    parser.add_argument("--regime", choices=REGIMES, help="kind of ice (default: drawn from the seed)")
    parser.add_argument("--clouds", type=float, help="share under cloud, 0 to 1 (default: drawn from the seed)")
    return parser.parse_args()


def main() -> None:
    """Write the scene."""
    given = arguments()
    try:
        recipe = SceneRecipe(
            height=given.height, width=given.width, seed=given.seed, regime=given.regime, clouds=given.clouds
        )
        write_scene(given.scene, recipe, truth=given.truth)
    except (SeaIceError, ValueError) as error:
        sys.exit(f"Error: {error}")
    print(f"{given.scene}: {recipe.height} x {recipe.width} pixels, seed {recipe.seed}")


if __name__ == "__main__":
    main()
