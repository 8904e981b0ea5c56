"""Queries and answers: held-out articles and tiles of a catalogue with their groups, and galleries of places."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from index.errors import CatalogueError, InputError, MissingExtraError, one_line
from index.records import Modality
from index.store.catalogue import Catalogue
from train.data import REPORT, TRAINING, VALIDATION
from train.text.articles import whole_text

MOST = 5_000  # held-out records of one modality: the first by id, which is random
SHORT_WORDS, LONG_WORDS = 25, 100  # a sentence; more than a paragraph
SINGULAR: dict[Modality, str] = {"articles": "text", "tiles": "tile", "locations": "location"}
ALL = "all"
SLICES = {"report": REPORT, "val": VALIDATION}  # the second chose the model, so its figures flatter
Places = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


_REMEDY = {
    "report": "ingest some with the split 'val' from all over the world, of which those in report blocks become 'report' (in an "
    "older catalogue any ingest does that), or ask those that chose the model with --slice val",
    "val": "ingest some with that split",
}


@dataclass(frozen=True)
class HeldOut:
    """Records with their ``places`` [N, 2], lat and lon. ``groups``: by name, the mask [N] of the group, the first is all of them;
    ``texts`` of articles; ``lacking`` says why there are no continents among the groups."""

    modality: Modality
    ids: list[str]
    places: Places
    groups: dict[str, Mask] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    lacking: str = ""

    @property
    def name(self) -> str:
        return SINGULAR[self.modality]

    @property
    def digest(self) -> str:
        """The key of stored vectors and figures."""
        content = "|".join([self.modality, *self.ids]).encode() + np.ascontiguousarray(self.places).tobytes()
        return hashlib.sha256(content + "|".join(self.groups).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.places)

    def as_places(self) -> "HeldOut":
        """The places of the same records, as ``retrieval.ranking.bridge`` compares them."""
        return HeldOut("locations", [], self.places)

    def take(self, rows: Mask) -> "HeldOut":
        """The records of a mask [N]; groups without any of them are dropped."""
        chosen = np.flatnonzero(rows).tolist()
        groups = {name: mask[rows] for name, mask in self.groups.items() if mask[rows].any()}
        texts = [self.texts[row] for row in chosen] if self.texts else []
        return HeldOut(self.modality, [self.ids[row] for row in chosen], self.places[rows], groups, texts, self.lacking)


def held_out(catalogue: Catalogue, modality: Modality, sensors: tuple[str, ...] = (), part: str = "report") -> HeldOut:
    """Records of one of the ``SLICES``, and of tiles only those of these sensors; at most ``MOST``. Never any others.

    Raises ``CatalogueError`` if there are none.
    """
    known = ", ".join(f"'{sensor}'" for sensor in sensors)
    where = SLICES[part] if modality == "articles" else f"{SLICES[part]} AND sensor IN ({known})"
    if not catalogue.count(modality, where):
        raise CatalogueError(f"{catalogue.uri} holds out no {modality} ({SLICES[part]}); {_REMEDY[part]}")
    columns = ["lat", "lon", "source", *(["title", "text"] if modality == "articles" else [])]
    rows = catalogue.column(modality, columns, where=where)[:MOST]
    places, texts = places_of(rows), rows["text"].to_pylist() if modality == "articles" else []
    groups = {ALL: np.ones(len(rows), dtype=bool)}
    lacking = ""
    try:
        groups |= _continents(places)
    except MissingExtraError as error:
        lacking = str(error)
    groups |= _lengths(texts) if texts else {}
    groups |= _sources(rows["source"].to_pylist())
    whole = [whole_text(*each) for each in zip(rows["title"].to_pylist(), texts, strict=True)] if texts else []
    return HeldOut(modality, rows["id"].to_pylist(), places, groups, whole, lacking)


def known_articles(catalogue: Catalogue) -> HeldOut:
    """The articles that a model may have been trained on, which floors answer with. Raises ``CatalogueError`` if there are none."""
    if not catalogue.count("articles", TRAINING):
        raise CatalogueError(f"{catalogue.uri} has no articles to learn from")
    rows = catalogue.column("articles", ["lat", "lon", "title", "text"], where=TRAINING)
    texts = [whole_text(*each) for each in zip(rows["title"].to_pylist(), rows["text"].to_pylist(), strict=True)]
    return HeldOut("articles", rows["id"].to_pylist(), places_of(rows), texts=texts)


def gallery_of(catalogue: Catalogue) -> HeldOut:
    """The catalogue's locations. Raises ``CatalogueError`` if there are none."""
    if not catalogue.count("locations"):
        raise CatalogueError(
            f"{catalogue.uri} has no locations to answer with; add some with `placebind ingest grid`, or give --gallery FILE"
        )
    return HeldOut("locations", [], places_of(catalogue.column("locations", ["lat", "lon"])))


def gallery_in(file: Path) -> HeldOut:
    """The places of a Parquet file with columns lat and lon, without the rows where a column country_agrees says that position and
    country contradict each other. Raises ``InputError`` for a file without such columns or places."""
    try:
        rows = pq.read_table(file)
        places = places_of(rows)
        agrees = rows["country_agrees"].to_numpy().astype(bool) if "country_agrees" in rows.column_names else True
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{file} is not a Parquet file with columns lat and lon ({one_line(error)})") from None
    kept = places[np.isfinite(places).all(axis=1) & agrees]
    if not len(kept) or np.abs(kept[:, 0]).max() > 90:
        raise InputError(f"{file}: expected places in degrees, lat from -90 to 90; got none, or a latitude beyond a pole")
    return HeldOut("locations", [], kept)


def places_of(rows: pa.Table) -> Places:
    """[N, 2] of the columns lat and lon."""
    return np.stack([rows["lat"].to_numpy(), rows["lon"].to_numpy()], axis=1).astype(np.float64)


def _continents(places: Places) -> dict[str, Mask]:
    from index.places.continents import NAMES, continent_of

    numbers = continent_of(places[:, 0], places[:, 1])
    return {f"continent: {NAMES[number]}": numbers == number for number in np.unique(numbers)}


def _lengths(texts: list[str]) -> dict[str, Mask]:
    words = np.array([len(text.split()) for text in texts])
    found = {
        f"text length: under {SHORT_WORDS} words": words < SHORT_WORDS,
        f"text length: {SHORT_WORDS} to {LONG_WORDS} words": (words >= SHORT_WORDS) & (words <= LONG_WORDS),
        f"text length: over {LONG_WORDS} words": words > LONG_WORDS,
    }
    return {name: mask for name, mask in found.items() if mask.any()}


def _sources(names: list[Any]) -> dict[str, Mask]:
    """None where all are of one source."""
    each = np.array([name or "unknown" for name in names])
    different = np.unique(each).tolist()
    return {f"source: {name}": each == name for name in different} if len(different) > 1 else {}
