"""Which layer of a foreign raster is which band: by names, wavelengths or the user's statement, never by position alone.

'B04' and 'red' are names. 'Band 1', 'band_1', 'b1' and '1' only count layers, as GDAL, QGIS, ArcGIS and Earth Engine write them: a
first layer that is blue would become B01. Only files of 10, 12 or 13 layers without any description are read in the usual order.
Pixel size and number type must be those of the sensor.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from index.errors import InputError
from index.imagery.sensors import NASA_COARSE, SENTINEL2, UNNAMED_SENTINEL2, Sensor, canonical_band, sensor_of

# Common names of the STAC extension eo, with other spellings, and the Sentinel-2 band of each.
COMMON_NAMES = {
    "coastal": "B01", "coastalaerosol": "B01", "aerosol": "B01", "blue": "B02", "green": "B03", "red": "B04",
    "rededge1": "B05", "rededge071": "B05", "rededge2": "B06", "rededge075": "B06", "rededge3": "B07", "rededge078": "B07",
    "nir": "B08", "nearinfrared": "B08", "rededge4": "B8A", "nir08": "B8A", "nirnarrow": "B8A", "narrownir": "B8A",
    "nir09": "B09", "watervapour": "B09", "watervapor": "B09", "cirrus": "B10", "swir16": "B11", "swir1": "B11", "swir22": "B12",
    "swir2": "B12",
}  # fmt: skip
# Names of light that may be one of several bands, or of none: such a layer must not be dropped silently.
_UNCLEAR = ("rededge", "swir", "nir1", "nir2", "nir3", "infrared", "pan", "panchromatic", "thermal", "tir", "lwir", "yellow")
_CENTRES_NM = dict(
    zip(SENTINEL2.bands, (443, 492, 560, 665, 704, 740, 781, 836, 865, 944, 1375, 1612, 2194), strict=True)
)  # between those of the satellites, which differ by some nanometres
_NEAR_NM = 12  # B08 (836) and B8A (865) are 29 apart; beyond 1,000 nm three times as much
LANDSAT_M = 30
EXAMPLE = ("B02", "B03", "…")  # of bands to be named
_ESA = re.compile(r"(?:S2\w*_|T\d\d[A-Z]{3}_\w*)?(B\d\d|B8A)(?:_(?:10|20|60)m)?(?:_\d)?", re.IGNORECASE)
_UNPADDED = re.compile(r"B(\d{1,2}|8A)(?:, central wavelength .*)?")  # as Earth Engine, SNAP and GDAL's driver write them
_COUNTED = re.compile(r"(?:b|band|bandname|channel|layer)?[ _.-]*0*(\d+)", re.IGNORECASE)
_NARROW = re.compile(r"(?:B|band[ _]?)?8A", re.IGNORECASE)  # next to an 8A, the other numbers are band numbers too


@dataclass(frozen=True, slots=True)
class Choice:
    """The bands present, in the order of ``sensor``, the layer of each (from 0), and what was ``assumed`` or left out."""

    sensor: Sensor
    bands: tuple[str, ...]
    layers: tuple[int, ...]
    assumed: tuple[str, ...] = ()


def choose_bands(raster: Any, stated: Sequence[str], pixel_m: float) -> Choice:
    """The bands of a raster with pixels of ``pixel_m`` on the ground; ``stated`` names its layers. Raises ``InputError``."""
    choice = _named(raster, stated, pixel_m)
    if choice.sensor.octaves_off(pixel_m):
        low, high = choice.sensor.pixel_m
        raise InputError(
            f"pixels of {_metres(pixel_m)} m are not {choice.sensor.title} (expected {_metres(low)} to {_metres(high)} m); "
            f"leave it out if it is of another sensor, else {_remedy(choice.sensor, pixel_m)}"
        )
    if choice.sensor is SENTINEL2 and not stated and round(pixel_m) == LANDSAT_M:
        raise InputError(
            f"pixels of {LANDSAT_M} m are Landsat's, whose bands have the same names; leave the file out if it is Landsat's, "
            "else name its bands with --bands B02,B03,…"
        )
    return choice


def _metres(length: float) -> str:
    return f"{length:,.0f}" if length >= 100 else f"{length:.3g}"


def _is_coarse(pixel_m: float) -> bool:
    """Whether colours with such pixels are a coarse picture's rather than Sentinel-2's."""
    return NASA_COARSE.octaves_off(pixel_m) < SENTINEL2.octaves_off(pixel_m)


def _remedy(sensor: Sensor, pixel_m: float) -> str:
    """For a file whose bands are the sensor's and whose pixels are not."""
    if sensor is NASA_COARSE:
        return f"resample it to pixels of {_metres(min(max(pixel_m, sensor.pixel_m[0]), sensor.pixel_m[1]))} m with gdalwarp -tr"
    if _is_coarse(pixel_m):
        return f"name the colours of a coarse picture with --bands {','.join(NASA_COARSE.rgb)}"
    return "warp it with gdalwarp -tr 10 10"


