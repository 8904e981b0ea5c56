"""All retrieval questions to models: text and tile to location, text to tile and back.

Records of the catalogue that no model was trained on or chosen by are the queries; its locations (or a file of places) answer.
Encoded vectors lie in the results' folder, so a stopped run resumes, and answered questions are not repeated.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError, CheckpointError, InputError, PlaceBindError
from index.progress import Progress, Quiet
from index.records import Modality
from index.store.catalogue import Catalogue
from retrieval.figures.dimension import two_nn
from retrieval.figures.floors import Floor, nearest_articles, random_order
from retrieval.figures.held_out import ALL, SINGULAR, HeldOut, Mask, gallery_of, held_out, known_articles
from retrieval.figures.measures import figures_of
from retrieval.figures.placing import Placed, place, rows_within
from retrieval.figures.results import GAP, ResultRows, Row
from retrieval.ranking.gap import Side, measure_gap
from retrieval.space import Space
from train.checkpoint import Checkpoint
from train.geolocation import encode_locations
from train.probing.geo_bias import geo_bias
from train.probing.results import kept_vectors, load_features

PROTOCOL = 1  # increases when the same request would give other numbers
PLACE_KM = 25.0  # a hit among places: a city (Hays and Efros 2008); in a grid of 100,000 land points, 38 km apart, one lies so near
RECORD_KM = 200.0  # a hit among unpaired records: a region, as in ``retrieval.ranking.gap``
PAIR_KM = 1.0  # a text and a tile this near describe the same place
BIAS_HIT_KM = 750  # a hit for the geo-bias score: the right country, which is neither rare nor certain
CHUNKS: dict[Modality, int] = {"articles": 1024, "tiles": 256, "locations": 8192}  # records encoded at a time
QUESTIONS: tuple[tuple[Modality, Modality, float], ...] = (
    ("articles", "locations", PLACE_KM), ("tiles", "locations", PLACE_KM),
    ("articles", "tiles", RECORD_KM), ("tiles", "articles", RECORD_KM),
)  # fmt: skip


def evaluate_retrieval(
    models: Sequence[tuple[str, Checkpoint]],
    catalogue: Path,
    folder: Path,
    gallery: HeldOut | None = None,
    progress: Progress | None = None,
    part: str = "report",
) -> list[Row]:
    """The rows (see ``kept``) of models with their names, as the folder keeps them; ``gallery``: places other than the catalogue's;
    ``part``: the slice of the held-out records that asks.

    A question that is impossible, such as all of them without a catalogue, becomes a row that says why.
    """
    kept = ResultRows(folder)
    try:
        opened = Catalogue.open(catalogue)
    except CatalogueError as error:
        kept.add([{"model": name, "query": "retrieval", "group": ALL, "queries": 0, "not_run": str(error)} for name, _ in models])
        return kept.asked
    for name, checkpoint in models:
        for rows in Asker(name, Space(checkpoint, opened), kept, progress or Quiet(), gallery, part).rows():
            kept.add(rows)
    return kept.asked


@dataclass
class Asker:
    """One model under test; every record is encoded once."""

    name: str
    space: Space
    kept: ResultRows
    progress: Progress
    gallery: HeldOut | None
    part: str
    _found: dict[Modality, HeldOut | PlaceBindError] = field(default_factory=dict)

    def rows(self) -> Iterator[list[Row]]:
        """The rows of one question after the other."""
        for asking, answering, radius_km in QUESTIONS:
            title = f"{SINGULAR[asking]} to {SINGULAR[answering]}"
            one, other = self.records(asking), self.records(answering)
            lacking = [str(each) for each in (one, other) if isinstance(each, PlaceBindError)]
            if isinstance(one, PlaceBindError) or isinstance(other, PlaceBindError):
                yield [self._not_run(title, lacking[0])]
                continue
            yield self.answer(title, one, other, radius_km)
            yield self._floor(title, random_order(one, other, radius_km), one)
            if asking == "articles" and answering == "locations":
                yield from self._nearest_articles(title, one)
            if answering != "locations":
                yield from self._paired(title, one, other)
                places, by_position = other.as_places(), f"{title}, by position"
                yield self.answer(by_position, one, places, radius_km)
                yield from self._paired(by_position, one, places)
            yield [self._not_run(title, one.lacking, "continents")] if one.lacking else []
        yield from self._dimensions()

    def records(self, modality: Modality) -> HeldOut | PlaceBindError:
        """The records of one modality that take part, or why there are none."""
        if modality not in self._found:
            try:
                self._found[modality] = self._read(modality)
            except (CatalogueError, CheckpointError) as error:
                self._found[modality] = error
        return self._found[modality]

    def answer(self, title: str, asking: HeldOut, answering: HeldOut, radius_km: float, only: Mask | None = None) -> list[Row]:
        """The rows of one question, one for each group of the queries, or of the queries in the mask ``only`` [N]."""
        asked = asking if only is None else asking.take(only)
        key = _key(self.space.checkpoint.digest, title, asked.digest, answering.digest, str(radius_km))
        known = self.kept.of(key, self.name)
        if known:
            return known
        one, other = Side(self._vectors(asking)[slice(None) if only is None else only], asked.places), self._side(answering)
        self.progress.start(title, len(asked))
        placed = place(one, other, radius_km, self.progress.advance)
        base = {"model": self.name, "query": title, "floor": False, "gallery": len(answering), "radius_km": radius_km, "key": key}
        rows = _grouped(base, asked, placed, bias=answering.modality == "locations")
        rows[0] |= _gap(one, other) if only is None else {}
        return rows

    def _paired(self, title: str, one: HeldOut, other: HeldOut) -> Iterator[list[Row]]:
        """Only records that have a partner at their own place, which is the only right answer."""
        has = np.array([len(rows) > 0 for rows in rows_within(one.places, other.places, PAIR_KM)])
        title = f"{title}, paired"
        if not has.any():
            why = f"no held-out {one.name} and {other.name} lie within {PAIR_KM:g} km of each other"
            yield [self._not_run(title, why)]
            return
        yield self.answer(title, one, other, PAIR_KM, has)
        asked = one.take(has)
        yield self._floor(title, random_order(asked, other, PAIR_KM), asked)

    def _nearest_articles(self, title: str, asking: HeldOut) -> Iterator[list[Row]]:
        try:
            known = known_articles(self.space.catalogue)
        except CatalogueError as error:
            yield [self._not_run(f"{title}, nearest article", str(error))]
            return
        tower, name = self.space.encoder("articles"), self.space.checkpoint.card.config.text.name
        for floor in nearest_articles(asking, known, self.space.catalogue, tower, name):
            yield self._floor(title, floor, asking)

    def _floor(self, title: str, floor: Floor, asking: HeldOut) -> list[Row]:
        key = _key(floor.name, title, asking.digest, floor.key)
        known = self.kept.of(key, floor.name)
        if known:
            return known
        self.progress.start(floor.name, 1)
        placed = floor.place()
        self.progress.advance(1)
        base = {"model": floor.name, "query": title, "floor": True, "key": key}
        base |= {"gallery": floor.gallery, "radius_km": floor.radius_km}
        return _grouped(base, asking, placed, bias=title.endswith(SINGULAR["locations"]))

    def _dimensions(self) -> Iterator[list[Row]]:
        for modality in SINGULAR:
            asked = self.records(modality)
            if isinstance(asked, HeldOut):
                key = _key(self.space.checkpoint.digest, "dimension", asked.digest)
                base = {"model": self.name, "query": asked.name, "group": ALL, "floor": False, "queries": len(asked), "key": key}
                known = self.kept.of(key, self.name)
                yield known or [base | {"intrinsic_dimension": two_nn(self._vectors(asked), np.random.default_rng(0))}]

    def _read(self, modality: Modality) -> HeldOut:
        checkpoint = self.space.checkpoint
        if modality == "locations":
            return self.gallery or gallery_of(self.space.catalogue)  # which says why there are none
        if not checkpoint.learnt(modality):
            raise CheckpointError(f"the model was trained without {modality}")
        return held_out(self.space.catalogue, modality, checkpoint.card.sensors, self.part)

    def _side(self, asked: HeldOut) -> Side:
        return Side(self._vectors(asked), asked.places)

    def _vectors(self, asked: HeldOut) -> npt.NDArray[np.float32]:
        """[N, D], encoded if the folder does not have them yet."""

        def make() -> npt.NDArray[np.float32]:
            self.progress.start(f"encode {asked.modality}", len(asked))
            chunk = CHUNKS[asked.modality]
            parts = [self._encode(asked, slice(start, start + chunk)) for start in range(0, len(asked), chunk)]
            return np.concatenate(parts)

        key = _key(self.space.checkpoint.digest, asked.digest)
        return np.asarray(load_features(kept_vectors(self.kept.folder, key, make)))

    def _encode(self, asked: HeldOut, part: slice) -> npt.NDArray[np.float32]:
        if asked.modality == "locations":
            lat, lon = asked.places[part].T
            vectors: npt.NDArray[np.float32] = encode_locations(self.space.encoder("locations"), lat, lon).cpu().numpy()
        else:
            vectors = self.space.embed_records(asked.modality, asked.ids[part])
        self.progress.advance(len(vectors))
        return vectors

    def _not_run(self, title: str, why: str, group: str = ALL) -> Row:
        return {"model": self.name, "query": title, "group": group, "floor": False, "queries": 0, "not_run": why}


def _grouped(base: Row, asking: HeldOut, placed: Placed, *, bias: bool) -> list[Row]:
    """A row for each group; the first group holds all queries, and its row may have the geo-bias too."""
    rows = []
    for group, mask in asking.groups.items():
        ranks = None if placed.ranks is None else placed.ranks[mask]
        figures = figures_of(placed.errors_km[mask], ranks, asking.places[mask])
        rows.append(base | {"group": group, "queries": int(mask.sum())} | figures)
    rows[0] |= _bias(asking, placed.errors_km) if bias else {}
    return rows


def _gap(one: Side, other: Side) -> Row:
    """Empty where a side is a single vector or one repeated vector: seen from its own mean it has no direction."""
    try:
        gap = measure_gap(one, other, np.random.default_rng(0))
    except InputError:
        return {}
    return dict(zip(GAP, (gap.distance, gap.distance_centred, gap.found, gap.found_centred), strict=True))


def _bias(asking: HeldOut, errors: npt.NDArray[np.float64]) -> Row:
    found = geo_bias(asking.places[:, 0], asking.places[:, 1], errors <= BIAS_HIT_KM)
    values = {"geo_bias": found.score, "geo_bias_shuffled": found.shuffled, "geo_bias_covered": found.covered}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def _key(*parts: str) -> str:
    return hashlib.sha256("|".join([str(PROTOCOL), *parts]).encode()).hexdigest()
