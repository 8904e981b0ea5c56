"""Colours of heat maps, and PNGs of them from the standard library alone.

The colour map is magma: even in perceived lightness, so equal steps look equal, and readable to the colour-blind and in grey.
A PNG with a palette is a quarter the bytes of one in RGBA, takes a millisecond, and needs no extra package.
"""

import struct
import zlib
from functools import cache

import numpy as np
import numpy.typing as npt

# Every 15th of the 256 colours of magma by Smith and van der Walt (2015, https://github.com/BIDS/colormap, CC0), as 8-bit numbers.
_MAGMA = (
    "000004 090720 1a1042 311165 4a1079 621980 792282 912b81 aa337d c23b75 d9466b ec5860 f7725c fc8e64 feaa74 fec68a fde2a3 fcfdbf"
)
TRANSPARENT = 0  # the index of pixels without data; 1 to 255 run from dark to bright
Indices = npt.NDArray[np.uint8]


@cache
def palette() -> npt.NDArray[np.uint8]:
    """RGBA [256, 4]: transparent, then 255 colours from dark to bright."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _MAGMA.split()], dtype=np.float64)
    steps = np.linspace(0, len(anchors) - 1, 255)
    colours = np.zeros((256, 4), dtype=np.uint8)
    for channel in range(3):
        colours[1:, channel] = np.rint(np.interp(steps, np.arange(len(anchors)), anchors[:, channel]))
    colours[1:, 3] = 255
    return colours


def shade(values: npt.NDArray[np.floating], *, transparent_below: float = 0.0) -> Indices:
    """Indices into ``palette`` for values in [0, 1]: NaN and values below ``transparent_below`` are transparent.

    The other values share all the colours: the darkest is ``transparent_below``, the brightest 1.
    """
    drawn = values >= transparent_below  # False for NaN
    above = (np.clip(values, 0, 1) - transparent_below) / max(1 - transparent_below, 1e-6)
    scaled = np.where(drawn, above * 254 + 1.5, TRANSPARENT)
    return scaled.astype(np.uint8)


def png(indices: Indices) -> bytes:
    """A PNG [H, W] of indices into ``palette`` (W3C PNG, third edition: colour type 3, 8 bits, no filter)."""
    colours = palette()
    return _file(indices[..., None], 3, (b"PLTE", colours[:, :3].tobytes()), (b"tRNS", colours[:, 3].tobytes()))


def rgba_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of sRGB colours with opacity [H, W, 4] (colour type 6)."""
    return _file(pixels, 6)


def _file(samples: npt.NDArray[np.uint8], colour_type: int, *tables: tuple[bytes, bytes]) -> bytes:
    """[H, W, samples of a pixel], 8 bits each."""
    height, width, each = samples.shape
    lines = np.zeros((height, 1 + width * each), dtype=np.uint8)  # every line starts with its filter, 0
    lines[:, 1:] = samples.reshape(height, -1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)),
        *tables,
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
