"""Pictures from outside as parts of a question: GeoTIFF, PNG, JPEG, WebP or plain TIFF, as a file or as uploaded bytes.

``read_image`` -> a ``Tile`` where a GeoTIFF holds the bands of a sensor, else a ``Photo`` -> ``Space.embed_images``. No input is
trusted: content, not the name, decides the format, the size is known before a pixel is decoded, and no other decoder runs.
"""

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InputError, one_line
from index.imagery.bands import layer_names
from index.imagery.georeference import georeference_of
from index.imagery.raster import import_rasterio
from index.imagery.sensors import Sensor
from index.records import Place, Tile
from index.sources.geotiff_tiles import STORED_TAG, opened_geotiff, read_tile

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 51_000_000  # 8192 x 6144 are taken by telephones
MAX_DECODED_BYTES = 8 * MAX_PIXELS  # of one picture, and one is decoded at a time
_BYTES_PER_PIXEL = {"PNG": 8, "JPEG": 6, "WEBP": 20}  # at the most: with transparency; progressive; of an animation
KEPT_SIDE_PX = 1024  # more than any tower sees; what is larger is averaged down
OPAQUE = 128  # of an alpha up to 255: a pixel less opaque is none
COLOURS = ("red", "green", "blue")
_DECODING = threading.Lock()
_FORMATS = ("PNG", "JPEG", "WEBP")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EIGHT_BIT = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB"})
# The exception that Pillow raises for a damaged file depends on the damaged byte.
_DAMAGED = (
    OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError, AttributeError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """``pixels`` [C, H, W] in a sensor's stored unit, one layer per band, as in a ``Tile``."""

    pixels: npt.NDArray[np.uint16]
    bands: tuple[str, ...]
    sensor: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photo:
    """Colours [3, H, W] uint8 as a screen shows them; a pixel that is 0 in all three is no data. Few state a ``place``; those do
    say how large a pixel of the file is on the ground, ``pixel_m``."""

    pixels: npt.NDArray[np.uint8]
    title: str = ""
    place: Place | None = None
    pixel_m: float | None = None

    def camera(self, learnt: Sequence[Sensor]) -> Sensor:
        """The sensor that it is read as: of those ``learnt`` the one with such pixels, or nearest to it. Where the picture says
        nothing of its scale it is the first."""
        pixel_m = self.pixel_m
        return learnt[0] if pixel_m is None else min(learnt, key=lambda sensor: sensor.octaves_off(pixel_m))

    def measured_by(self, sensor: Sensor, bands: tuple[str, ...]) -> Measured:
        """What these bands of the sensor would have measured. Red, green and blue follow by undoing the display. Other bands are
        unknown and get their average. A network that was never trained with missing bands fails without them
        (docs/experiments.md). For a network that was, the caller names only the bands of the colours.
        """
        there = self.pixels.any(axis=0)
        shown = dict(zip(sensor.rgb, self.pixels * (sensor.white / sensor.scale / 255), strict=True))
        mean = dict(zip(sensor.bands, np.array(sensor.mean) / sensor.scale, strict=True))
        stored = [np.rint(shown.get(band, mean[band] * there)) for band in bands]
        return Measured(np.stack(stored).astype(np.uint16), bands, sensor.name)


def read_image(given: Path | bytes) -> Tile | Photo:
    """Raises ``InputError``, with the remedy, for an unknown format, and for a damaged or too large file."""
    data = content(given)
    if len(data) > MAX_BYTES:
        raise InputError(f"an image may have {MAX_BYTES >> 20} MiB, this one has more; save it smaller, or cut it")
    with _DECODING:
        image = _read_tiff(given, data) if data.startswith(_TIFF) else _read_photo(data)
    return replace(image, title=given.stem) if isinstance(given, Path) else image


def _read_photo(content: bytes) -> Photo:
    """A PNG, JPEG or WebP; of an animation the first picture."""
    with _checked():
        image = _decoded(content)
    values = np.asarray(image).transpose(2, 0, 1)
    return Photo(pixels=_shown(values[:3], values[3] if len(values) == 4 else np.full(values.shape[1:], 255, np.uint8)))


def _decoded(content: bytes) -> Any:
    """A Pillow image in RGB or RGBA, upright, at most ``KEPT_SIDE_PX`` a side."""
    from PIL import Image, ImageOps

    image: Image.Image = Image.open(BytesIO(content), formats=_FORMATS)
    _check_size(image.width, image.height, _BYTES_PER_PIXEL[str(image.format)])
    if image.mode not in _EIGHT_BIT:
        raise InputError(f"a picture needs 8 bits per colour, this one has mode {image.mode}; save it as an 8-bit PNG")
    image.draft("RGB", (KEPT_SIDE_PX, KEPT_SIDE_PX))  # a JPEG can be decoded small
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)  # what it was of is forgotten
    image.thumbnail((KEPT_SIDE_PX, KEPT_SIDE_PX))  # before it is turned, which copies it
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _read_tiff(given: Path | bytes, content: bytes) -> Tile | Photo:
    """Up to four layers of 8 bits, without names or named as colours, are a picture to look at, with or without a place."""
    average = import_rasterio().enums.Resampling.average
    with _quietly(), opened_geotiff(content) as raster:
        is_picture = raster.count <= 4 and set(raster.dtypes) == {"uint8"}
        names = layer_names(raster)
        if not is_picture or raster.tags().get(STORED_TAG) or not set(names) <= {"", *COLOURS}:
            return _tile(given)
        _check_size(raster.width, raster.height)
        if raster.colorinterp[0].name == "palette":
            raise InputError("the TIFF has a palette instead of colours; save the picture as PNG")
        smaller = max(1.0, max(raster.shape) / KEPT_SIDE_PX)
        shape = tuple(max(1, round(side / smaller)) for side in raster.shape)
        values = raster.read(out_shape=(raster.count, *shape), resampling=average)
        colours = values[:3] if raster.count > 2 else values[:1].repeat(3, axis=0)
        if set(COLOURS) <= set(names):
            colours = values[[names.index(colour) for colour in COLOURS]]
        where = georeference_of(raster)
        shown = _shown(colours, raster.dataset_mask(out_shape=shape))
        return Photo(pixels=shown, place=where.centre if where else None, pixel_m=where.pixel_m if where else None)


