"""Tile pixels as bytes in a table cell: lossless Zstandard over rows of differences, raw array back.

Neighbouring pixels differ little, so the difference along a row compresses to about the size of a deflated GeoTIFF with
predictor 2, and needs no codec beyond the one Arrow brings.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import InputError

MAX_TILE_BYTES = 256 * 2**20  # more than any tile a source accepts: a damaged row must not take the memory down


def encode_pixels(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """Compress [C, H, W]; ``decode_pixels`` with the same shape and dtype gives back the same values."""
    differences = pixels.copy()
    differences[..., 1:] -= pixels[..., :-1]  # wraps around, and so does the sum that undoes it
    planes = differences.view(np.uint8).reshape(-1, pixels.itemsize).T  # high bytes together: nearly all zero
    packed: bytes = pa.compress(np.ascontiguousarray(planes).tobytes(), codec="zstd", asbytes=True)
    return packed


def decode_pixels(packed: bytes, shape: tuple[int, int, int], dtype: str) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The array [C, H, W] that ``encode_pixels`` was given."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if not 0 < size <= MAX_TILE_BYTES:
        raise InputError(f"a tile of shape {shape} would take {size} bytes; the limit is {MAX_TILE_BYTES}")
    raw = pa.decompress(packed, decompressed_size=size, codec="zstd", asbytes=True)
    planes = np.frombuffer(raw, dtype=np.uint8).reshape(kind.itemsize, -1)
    differences = np.ascontiguousarray(planes.T).view(kind).reshape(shape)
    return np.cumsum(differences, axis=-1, dtype=kind)
