"""Broken files, the same for the same seed: sound ones with bytes, fields and texts changed."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

EXTREME = (0, 1, 2, 3, 7, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1)
TAGS = (
    256,
    257,
    258,
    259,
    262,
    273,
    277,
    278,
    279,
    284,
    317,
    322,
    323,
    324,
    325,
    330,
    339,
    347,
    33550,
    33922,
    34735,
    42113,
)
"""Width, height, bits, compression, photometric, offsets, samples, rows, counts, planar, predictor, tile sizes, offsets, counts, ..."""
SIDE = 96


def sound(folder):
    """Write sound rasters of many layouts; return their paths."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    place = {"transform": Affine(250, 0, 0, 0, -250, 0), "crs": "EPSG:3413", "height": SIDE, "width": SIDE}
    tiled = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    kinds = {
        "strips.tif": {"count": 3}, "tiles.tif": {"count": 3, "compress": "deflate", "predictor": 2, **tiled},
        "lzw.tif": {"count": 3, "compress": "lzw", "interleave": "pixel", **tiled}, "zstd.tif": {"count": 3, "compress": "zstd"},
        "big.tif": {"count": 3, "BIGTIFF": "YES", "compress": "deflate"}, "jpeg.tif": {"count": 3, "compress": "jpeg", **tiled},
        "packbits.tif": {"count": 3, "compress": "packbits"}, "nodata.tif": {"count": 3, "nodata": 0, "compress": "deflate"},
        "alpha.tif": {"count": 4, "compress": "deflate"}, "picture.png": {"count": 3, "driver": "PNG"},
        "picture.jpg": {"count": 3, "driver": "JPEG"},
        "envi.img": {"count": 3, "driver": "ENVI"}, "erdas.img": {"count": 3, "driver": "HFA"},
        "webp.tif": {"count": 3, "compress": "webp", "interleave": "pixel"}, "picture.jp2": {"count": 3, "driver": "JP2OpenJPEG"},
    }  # fmt: skip
    for name, profile in kinds.items():
        with rasterio.open(folder / name, "w", **({"driver": "GTiff", "dtype": "uint8"} | place | profile)) as file:
            file.write(pixels if profile["count"] == 3 else np.concatenate([pixels, pixels[:1]]))
            if profile["count"] == 4:
                file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        if name == "tiles.tif":
            with rasterio.open(folder / name, "r+") as file:
                file.build_overviews([2, 4])
    (folder / "mosaic.vrt").write_text(vrt("strips.tif"))
    return sorted(p for p in folder.iterdir() if p.suffix in (".tif", ".png", ".jpg", ".img", ".jp2", ".vrt"))


def vrt(source, *, width=SIDE, height=SIDE, bands=3, extra=""):
    band = (
        '<VRTRasterBand dataType="Byte" band="{0}"><SimpleSource><SourceFilename relativeToVRT="1">{1}</SourceFilename>'
        '<SourceBand>{0}</SourceBand><SrcRect xOff="0" yOff="0" xSize="96" ySize="96"/><DstRect xOff="0" yOff="0" xSize="96" '
        'ySize="96"/></SimpleSource></VRTRasterBand>'
    )
    body = "".join(band.format(b, source) for b in range(1, bands + 1))
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:3413</SRS>'
        f"<GeoTransform>0, 250, 0, 0, 0, -250</GeoTransform>{extra}{body}</VRTDataset>"
    )


def mutants(paths, number, seed):
    """Yield (suffix, content) of broken files, made from sound ones in turn."""
    rng = random.Random(seed)
    contents = [(p.suffix, p.read_bytes()) for p in paths]
    for index in range(number):
        suffix, content = contents[index % len(contents)]
        kinds = [flipped, cut, header_flipped, spliced]
        if content[:4] == b"II*\0":
            kinds += [tag_changed] * 4 + [looped]
        if suffix == ".vrt":
            kinds = [number_changed, cut, word_changed]
        yield suffix, rng.choice(kinds)(bytes(content), rng)


