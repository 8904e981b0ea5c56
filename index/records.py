"""The central types: what a place, an article, a tile and a hit are. Checked here, trusted everywhere else.

Ids are content hashes, so the same record from a second ingest, another machine or another source file is the same row.
"""

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from numbers import Real
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.references import language_code, web_address, wikidata_id

Modality = Literal["articles", "tiles", "locations"]
MODALITIES: tuple[Modality, ...] = ("articles", "tiles", "locations")
SPLITS = ("", "train", "val", "report", "test")
OwnValue = int | float | str | bool | date | None  # of a column that only the user's file knows; a date may be a ``datetime``


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point in WGS84 degrees; ``lat`` in [-90, 90], ``lon`` in [-180, 180]. Raises ``InputError`` outside or not finite."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        for name, value, bound in (("lat", self.lat, 90), ("lon", self.lon, 180)):
            if not isinstance(value, Real) or isinstance(value, bool):
                raise InputError(f"{name} must be a number in degrees, got {str(value)[:40]!r}")
            if not abs(value) <= bound:  # False for NaN
                hint = "; are lat and lon swapped?" if name == "lat" and 90 < abs(value) <= 180 else ""
                raise InputError(f"{name} must lie in [-{bound}, {bound}] degrees, got {str(value)[:40]}{hint}")

    def __str__(self) -> str:
        return f"{abs(self.lat):.2f}°{'N' if self.lat >= 0 else 'S'} {abs(self.lon):.2f}°{'E' if self.lon >= 0 else 'W'}"


_EDGE_DEG = 1e-9  # rounding error of a longitude on the edge of a box