def _named(raster: Any, stated: Sequence[str], pixel_m: float) -> Choice:
    layers = [layer for layer, kind in enumerate(raster.colorinterp) if kind.name != "alpha"]
    if stated and len(stated) != len(layers):
        raise InputError(f"--bands names {len(stated)} bands, the file has {len(layers)}")
    said = [raster.descriptions[layer] or "" for layer in layers]
    names = [_stated(name) for name in stated] or _names(said, [raster.tags(layer + 1) for layer in layers])
    assumed = [f"bands stated as {','.join(stated)}"] if stated else []
    if not any(names) and not any(said):
        names = list(UNNAMED_SENTINEL2.get(len(layers), ()))
        assumed = [f"bands by the usual order of {len(layers)} unnamed layers"]
        if len(layers) == len(SENTINEL2.bands):
            _check_cirrus(raster, layers)
    sensor, names = _sensor(names, pixel_m)
    if sensor is None:
        raise _unknown(said, "", NASA_COARSE.rgb if _is_coarse(pixel_m) else EXAMPLE)
    place = {name: layer for layer, name in reversed(list(zip(layers, names, strict=True))) if name}
    left_out = [each or "?" for each, name in zip(stated or said, names, strict=False) if not name]
    assumed += [f"layers left out: {','.join(left_out)[:200]}"] if left_out else []
    bands = tuple(band for band in sensor.bands if band in place)
    return Choice(sensor, bands, tuple(place[band] for band in bands), tuple(assumed))


def own_bands(raster: Any) -> Choice:
    """The bands of a file that PlaceBind wrote, which names its layers as a sensor does."""
    names = tuple(each or "" for each in raster.descriptions)
    sensor = sensor_of(names)
    if sensor is None:
        raise _unknown(names, "")
    return Choice(sensor, names, tuple(range(len(names))))


def layer_names(raster: Any) -> list[str]:
    """What each layer is: a band of Sentinel-2, a colour, or '' where its name says nothing. For pictures; never raises."""
    return [_esa(each or "") or _word(each or "") for each in raster.descriptions]


def _names(said: Sequence[str], tags: Sequence[Mapping[str, str]]) -> list[str]:
    """Band of Sentinel-2, colour, or '' for each layer. Raises ``InputError`` for layers that are only numbered or unclear."""
    numbered = any(_NARROW.fullmatch(each.strip()) for each in said)
    unpadded = [_UNPADDED.fullmatch(each.strip()) for each in said]
    short = [(k, match[0]) for k, match in enumerate(unpadded, start=1) if match and "," not in match[0]]
    counts = not numbered and all(text == f"B{k}" for k, text in short)  # B1, B2, B3: a count too, unlike B4, B3, B2
    names = []
    for each, match, more in zip(said, unpadded, tags, strict=True):
        text = each.strip()
        name = (
            _esa(text)
            or (canonical_band(match[0].partition(",")[0]) if match and not (counts and "," not in text) else "")
            or _word(text)
        )
        if numbered and not name:
            name = canonical_band(text) or ""
        name = name or _esa(more.get("BANDNAME", "")) or _by_wavelength(more)
        if not name and (_COUNTED.fullmatch(text) or match):
            raise _unknown(said, "these count layers and do not name bands; ")
        if not name and _unclear(text):
            raise _unknown(said, f"'{text[:30]}' may be one of several bands or of none; ")
        names.append(name)
    return names