def _tile(given: Path | bytes) -> Tile:
    """Raises ``InputError``. An ingest has flags for what the file does not state; a question has none."""
    try:
        return read_tile(given)
    except InputError as error:
        if "--" not in str(error):
            raise
        remedy = "these are flags of `placebind ingest geotiff-tiles`: a picture to ask with has to state it in the file itself"
        raise InputError(f"{error}; {remedy}") from None


def _shown(colours: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """[3, H, W] of colours with their alpha [H, W]: transparent pixels are no data, and so 0; black pixels are data."""
    if not (alpha >= OPAQUE).any():
        raise InputError("the picture is transparent everywhere; give one with visible content")
    return np.where(alpha >= OPAQUE, np.maximum(colours, 1), 0).astype(np.uint8)


def content(given: Path | bytes) -> bytes:
    """The bytes; only as many as show whether the file is too large. Raises ``InputError`` for a file that cannot be read."""
    if isinstance(given, bytes):
        return given
    if not given.is_file():
        raise InputError("no such file; give the path of a GeoTIFF, PNG, JPEG or WebP")
    try:
        with given.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({one_line(error)}); give a readable file") from None


@contextmanager
def _checked() -> Iterator[None]:
    """Turns Pillow's errors into ``InputError`` with the remedy."""
    from PIL import Image

    try:
        with _quietly():  # it warns of large pictures, which we check, and odd metadata, which we do not read
            yield
    except Image.DecompressionBombError:
        raise _too_large() from None
    except Image.UnidentifiedImageError:
        raise InputError("neither a GeoTIFF nor a PNG, JPEG or WebP; save the picture as one of these") from None
    except _DAMAGED as error:
        raise InputError(f"the picture is damaged ({one_line(error)}); save it again") from None


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_size(width: int, height: int, bytes_per_pixel: int = 8) -> None:
    most = min(MAX_PIXELS, MAX_DECODED_BYTES // bytes_per_pixel)
    if width * height > most:
        raise _too_large(most)


def _too_large(pixels: int = MAX_PIXELS) -> InputError:
    return InputError(f"the picture has more than {pixels // 10**6} million pixels; save it smaller")