@dataclass(frozen=True, slots=True, kw_only=True)
class BBox:
    """A box in WGS84 degrees. ``west`` > ``east`` means that it crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        Place(lat=self.south, lon=self.west), Place(lat=self.north, lon=self.east)
        if self.south > self.north:
            raise InputError(f"a box needs south <= north, got south {self.south}, north {self.north}")

    @property
    def crosses_antimeridian(self) -> bool:
        return self.west > self.east

    def contains(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which points lie inside or on the edge, elementwise; a longitude of 180 and of -180 are the same meridian."""
        lat, lon = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
        width = self.east - self.west + (360 if self.crosses_antimeridian else 0)
        offset = (lon - self.west) % 360
        within_lon = (offset <= width + _EDGE_DEG) | (offset >= 360 - _EDGE_DEG)
        return (lat >= self.south) & (lat <= self.north) & within_lon


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A text about a place. ``split`` is one of ``SPLITS``; '' means not assigned, and is trained on like 'train'
    (``index.slices`` says what 'val' and 'report' are for).

    ``language`` is the code of the text (BCP 47, or as in the address of a Wikipedia), ``wikidata`` the item ('Q84') and ``image``
    the http(s) address of a picture; '' means not known. Raises ``InputError`` for other values; ``index.references`` has the
    forms. ``own`` holds the columns that only the user's file knows, by name (``Source.own``); no id depends on them.
    """

    place: Place
    title: str
    text: str
    url: str = ""
    country: str = ""
    source: str = ""
    licence: str = ""
    split: str = ""
    language: str = ""
    wikidata: str = ""
    image: str = ""
    own: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_texts(self, "title", "text", "url", "country", "source", "licence", "split", "language", "wikidata", "image")
        if not self.text.strip():
            raise InputError("the text is empty")
        _check_split(self.split)
        for name, value, read, example in (
            ("language", self.language, language_code, "a code such as 'de'"),
            ("wikidata", self.wikidata, wikidata_id, "an item such as 'Q84'"),
            ("image", self.image, web_address, "an http(s) address"),
        ):
            if value != read(value):
                raise InputError(f"{name} must be {example} or empty, got '{value[:80]}'")

    @property
    def id(self) -> str:
        return content_id("article", self.title, self.text, self.url, *_rounded(self.place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A point that can be an answer: a gazetteer entry or a grid point. Of an entry whose name is looked up in texts
    ``other_names`` are further names between commas, ``people`` is a number, ``region`` the code of the first level inside its
    country ('US-VA')."""

    place: Place
    title: str = ""
    url: str = ""
    country: str = ""
    kind: str = ""
    source: str = ""
    licence: str = ""
    other_names: str = ""
    people: str = ""
    region: str = ""
    own: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_texts(self, "title", "url", "country", "kind", "source", "licence", "other_names", "people", "region")

    @property
    def id(self) -> str:
        return content_id("location", self.title, self.url, *_rounded(self.place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What a place looks like from space.

    ``pixels`` [C, H, W] uint8 or uint16 in the sensor's stored unit (``index.imagery.sensors``), one layer per name in ``bands``;
    ``valid`` is the share of pixels with data, in [0, 1]; ``bounds`` are (left, bottom, right, top) in units of ``crs``.
    ``assumed`` lists what the file did not state itself: statements of the user, layers left out.
    """

    place: Place
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    bands: tuple[str, ...]
    sensor: str
    crs: str
    bounds: tuple[float, float, float, float]
    level: str = ""
    date: str = ""
    valid: float = 1.0
    title: str = ""
    url: str = ""
    country: str = ""
    source: str = ""
    licence: str = ""
    split: str = ""
    assumed: str = ""
    own: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[0] != len(self.bands) or 0 in self.pixels.shape:
            raise InputError(f"pixels must be [bands, height, width] with {len(self.bands)} bands, got {self.pixels.shape}")
        if self.pixels.dtype not in (np.uint8, np.uint16):
            raise InputError(f"pixels must be uint8 or uint16, got {self.pixels.dtype}")
        _check_split(self.split)

    @property
    def id(self) -> str:
        where = (self.crs, *(f"{edge:.7f}" for edge in self.bounds))
        return content_id(
            "tile", self.sensor, *self.bands, *where, self.level, self.date, str(self.pixels.shape), _bytes_of(self.pixels)
        )


Record = Article | Tile | Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that a source could not use: where it stood (file and row), and why, with the remedy.

    Both quote data from outside: half a character in them is escaped, so that the report can be saved.
    """

    where: str
    why: str

    def __post_init__(self) -> None:
        for name in ("where", "why"):
            object.__setattr__(self, name, getattr(self, name).encode(errors="backslashreplace").decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Marks that all records of one unit of a source (a map cell, a stream of a dump, a scene) were yielded."""

    unit: str


class Source(Protocol):
    """Where records come from. ``records`` yields the good records and the rejected ones; it never stops at a bad one.

    A source whose records are expensive to get has a ``key``, which names the source and the request, and yields ``Done`` after
    each unit. A repeated ingest passes it the units that are already in the catalogue. A source without a key is read whole. A
    source that guesses what a file means (its separator, its encoding) says so in ``remarks``, a list of lines. One whose records
    have own columns gives their names and Arrow types in ``own``.
    """

    modality: Modality
    total: int | None  # how many records are expected, for the progress bar; None: not known
    key: str  # "" for a source that is always read whole

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Record | Rejected | Done]: ...


_FACT_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One answer. ``score`` is the cosine in [-1, 1], ``percentile`` the percentage of all records of its kind that it beats;
    ``distance_km`` the geodesic to the place asked from, where there is one; ``own`` has the record's own columns."""

    rank: int
    modality: Modality
    id: str
    title: str
    place: Place
    score: float
    percentile: float | None = None
    distance_km: float | None = None
    url: str = ""
    country: str = ""
    snippet: str = ""
    own: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)

    @property
    def link(self) -> str:
        """The record's own page, else the point on OpenStreetMap."""
        lat, lon = f"{self.place.lat:.4f}", f"{self.place.lon:.4f}"
        return self.url or f"https://www.openstreetmap.org/?mlat={lat}&mlon={lon}#map=9/{lat}/{lon}"

    @property
    def own_facts(self) -> list[str]:
        """What the own columns say, 'beds: 12' each, for people: long texts are cut, and what is not known is left out."""
        known = {name: str(in_json(value)) for name, value in self.own.items() if value is not None}
        return [
            f"{name}: {said if len(said) <= _FACT_CHARACTERS else said[:_FACT_CHARACTERS] + '…'}" for name, said in known.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        flat = {name: getattr(self, name) for name in ("rank", "modality", "id", "title")}
        flat |= {"lat": self.place.lat, "lon": self.place.lon, "score": self.score, "percentile": self.percentile}
        flat |= {"distance_km": self.distance_km, "link": self.link, "country": self.country, "snippet": self.snippet}
        return flat | ({"own": {name: in_json(value) for name, value in self.own.items()}} if self.own else {})

    def as_row(self) -> dict[str, Any]:
        """The same as a row of a table: own columns stand beside the others, dates are dates."""
        return {name: value for name, value in self.as_dict().items() if name != "own"} | dict(self.own)


def in_json(value: OwnValue) -> int | float | str | bool | None:
    """A date or time in ISO 8601; other values as they are."""
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Vectors [N, D] float32 of unit norm with the ids of their records and the digest of the model that made them."""

    ids: Sequence[str]
    vectors: npt.NDArray[np.float32]
    modality: Modality
    model_digest: str
    places: npt.NDArray[np.float64] = field(repr=False)  # [N, 2]: lat, lon

    def __post_init__(self) -> None:
        check_unit_vectors(self.vectors)
        if not len(self.ids) == len(self.vectors) == len(self.places):
            raise InputError(f"{len(self.ids)} ids, {len(self.vectors)} vectors and {len(self.places)} places do not match")


def check_unit_vectors(vectors: npt.NDArray[np.float32]) -> None:
    """Refuse zero, NaN and unnormalised vectors: a single one spoils every distance computed with it."""
    norms = np.linalg.norm(vectors, axis=-1)
    bad = ~(np.abs(norms - 1) < 1e-3)  # NaN is not < 1e-3
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{int(bad.sum())} vectors are not of unit norm (first: row {row}, norm {norms[row]}); normalise them")


def _check_texts(record: object, *names: str) -> None:
    """Raises ``InputError`` for a value that is not text or holds half a character (a lone surrogate, as in JSON's "\\ud83d")."""
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, str):
            raise InputError(f"{name} must be text, got {type(value).__name__}")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{name} holds half a character at position {error.start}, which no file can hold") from None


def bytes_in_memory(each: Record | Rejected | Done) -> int:
    """What the pixels or the texts of a record take, about; the rest is small."""
    if isinstance(each, Rejected | Done):
        return 0
    own = sum(len(value) for value in each.own.values() if isinstance(value, str))
    return own + (int(each.pixels.nbytes) if isinstance(each, Tile) else len(each.text) if isinstance(each, Article) else 0)


def content_id(*parts: str | bytes | memoryview) -> str:
    """128-bit BLAKE2b of the parts, hex. Lengths are hashed too, so that ('ab', 'c') and ('a', 'bc') differ."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


def _bytes_of(pixels: npt.NDArray[Any]) -> memoryview:
    """The pixels' bytes, row by row, without a copy if they already lie in that order."""
    return np.ascontiguousarray(pixels).data.cast("B")


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(map(repr, SPLITS[1:]))} or empty, got '{split}'")


def _rounded(place: Place) -> tuple[str, str]:
    """Coordinates as hashed: 1e-6 degrees is 11 cm; -180 and 180, 0.0 and -0.0 are the same."""
    lat, lon = round(place.lat, 6), round(place.lon, 6)
    return f"{lat + 0.0:.6f}", f"{(lon if lon < 180 else -180.0) + 0.0:.6f}"
