"""The files that are to be made of each scene."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seaice_cli.errors import OptionError, OutputError
from seaice_cli.prediction.options import PredictOptions, refuse_name
from seaice_cli.prediction.scenes.listing import Listed, list_scenes
from seaice_cli.prediction.uploading import Upload, scratch, scratch_path
from seaice_cli.stac.items import item_path
from seaice_cli.storage import S3, VSIS3, is_object

RASTERS = (".tif", ".tiff", ".png")
BESIDE = {"probability": ".tif", "vector": ".gpkg", "preview": ".png"}
"""What is made beside a mask, and the suffix that it has in a folder."""
EXAMPLES = {"probability": "_probability.tif", "vector": ".gpkg", "preview": "_preview.png"}


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A scene and what is to be made of it."""

    scene: str
    target: Path
    """The mask; for an object, where it is made: another place on every machine."""
    options: PredictOptions
    upload: str = ""
    """The address of the mask in object storage; empty where it is a file."""

    @contextmanager
    def here(self) -> Iterator[BatchItem]:
        """Give the item as this machine makes it; what lies in its cache is its own to replace.

        Raises:
            OutputError: The cache cannot be written.
        """
        if not self.upload:
            yield self
            return
        with scratch(self.upload) as target:
            yield replace(self, target=target, options=replace(self.options, overwrite=True))

    def uploading(self) -> Upload | None:
        """Return what puts its mask into object storage; None where it is a file.

        Raises:
            SeaIceError: As `Upload`.
        """
        o = self.options
        return Upload(self.upload, overwrite=o.overwrite, stac=o.stac) if self.upload else None

    def is_finished(self) -> bool:
        """Tell whether all of its files are there; they get their names when all are complete, the mask last.

        Raises:
            OutputError: The storage does not answer.
        """
        if upload := self.uploading():
            return upload.finished
        beside = [getattr(self.options, name) for name in BESIDE]
        item = item_path(self.target) if self.options.stac else None
        return all(path.exists() for path in (self.target, *beside, item) if path is not None)


def pair(
    scenes: Sequence[str], output: str | Path, options: PredictOptions, *, beside: Mapping[str, str | None] | None = None,
    recursive: bool = False,
) -> list[BatchItem]:  # fmt: skip
    """Give every scene its files: the mask named for one scene, else files of the scenes' names in a folder.

    Args:
        scenes: Scenes, folders of scenes, addresses.
        output: The mask, or a folder; one that ends in a slash is made.
        options: What was chosen for all.
        beside: What is made beside masks, by the names of `BESIDE`: a file for one scene; a folder, or what the names of masks
            get in place of their suffix.
        recursive: Look in folders below folders, too.

    Raises:
        OptionError: A folder holds no scenes, two scenes would get one mask, a single file is named for several scenes, or the
            mask's name says another format.
        OutputError: A folder cannot be made.
    """
    wanted = {name: text for name, text in (beside or {}).items() if text}
    if is_object(output):
        return _pair_objects(scenes, str(output).replace(VSIS3, S3, 1), options, wanted)
    folder = _is_folder(output)
    if len(scenes) == 1 and not Path(scenes[0]).is_dir():
        if folder:
            _make_folder(Path(output))
        else:
            refuse_name(Path(output), options.format)
        one = list_scenes(scenes[0], options)[0]
        target = Path(output) / _mask_name(one, options) if folder else Path(output)
        return [_item(one, target, Path(target.name), wanted, several=False)]
    if not folder and Path(output).suffix.lower() in RASTERS:
        raise OptionError(f"{output}: several scenes need a folder, not a file")
    for kind, text in wanted.items():
        _refuse_single_file(kind, text)
    _make_folder(Path(output))
    listed = [one for scene in scenes for one in list_scenes(scene, options, recursive=recursive)]
    names = [one.folder / _mask_name(one, options) for one in listed]
    doubles = sorted({str(n) for n in names if names.count(n) > 1})
    if doubles:
        raise OptionError(f"several scenes would write {Path(output) / doubles[0]}; give them apart")
    for below in {n.parent for n in names}:
        _make_folder(Path(output) / below)
    return [
        _item(one, Path(output) / name, name, wanted, several=True) for one, name in zip(listed, names, strict=True)
    ]


def _pair_objects(
    scenes: Sequence[str], output: str, options: PredictOptions, wanted: Mapping[str, str]
) -> list[BatchItem]:  # fmt: skip
    if wanted:
        raise OptionError(
            "`probability`, `vector` and `preview` are files; write the mask to one, too, or make them of it"
        )
    listed = [one for scene in scenes for one in list_scenes(scene, options)]
    if len(listed) == 1 and Path(output).suffix and not output.endswith("/"):
        refuse_name(Path(output), options.format)
        return [BatchItem(listed[0].scene, scratch_path(output), listed[0].options, output)]
    if Path(output).suffix.lower() in RASTERS:
        raise OptionError(f"{output}: several scenes need a folder, not a file")
    names = [_mask_name(one, options) for one in listed]
    doubles = sorted({n for n in names if names.count(n) > 1})
    if doubles:
        raise OptionError(f"several scenes would write {output.rstrip('/')}/{doubles[0]}; give them apart")
    urls = [f"{output.rstrip('/')}/{name}" for name in names]
    return [BatchItem(one.scene, scratch_path(url), one.options, url) for one, url in zip(listed, urls, strict=True)]


def _item(one: Listed, target: Path, name: Path, wanted: Mapping[str, str], *, several: bool) -> BatchItem:
    files: dict[str, Any] = {kind: _beside(kind, text, target, name, several=several) for kind, text in wanted.items()}
    return BatchItem(one.scene, target, replace(one.options, **files) if files else one.options)


def _beside(kind: str, text: str, target: Path, name: Path, *, several: bool) -> Path:
    """Return where a file beside a mask goes.

    Args:
        kind: A name of `BESIDE`.
        text: What was given for it.
        target: The mask.
        name: The mask's path below the folder of all masks.
        several: Whether it was given for several scenes.
    """
    if _is_ending(text, several=several):
        path = target.with_name(f"{target.stem}{text}")
        if path == target:
            raise OptionError(
                f"`{kind}` {text}: is the mask itself; give a folder, or an ending such as {EXAMPLES[kind]}"
            )
        return path
    if _is_folder(text) or several:
        path = Path(text) / name.with_suffix(BESIDE[kind])
        _make_folder(path.parent)
        return path
    return Path(text)


def _is_folder(text: str | Path) -> bool:
    return str(text).endswith(("/", os.sep)) or Path(text).is_dir()


def _is_ending(text: str, *, several: bool) -> bool:
    return text.startswith((".", "_") if several else ".") and Path(text).name == text and text.strip(".") != ""


def _refuse_single_file(name: str, text: str) -> None:
    if Path(text).suffix and not (_is_ending(text, several=True) or _is_folder(text)):
        raise OptionError(
            f"`{name}` {text}: names one file for several scenes; give a folder, as in {text}/, or the ending of all names, "
            f"such as {EXAMPLES[name]}"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder ({error.strerror})") from error


def _mask_name(one: Listed, options: PredictOptions) -> str:
    return Path(one.scene).stem + (".png" if options.format == "png" else ".tif")