def flipped(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice((1, 4, 32, 256))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def header_flipped(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice((1, 3, 12))):
        data[rng.randrange(min(600, len(data)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(data)


def cut(content, rng):
    return content[: rng.randrange(len(content))]


def spliced(content, rng):
    start, stop, at = (rng.randrange(len(content)) for _ in range(3))
    return content[:at] + content[min(start, stop) : max(start, stop)] + content[at:]


def _entries(data):
    at = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, at)[0]
    return at, [at + 2 + 12 * i for i in range(count)]


def tag_changed(content, rng):
    """Give one or two fields of the directory another value, type or count."""
    data = bytearray(content)
    _, entries = _entries(data)
    for _ in range(rng.choice((1, 1, 2))):
        wanted = [e for e in entries if struct.unpack_from("<H", data, e)[0] in TAGS] or entries
        entry = rng.choice(wanted)
        what = rng.random()
        if what < 0.7:
            _, kind, count = struct.unpack_from("<HHI", data, entry)
            value = rng.choice((*EXTREME, rng.randrange(2**32), len(data), len(data) - 1))
            struct.pack_into("<I", data, entry + 8, value if kind != 3 or count > 2 else value & 0xFFFF)
        elif what < 0.85:
            struct.pack_into("<I", data, entry + 4, rng.choice(EXTREME))
        else:
            struct.pack_into("<H", data, entry + 2, rng.randrange(20))
    return bytes(data)


def looped(content, rng):
    """Let the chain of directories end in itself."""
    data = bytearray(content)
    at, entries = _entries(data)
    struct.pack_into("<I", data, entries[-1] + 12, rng.choice((at, 4, at + 1)))
    return bytes(data)


def number_changed(content, rng):
    """Replace a number in a text."""
    text = content.decode()
    places = [i for i, c in enumerate(text) if c.isdecimal() and not text[i - 1].isdecimal()]
    at = rng.choice(places)
    stop = at
    while stop < len(text) and text[stop].isdecimal():
        stop += 1
    value = rng.choice(("0", "-1", "1e400", "nan", "99999", str(2**31 - 1), str(2**63), "", "x"))
    return (text[:at] + value + text[stop:]).encode()


def word_changed(content, rng):
    text = content.decode()
    words = (
        "Byte",
        "SimpleSource",
        "SourceFilename",
        "strips.tif",
        "VRTRasterBand",
        "EPSG:3413",
        "SrcRect",
        "GeoTransform",
        "<",
        '"',
    )
    others = (
        "Float64",
        "ComplexSource",
        "CInt16",
        "../../../etc/passwd",
        "&amp;",
        "\0",
        "mosaic.vrt",
        "KernelFilteredSource",
        "",
        "/dev/zero",
    )
    word = rng.choice([w for w in words if w in text])
    return text.replace(word, rng.choice(others), rng.choice((1, -1))).encode(errors="replace")


def bomb(width, height, rows_per_strip, bands=1):
    """Return a GeoTIFF whose few bytes unpack to zeros of any size."""
    strips = -(-height // rows_per_strip)
    packer = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    left, packed = width * rows_per_strip * bands, b""
    while left > 0:
        packed += packer.compress(chunk[: min(left, len(chunk))])
        left -= len(chunk)
    packed += packer.flush()
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (273, 4, strips, None),
        (277, 3, 1, bands),
        (278, 4, 1, rows_per_strip), (279, 4, strips, None), (284, 3, 1, 1),
    ]  # fmt: skip
    directory = 8
    arrays = directory + 2 + 12 * len(entries) + 4
    data = arrays + 8 * strips
    values = {273: data, 279: len(packed)} if strips == 1 else {273: arrays, 279: arrays + 4 * strips}
    ifd = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", values.get(tag, value))
        for tag, kind, count, value in entries
    )
    offsets, counts = struct.pack(f"<{strips}I", *[data] * strips), struct.pack(f"<{strips}I", *[len(packed)] * strips)
    return b"II*\0" + struct.pack("<I", directory) + ifd + bytes(4) + offsets + counts + packed


def special(folder):
    """Yield (name, content) of files made for a purpose; they may name what lies in the folder."""
    yield "self.vrt", vrt("self.vrt").encode()
    for number in range(12):
        yield f"chain{number}.vrt", vrt(f"chain{(number + 1) % 12}.vrt").encode()
    for width, height in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (0, 0), (-1, 5), (2**40, 2**40), (10**6, 10**6)):
        yield f"size{width}x{height}.vrt", vrt("strips.tif", width=width, height=height).encode()
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(12))
    yield "laughs.vrt", f"<!DOCTYPE x [{lol}]>{vrt('strips.tif', extra='<X>&l11;</X>')}".encode()
    yield "outer.vrt", f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{vrt("&e;")}'.encode()
    yield "deep.vrt", (f"<VRTDataset>{'<a>' * 50_000}").encode()
    for number, name in enumerate(
        (
            "/dev/zero",
            "/dev/random",
            "/proc/self/mem",
            "/etc/passwd",
            "",
            "gone.tif",
            "/vsimem/x",
            "/vsizip/strips.tif/x",
        )
    ):
        yield f"names{number}.vrt", vrt(name).encode()
    yield "bomb_rows.tif", bomb(2000, 2000, 1, bands=3)
    yield "bomb_small_strip.tif", bomb(2500, 2500, 2500, bands=3)
    yield "bomb_bands.tif", bomb(2000, 2000, 2000, bands=300)
    yield "many_bands.tif", bomb(8, 8, 8, bands=65_535)
    yield "one_row.tif", bomb(50_000_000, 2, 1)
    yield "empty.tif", b""
    yield "text.tif", b"hello" * 1000
    yield "zeros.tif", bytes(10_000)
    yield "header.tif", b"II*\0\x08\0\0\0"
    yield (
        "wms.xml",
        b"<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:1/${z}</ServerUrl></Service></GDAL_WMS>",
    )
    yield "name\nwith line.tif", b"II*\0"
