"""Queries and answers: held-out articles and tiles of a catalogue with their groups, and galleries of places."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from index.errors import CatalogueError, InputError, MissingExtraError, one_line
from index.records import Modality, content_id
from index.store.catalogue import Catalogue
from train.data import REPORT, TRAINING, VALIDATION
from train.text.articles import TELLING_WORDS
from train.text.masking import mask_names
from train.text.passages import SENTENCE_CHARACTERS, whole_text
from train.text.sentences import sentences

MOST = 5_000  # held-out records of one modality: the first by id, which is random
SHORT_WORDS, LONG_WORDS = 25, 100  # a sentence; more than a paragraph
SINGULAR: dict[Modality, str] = {"articles": "text", "tiles": "tile", "locations": "location"}
ALL, UNKNOWN = "all", "unknown"
ARTICLES = "several sentences"
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
    ``texts`` of articles; ``typed`` texts are read as a user types them, not as the records have them; ``sources`` of records.
    ``lacking`` says why there are no continents among the groups."""

    modality: Modality
    ids: list[str]
    places: Places
    groups: dict[str, Mask] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    lacking: str = ""
    typed: bool = False
    sources: list[str] = field(default_factory=list)

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
        ids = [self.ids[row] for row in chosen]
        sources = [self.sources[row] for row in chosen] if self.sources else []
        return replace(self, ids=ids, places=self.places[rows], groups=groups, texts=texts, sources=sources)


def held_out(catalogue: Catalogue, modality: Modality, sensors: tuple[str, ...] = (), part: str = "report") -> HeldOut:
    """Records of one of the ``SLICES``, and of tiles only those of these sensors; at most ``MOST``. Never any others.

    Raises ``CatalogueError`` if there are none.
    """
    known = ", ".join(f"'{sensor}'" for sensor in sensors)
    where = SLICES[part] if modality == "articles" else f"{SLICES[part]} AND sensor IN ({known})"
    if not catalogue.count(modality, where):
        raise CatalogueError(f"{catalogue.uri} holds out no {modality} ({SLICES[part]}); {_REMEDY[part]}")
    columns = ["lat", "lon", "source", *(["title", "text", "language"] if modality == "articles" else [])]
    rows = catalogue.column(modality, columns, where=where)[:MOST]
    places, texts = places_of(rows), rows["text"].to_pylist() if modality == "articles" else []
    groups = {ALL: np.ones(len(rows), dtype=bool)}
    lacking = ""
    try:
        groups |= _continents(places)
    except MissingExtraError as error:
        lacking = str(error)
    groups |= _lengths(texts) if texts else {}
    groups |= _named("language", [name or UNKNOWN for name in rows["language"].to_pylist()]) if texts else {}
    sources = sources_of(rows)
    groups |= _named("source", sources)
    whole = [whole_text(*each) for each in zip(rows["title"].to_pylist(), texts, strict=True)] if texts else []
    return HeldOut(modality, rows["id"].to_pylist(), places, groups, whole, lacking, sources=sources)


def known_articles(catalogue: Catalogue) -> HeldOut:
    """All texts that a model may have been trained on, which floors answer with; the group ``ARTICLES`` has those that are more
    than a name and a sentence. Raises ``CatalogueError`` if there are none."""
    if not catalogue.count("articles", TRAINING):
        raise CatalogueError(f"{catalogue.uri} has no articles to learn from")
    rows = catalogue.column("articles", ["lat", "lon", "title", "text"], where=TRAINING)
    texts = [whole_text(*each) for each in zip(rows["title"].to_pylist(), rows["text"].to_pylist(), strict=True)]
    long = np.array([len(sentences(text, 2, SENTENCE_CHARACTERS)) > 1 for text in rows["text"].to_pylist()])
    return HeldOut(
        "articles", rows["id"].to_pylist(), places_of(rows), {ALL: np.ones(len(rows), dtype=bool), ARTICLES: long}, texts
    )


def without_names(catalogue: Catalogue, articles: HeldOut) -> HeldOut:
    """Articles without their titles and the names in their texts; those that are too short to say more than names are left out.

    Raises ``CatalogueError`` if none is left, ``MissingExtraError`` without the [demo] extra.
    """
    rows = catalogue.rows("articles", articles.ids, ["title", "text"]).to_pylist()
    long = [len(row["text"].split()) >= TELLING_WORDS for row in rows]
    masked = [mask_names(row["text"], row["title"] or "") if told else "" for row, told in zip(rows, long, strict=True)]
    telling = np.array([bool(text.strip()) for text in masked], dtype=bool)
    if not telling.any():
        raise CatalogueError(f"{catalogue.uri}: none of these articles has the {TELLING_WORDS} words that say more than names")
    chosen = replace(articles, texts=masked, typed=True).take(telling)
    return replace(chosen, ids=[content_id("masked", id_) for id_ in chosen.ids])


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


def sources_of(rows: pa.Table) -> list[str]:
    """[N]: the column source, with a word for what is not known."""
    return [name or UNKNOWN for name in rows["source"].to_pylist()]


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


def _named(what: str, names: list[str]) -> dict[str, Mask]:
    """A group for each name, of a language or a source; none where all have the same."""
    each = np.array(names)
    different = np.unique(each).tolist()
    return {f"{what}: {name}": each == name for name in different} if len(different) > 1 else {}
