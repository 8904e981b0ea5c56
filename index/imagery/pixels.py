"""Tile pixels as bytes in a table cell: lossless Zstandard over differences along rows, and back to the raw array.

Neighbouring pixels differ little, so the difference along a row compresses to about the size of a deflated GeoTIFF with
predictor 2, and needs no codec beyond the one Arrow brings.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import InputError

MAX_TILE_BYTES = 256 * 2**20  # more than any tile a source accepts: a damaged row must not exhaust memory


def encode_pixels(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """Compress [C, H, W]; ``decode_pixels`` with the same shape and dtype gives back the same values."""
    # Low bytes first, then the high bytes together: nearly all zero.
    planes = np.empty((pixels.itemsize, *pixels.shape), np.uint8)
    for number, layer in enumerate(pixels):  # one by one: the differences of all take the memory of another tile
        differences = layer.copy()
        np.subtract(layer[:, 1:], layer[:, :-1], out=differences[:, 1:])  # wraps around, and so does the sum that undoes it
        for place, plane in enumerate(planes):
            plane[number] = differences >> (8 * place)
    packed: bytes = pa.compress(pa.py_buffer(planes), codec="zstd", asbytes=True)
    return packed


def decode_pixels(packed: bytes, shape: tuple[int, int, int], dtype: str) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The array [C, H, W] that ``encode_pixels`` was given."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if not 0 < size <= MAX_TILE_BYTES:
        raise InputError(f"a tile of shape {shape} would take {size} bytes; the limit is {MAX_TILE_BYTES}")
    raw = pa.decompress(packed, decompressed_size=size, codec="zstd", asbytes=True)
    planes = np.frombuffer(raw, dtype=np.uint8).reshape(kind.itemsize, -1)
    differences = np.zeros(planes.shape[1], kind)
    for place, plane in enumerate(planes):
        differences |= plane.astype(kind) << (8 * place)
    return np.cumsum(differences.reshape(shape), axis=-1, dtype=kind)
