"""Rasters of the probability of ice."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import MaskGrid, open_raster
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.region import NODATA
from seaice_cli.raster.reading.validity import Validity

PER_CENT = 100


class ProbabilityReader:
    """Reads the probability of ice row by row: bytes hold whole per cent, floating point holds 0 to 1.

    Args:
        path: A raster of one band.
        grid: That of the mask, which it must share.

    Raises:
        DataError: It cannot be opened, or has other pixels than the mask.
    """

    def __init__(self, path: Path, *, grid: MaskGrid) -> None:
        self.path = path
        self._stack = ExitStack()
        self._dataset = self._stack.enter_context(open_raster(path))
        self._bytes = self._dataset.dtypes[0] == "uint8"
        if self._dataset.shape != grid.shape or not (self._bytes or np.dtype(self._dataset.dtypes[0]).kind == "f"):
            kind = f"{self._dataset.shape} pixels of {self._dataset.dtypes[0]}"
            self._stack.close()
            raise DataError(
                f"{path}: {kind}; a probability has the mask's {grid.shape} pixels, per cent as bytes or 0 to 1"
            )

        self._validity = Validity.of(self._dataset, (1,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, top: int, bottom: int) -> npt.NDArray[np.float32]:
        """Return probabilities from 0 to 1 (rows, width), NaN where nothing is known.

        Raises:
            DataError: A value is no probability, or the file is damaged.
        """
        window = Window(col_off=0, row_off=top, width=self._dataset.width, height=bottom - top)
        try:
            values: npt.NDArray[Any] = self._dataset.read(1, window=window)
            valid = self._validity.read(self._dataset, values[None], window=window)
        except FAILURES as error:
            raise DataError(f"{self.path}: cannot be read ({error}); it is damaged") from error
        p = np.where(
            ~valid | (self._bytes & (values == NODATA)),
            np.nan,
            values.astype(np.float32) / (PER_CENT if self._bytes else 1),
        )
        if (np.nan_to_num(p) < 0).any() or (np.nan_to_num(p) > 1).any():
            raise DataError(
                f"{self.path}: values beyond {'0 to 100 per cent' if self._bytes else '0 to 1'} are no probability"
            )
        return p.astype(np.float32)
