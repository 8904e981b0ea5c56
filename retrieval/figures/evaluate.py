"""All retrieval questions to models: text (also without names) and tile to location, text to tile and back.

Records of the catalogue that no model was trained on or chosen by are the queries; its locations (or a file of places) answer.
Encoded vectors lie in the results' folder, so a stopped run resumes, and answered questions are not repeated.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError, CheckpointError, InputError, MissingExtraError, PlaceBindError
from index.progress import Progress, Quiet
from index.records import Modality
from index.store.catalogue import Catalogue
from retrieval.figures.dimension import two_nn
from retrieval.figures.floors import Floor, TextFloors, random_order
from retrieval.figures.held_out import (
    ALL,
    ARTICLES,
    SINGULAR,
    HeldOut,
    Mask,
    gallery_of,
    held_out,
    known_articles,
    without_names,
)
from retrieval.figures.measures import EQUALLY, equally_weighted, figures_of
from retrieval.figures.placing import Placed, place, rows_within
from retrieval.figures.regions import regions_of
from retrieval.figures.results import GAP, WITH_INTERVAL, ResultRows, Row
from retrieval.ranking.gap import Side, measure_gap
from retrieval.space import Space
from train.checkpoint import Checkpoint
from train.curve.geolocation import encode_locations
from train.probing.geo_bias import geo_bias
from train.probing.results import kept_vectors, load_features

PROTOCOL = 2  # increases when the same request would give other numbers
PLACE_KM = 25.0  # a hit among places: a city (Hays and Efros 2008); in a grid of 100,000 land points, 38 km apart, one lies so near
RECORD_KM = 200.0  # a hit among unpaired records: a region, as in ``retrieval.ranking.gap``
PAIR_KM = 1.0  # a text and a tile this near describe the same place
UNPAIRED_KM = 500.0  # a hit among the articles that describe another place than the tile's: a landscape like it is as far
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
                yield from self._text_floors(title, one, other)
                yield from self._without_names(one, other)
            if asking == "tiles" and answering == "locations":
                yield from self._within_sources(one, other)
            if asking == "tiles" and answering == "articles":
                yield from self._unpaired(one, other)
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

    def answer(
        self,
        title: str,
        asking: HeldOut,
        answering: HeldOut,
        radius_km: float,
        only: Mask | None = None,
        beyond_km: float = 0.0,
    ) -> list[Row]:
        """The rows of one question, one for each group of the queries, or of the queries in the mask ``only`` [N]; records nearer
        than ``beyond_km`` are no answers."""
        asked = asking if only is None else asking.take(only)
        key = _key(self.space.checkpoint.digest, title, asked.digest, answering.digest, str(radius_km), str(beyond_km))
        known = self.kept.of(key, self.name)
        if known:
            return known
        one, other = Side(self._vectors(asking)[slice(None) if only is None else only], asked.places), self._side(answering)
        self.progress.start(title, len(asked))
        placed = place(one, other, radius_km, self.progress.advance, beyond_km)
        base = self._base(title) | {"gallery": len(answering), "radius_km": radius_km, "key": key}
        rows = _grouped(base, asked, placed, places=answering.modality == "locations")
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

    def _text_floors(self, title: str, asking: HeldOut, gallery: HeldOut) -> Iterator[list[Row]]:
        try:
            read = known_articles(self.space.catalogue)
            floors = self._floors_of(asking, read, gallery)
            for floor in (*floors.of_names(), *floors.of_all_texts()):
                yield self._floor(title, floor, asking)
            if not read.groups[ARTICLES].any():
                raise CatalogueError(f"{self.space.catalogue.uri} has no articles of {ARTICLES} to learn from")
            for floor in floors.of_articles():
                yield self._floor(title, floor, asking)
        except (CatalogueError, MissingExtraError) as error:
            yield [self._not_run(f"{title}, floors", str(error))]

    def _without_names(self, articles: HeldOut, gallery: HeldOut) -> Iterator[list[Row]]:
        """Texts whose names are masked: what a model reads beside them."""
        title = f"text without names to {gallery.name}"
        try:
            asked = without_names(self.space.catalogue, articles)
            yield self.answer(title, asked, gallery, PLACE_KM)
            yield self._floor(title, random_order(asked, gallery, PLACE_KM), asked)
            read = known_articles(self.space.catalogue)
            masked = without_names(self.space.catalogue, read.take(read.groups[ARTICLES]))
            for floor in self._floors_of(asked, masked, gallery).of_articles():
                yield self._floor(title, floor, asked)
        except (CatalogueError, MissingExtraError) as error:
            yield [self._not_run(title, str(error))]

    def _floors_of(self, asking: HeldOut, read: HeldOut, gallery: HeldOut) -> TextFloors:
        return TextFloors(asking, read, gallery, self.space.catalogue)

    def _within_sources(self, asking: HeldOut, gallery: HeldOut) -> Iterator[list[Row]]:
        """Each tile among the places of its own source's region alone: a source must not give the region away."""
        title = f"tile to {gallery.name}, within its source"
        regions = regions_of(self.space.catalogue, gallery)
        key = _key(self.space.checkpoint.digest, title, asking.digest, gallery.digest, *regions.digests)
        known = self.kept.of(key, self.name)
        if known:
            yield known
            return
        one, other = self._side(asking), self._side(gallery)
        self.progress.start(title, len(asking))
        placed = regions.place(one, other, asking.sources, PLACE_KM, self.progress.advance)
        groups = {name: mask for name, mask in asking.groups.items() if name == ALL or name.startswith("source: ")}
        base = self._base(title) | {"gallery": len(gallery), "radius_km": PLACE_KM, "key": key}
        yield _grouped(base, replace(asking, groups=groups), placed, places=True)

    def _unpaired(self, one: HeldOut, other: HeldOut) -> Iterator[list[Row]]:
        """Tiles whose own article is not among those that can be found: does one of a place like it come first?"""
        title = f"{one.name} to {other.name}, partner removed"
        has = np.array([len(rows) < len(other) for rows in rows_within(one.places, other.places, PAIR_KM)])
        if not has.any():
            yield [self._not_run(title, f"all held-out texts lie within {PAIR_KM:g} km of the tiles; ingest some from elsewhere")]
            return
        yield self.answer(title, one, other, UNPAIRED_KM, has, beyond_km=PAIR_KM)
        asked = one.take(has)
        yield self._floor(title, random_order(asked, other, UNPAIRED_KM, PAIR_KM), asked)

    def _floor(self, title: str, floor: Floor, asking: HeldOut) -> list[Row]:
        key = _key(floor.name, title, asking.digest, floor.key)
        known = self.kept.of(key, floor.name)
        if known:
            return known
        self.progress.start(floor.name, 1)
        placed = floor.place()
        self.progress.advance(1)
        base = self._base(title) | {"model": floor.name, "floor": True, "key": key}
        base |= {"gallery": floor.gallery, "radius_km": floor.radius_km}
        return _grouped(base, asking, placed, places=title.endswith(SINGULAR["locations"]))

    def _dimensions(self) -> Iterator[list[Row]]:
        for modality in SINGULAR:
            asked = self.records(modality)
            if isinstance(asked, HeldOut):
                key = _key(self.space.checkpoint.digest, "dimension", asked.digest)
                base = self._base(asked.name) | {"group": ALL, "queries": len(asked), "key": key}
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
        elif asked.typed:
            vectors = self.space.embed_texts(asked.texts[part])
        else:
            vectors = self.space.embed_records(asked.modality, asked.ids[part])
        self.progress.advance(len(vectors))
        return vectors

    def _base(self, title: str) -> Row:
        return {"model": self.name, "query": title, "slice": self.part, "floor": False}

    def _not_run(self, title: str, why: str, group: str = ALL) -> Row:
        return self._base(title) | {"group": group, "queries": 0, "not_run": why}


def _grouped(base: Row, asking: HeldOut, placed: Placed, *, places: bool) -> list[Row]:
    """A row for each group, and one for the continents (and the sources) equally weighted. The first group holds all queries. Where
    ``places`` answer, its row has the geo-bias too, and all have the share that the true place beats."""
    rows: list[Row] = []
    placed = placed if places else replace(placed, beats=None)
    for group, mask in asking.groups.items():
        figures = figures_of(placed.take(mask), asking.places[mask])
        rows.append(base | {"group": group, "queries": int(mask.sum())} | figures)
    for kind in ("continent", "source"):
        of_kind = [row for row in rows if row["group"].startswith(f"{kind}: ")]
        mean = equally_weighted(of_kind, WITH_INTERVAL)
        rows += [base | {"group": f"{kind}s {EQUALLY}"} | mean] if mean else []
    rows[0] |= _bias(asking, placed.errors_km) if places else {}
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