def _esa(text: str) -> str:
    match = _ESA.fullmatch(text.strip())
    return (canonical_band(match[1]) or "") if match else ""


def _word(text: str) -> str:
    word = re.sub(r"[^a-z0-9]", "", text.lower())
    return word if word in COMMON_NAMES or word in NASA_COARSE.bands else ""


def _unclear(text: str) -> bool:
    """Whether an unknown name still refers to light ('NIR (833 nm)', 'B08 nir'): such a layer must not be left out."""
    words = re.findall(r"[a-z]+\d*a?", text.lower())
    joined = ["".join(pair) for pair in pairwise(words)]
    speaks = any(word in COMMON_NAMES or word in _UNCLEAR or re.fullmatch(r"b\d\d?|b8a", word) for word in (*words, *joined))
    return speaks and not re.search(r"mask|class|index|cloud", text, re.IGNORECASE)


def _by_wavelength(tags: Mapping[str, str]) -> str:
    known = {key.lower(): value for key, value in tags.items()}
    keys = ("central_wavelength_um", "wavelength", "central_wavelength", "center_wavelength")
    text = next((known[key] for key in keys if key in known), "")
    match = re.match(r"\s*(\d+(?:\.\d+)?)", text)
    if not match:
        return ""
    length = float(match[1])
    nanometres = length * 1000 if length < 20 else length  # Sentinel-2's wavelengths in the two units never overlap
    near = {band: abs(centre - nanometres) / (3 if centre > 1000 else 1) for band, centre in _CENTRES_NM.items()}
    best = min(near, key=lambda band: near[band])
    return best if near[best] <= _NEAR_NM else ""


def _stated(name: str) -> str:
    """The band of a name stated by the user: also 'b4' and '4', because the user knows the file."""
    return canonical_band(name) or _word(name)


def _sensor(names: Sequence[str], pixel_m: float) -> tuple[Sensor | None, list[str]]:
    """The sensor of these names, and the names as that sensor spells them."""
    known = {name for name in names if name}
    if known and known <= set(NASA_COARSE.bands) and ("relief" in known or _is_coarse(pixel_m)):
        return NASA_COARSE, list(names)
    bands = [COMMON_NAMES.get(name, name) for name in names]
    present = {band for band in bands if band}
    return (SENTINEL2 if present and present <= set(SENTINEL2.bands) else None), bands


def _check_cirrus(raster: Any, layers: Sequence[int]) -> None:
    """B10 sees nothing of the ground. Where the tenth layer is the darkest, the file is in EuroSAT's order, which has B8A last."""
    sums = [float(raster.read(layer + 1).mean()) for layer in layers]
    if sums.index(min(sums)) == SENTINEL2.bands.index("B09"):
        raise InputError(
            "the tenth of 13 unnamed layers is the darkest, so it is B10 and B8A comes last; use the source eurosat, or name the "
            "layers with --bands B01,B02,…"
        )


def _unknown(said: Sequence[str], why: str, example: Sequence[str] = EXAMPLE) -> InputError:
    shown = ", ".join(each or "?" for each in said)[:300]
    return InputError(
        f"cannot tell the bands of this {len(said)}-band file (it says: {shown}); {why}name them with --bands {','.join(example)}"
    )
