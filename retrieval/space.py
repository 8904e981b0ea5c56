"""The shared space: a checkpoint's encoders and a catalogue's vectors, opened together after a check that they match."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.errors import CatalogueError, InputError
from index.extras import extra, is_installed
from index.geo import geodesic_km
from index.imagery.sensors import SENSORS, Sensor
from index.places.country_names import as_written, near_names
from index.places.name_index import NameIndex
from index.places.whereabouts import Whereabouts
from index.places.world_names import names_are_known, world_names
from index.records import Hit, Modality, Place, Tile
from index.registry import load
from index.search.current import manifests_at_hand
from index.search.filters import Filter
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from index.store.gazetteer import names_of as catalogue_names
from index.store.manifest import Manifest
from index.store.vectors import check_model
from index.threads import lock_of, once
from retrieval.answer import Answer
from retrieval.asking.how import How
from retrieval.asking.names.added import best_place
from retrieval.asking.names.lookup import names_of
from retrieval.asking.names.mass import Mass
from retrieval.asking.names.resolve import Allowed, Named, Warmth
from retrieval.asking.notes import reading_notes
from retrieval.asking.parts import Pictures, no_pictures
from retrieval.asking.photo import Photo
from retrieval.asking.query import QueryVectors
from retrieval.asking.question import Question
from retrieval.asking.sentence.read import read_question
from retrieval.heat.cells import Cells
from retrieval.heat.heat import Heat, heat_of
from retrieval.ranking.bridge import Bridge
from retrieval.ranking.centring import centred, centred_query
from retrieval.ranking.explain import Explanation, NamedPlaces, contributions
from retrieval.ranking.search import Ranked, Searcher
from retrieval.sureness.confidence import Confidence, Confident
from train.checkpoint import Checkpoint
from train.config import ENCODER_OF, ENCODERS
from train.queries.encoders import QueryEncoders, Shown, Vectors
from train.queries.light.encoders import LightEncoders
from train.queries.light.rows import ROW_COLUMNS, vectors_of_rows
from train.shipped import checkpoint_for

if TYPE_CHECKING:  # torch comes with them
    from train.protocols import Encoder, ImageEncoder, LocationEncoder, TextEncoder
    from train.queries.trained import TorchEncoders

RunBy = Literal["auto", "torch"]
FEW = 16  # records that torch's way to an accelerator is not worth for
STAGES = ("encode", "search", "read")  # of an answer: the query's vectors, the best rows, the records of these rows
TEXTS_KEPT = 64
READ_CHARACTERS = 65_536  # of a query: more than any text tower sees; a megabyte would take seconds to cut into tokens


class Space:
    """Open it with ``Space.open(checkpoint, catalogue)``, search with ``search``. Encoders and vectors load on first use."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        catalogue: Catalogue,
        device: str = "auto",
        backend: str = "auto",
        encoders: RunBy = "auto",
    ) -> None:
        self.checkpoint = checkpoint
        self.backend = backend
        self.catalogue = catalogue
        self.device, self._run_by = device, encoders
        self._searchers: dict[Modality, Searcher] = {}

    @classmethod
    def open(
        cls,
        checkpoint: str | Path | None = None,
        catalogue: str | Path | None = None,
        device: str = "auto",
        backend: str = "auto",
        encoders: RunBy = "auto",
    ) -> Space:
        """``checkpoint`` is the folder of a model; without one, the catalogue's own model is used, else the shipped
        one. ``backend`` is one of index.search.backends, or auto: exact up to 300,000 records, FAISS above. ``encoders`` are run by
        torch, or, with auto, by onnxruntime where the model has graphs (`placebind export-encoder`); ``device`` is torch's.

        Raises ``CheckpointError``, ``CatalogueError``, or ``ModelMismatchError`` if the vectors are of another model."""
        if catalogue is None:
            raise CatalogueError("no catalogue was given; open one with Space.open(catalogue=FOLDER)")
        folder = Path(checkpoint) if checkpoint else checkpoint_for(catalogue)
        space = cls(Checkpoint.open(folder), Catalogue.open(catalogue), device, backend, encoders)
        for modality, manifest in space.manifests.items():
            check_model(modality, manifest, space.checkpoint.digest_of(modality), space.dim, space.preprocessing(modality))
        return space

    def take_encoders(self, earlier: Space) -> None:
        """Use those that another space of the same model has loaded, instead of loading them again."""
        alike = (earlier.checkpoint.digest, earlier.device, earlier._run_by) == (self.checkpoint.digest, self.device, self._run_by)
        if alike:
            vars(self).update({name: vars(earlier)[name] for name in ("_light", "trained") if name in vars(earlier)})

    @once
    def manifests(self) -> dict[Modality, Manifest]:
        """The manifests of the tables that are indexed."""
        return manifests_at_hand(self.catalogue)

    @property
    def dim(self) -> int:
        return self.checkpoint.card.config.dim

    def preprocessing(self, modality: Modality) -> dict[str, Any]:
        """How this model reads the records of one table: the encoder with all its options, and how it reads if that changed."""
        component = self.checkpoint.card.config.encoder(modality)
        if self._light is not None:
            reading = self._light.exported.readings.get(modality)
        else:
            reading = getattr(load(ENCODERS[ENCODER_OF[modality]], component.name), "READING", None)
        return component.model_dump(mode="json") | ({} if reading is None else {"reading": reading})

    @overload
    def encoder(self, modality: Literal["locations"]) -> LocationEncoder: ...
    @overload
    def encoder(self, modality: Literal["articles"]) -> TextEncoder: ...
    @overload
    def encoder(self, modality: Literal["tiles"]) -> ImageEncoder: ...
    @overload
    def encoder(self, modality: Modality) -> Encoder: ...
    def encoder(self, modality: Modality) -> Encoder:
        """The encoder itself, a module of torch."""
        return self.trained.encoder(modality)

    @once
    def trained(self) -> TorchEncoders:
        """The encoders by torch. Raises ``MissingExtraError`` where there is no torch."""
        extra("torch")
        from train.precision import choose_device
        from train.queries.trained import TorchEncoders

        return TorchEncoders(self.checkpoint, choose_device(self.device))

    @once
    def _light(self) -> LightEncoders | None:
        wanted = self._run_by == "auto" and self.device in ("auto", "cpu")
        return LightEncoders.of(self.checkpoint.path, self.checkpoint.digest) if wanted else None

    def encoders(self, modality: Modality) -> QueryEncoders:
        """What embeds questions of this modality: graphs by onnxruntime where the model has them, else torch."""
        light = self._light
        return (
            light if light is not None and (light.exported.has(modality) or not self.checkpoint.learnt(modality)) else self.trained
        )

    @property
    def runs_by(self) -> str:
        """What the encoders run by: onnxruntime, torch, or both for different modalities."""
        if self._light is None:
            return "torch"
        return " and ".join([self._light.runs_by, *(["torch"] if self._light.exported.missing else [])])

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [N, dim] float32. Raises ``InputError`` for an empty text."""
        if any(not text.strip() for text in texts):
            raise InputError("the query text is empty; say what to look for")
        read = [text[:READ_CHARACTERS] for text in texts]
        return self._embed_text(read[0])[None].copy() if len(read) == 1 else self.encoders("articles").texts(read, read)

    @once
    def _embed_text(self) -> Callable[[str], Vectors]:
        """[D], of one text; the last ones are remembered, as a text's answer is followed by its heat map."""
        return lru_cache(TEXTS_KEPT)(lambda text: self.encoders("articles").texts([text], [text])[0])

    def embed_places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        """Unit vectors [N, dim] float32 of points in WGS84 degrees, each [N]."""
        return self.encoders("locations").places(lat, lon)

    def embed_images(self, images: Sequence[Tile | Photo]) -> Vectors:
        """Unit vectors [N, dim] float32. A photo is read as a sensor that the model was trained on (``Photo.camera``). Raises
        ``InputError`` for a sensor that the model was not trained on."""
        learnt = self.checkpoint.card.sensors
        for image in images:
            sensor = image.sensor if isinstance(image, Tile) else "a photo"
            if sensor not in learnt and (isinstance(image, Tile) or not learnt):
                raise InputError(
                    f"the model was trained on {', '.join(learnt) or 'no'} images, this one is {sensor}; "
                    "ingest such tiles and train with them"
                )
        return self.encoders("tiles").tiles([self._shown(image) for image in images])

    def _shown(self, image: Tile | Photo) -> Shown:
        if isinstance(image, Tile):
            return Shown(image.pixels, image.bands, image.sensor, image.level, image.date)
        sensor = image.camera([SENSORS[name] for name in self.checkpoint.card.sensors])
        measured = image.measured_by(sensor, self._photographed(sensor))
        return Shown(measured.pixels, measured.bands, measured.sensor)

    def _photographed(self, sensor: Sensor) -> tuple[str, ...]:
        """The bands that a photo gets as of this sensor. A model trained with missing bands gets the colours alone, another model
        all bands that tiles here have, as far as there are any."""
        if self.checkpoint.card.config.few_bands_share:
            return sensor.rgb
        found = []
        if self.catalogue.has("tiles"):
            tiles = self.catalogue.dataset("tiles")
            found = tiles.to_table(columns=["bands"], filter=f"sensor = '{sensor.name}'", limit=1)["bands"].to_pylist()
        return tuple(found[0]) if found else sensor.bands

    def embed_records(self, modality: Modality, ids: Sequence[str]) -> Vectors:
        """Unit vectors [N, dim] float32 of records in the catalogue, in the order of ``ids``, by what embeds questions; many at a
        time by torch where that has an accelerator. Torch uses the features that the catalogue has cached."""
        encoders = self.encoders(modality)
        if encoders.runs_by == "torch" or (len(ids) > FEW and self._has_accelerator):
            return self.trained.records(self.catalogue, modality, ids)
        return vectors_of_rows(encoders, modality, self.catalogue.rows(modality, ids, ROW_COLUMNS[modality]))

    @once
    def _has_accelerator(self) -> bool:
        """Whether torch has one. It is not imported if it is a build for CPUs: that takes two seconds."""
        return is_installed("torch") and "+cpu" not in version("torch") and bool(extra("torch").cuda.is_available())

    def embed_rows(self, modality: Modality, rows: pa.Table) -> Vectors:
        """Unit vectors [N, dim] float32 of records as rows with ``ROW_COLUMNS``, by torch. It reads nothing from the catalogue and
        fills no cache, so many processes can use it at a time; an article's features are computed again each time."""
        return vectors_of_rows(self.trained, modality, rows)

    def search(
        self,
        asked: Question | str | None = None,
        *,
        image: str | Path | bytes | None = None,
        place: Place | None = None,
        pictures: Pictures = no_pictures,
        skip: int = 0,
        **settings: Any,
    ) -> Answer:
        """Answer a ``Question``, or what ``Question.of`` makes of a text, an image, a place (or several of these) and ``settings``,
        as in ``search("salt flat", kinds=("articles",), k=3, filter={"countries": "Bolivia"})``. Answers come from the ``kinds``
        of the question, or from all indexed ones that the filter fits. ``pictures`` reads images given only by name; ``skip`` omits
        the first hits of each kind. Coordinates and constraints in the texts are read first (``retrieval.asking.sentence``), unless
        the question is ``verbatim``; the answer's ``question`` is the one that was understood.

        Raises ``InputError`` or ``ConfigError`` for an invalid question, ``CatalogueError`` for a modality that is not indexed.
        """
        times = [time.perf_counter()]
        question, said = read_question(_question(asked, image, place, settings))
        vectors = plain = question.embed(self, pictures)
        notes, names = (*said, *self._unread(question)), self._names(question, vectors)
        times.append(time.perf_counter())
        if question.centred:
            vectors = centred_query(vectors, {modality: manifest.mean for modality, manifest in self.manifests.items()})
        wanted = question.kinds or self._fitting(question.filter)
        if not wanted:
            raise CatalogueError(
                f"nothing in {self.catalogue.uri} is indexed; run `placebind index build --catalogue {self.catalogue.uri}`"
            )
        searchers = [self.searcher(modality) for modality in wanted]
        how = _as_written(question.how, [searcher.snapshot for searcher in searchers])
        mass = Mass.of(names, question.text)

        def ranked_by(searcher: Searcher) -> Ranked:
            added = searcher.added(mass, self.checkpoint.temperature) if mass else None
            return searcher.search(vectors, question.k + skip, how, question.text, added)

        with ThreadPoolExecutor(len(wanted) + 1) as pool:  # each thread waits for its own table
            ranked = list(pool.map(ranked_by, searchers))
            found = dict(zip(wanted, ranked, strict=True))
            origin = vectors.origin or self._best_location(vectors, how, found, mass)
            times.append(time.perf_counter())
            confidence = pool.submit(self._confidence, question, plain, origin, mass)
            hits = dict(zip(wanted, pool.map(partial(self._hits, origin=origin, skip=skip), wanted, ranked), strict=True))
        ways = {modality: ranked.way for modality, ranked in found.items()}
        times.append(time.perf_counter())
        stages_ms = dict(zip(STAGES, (1000 * np.diff(times)).tolist(), strict=True))
        return Answer(question, origin, hits, ways, vectors, stages_ms, confidence=confidence.result(), notes=notes, names=names)

    def _unread(self, question: Question) -> tuple[str, ...]:
        texts = [part.text[:READ_CHARACTERS] for part in question.parts if part.text is not None]
        return reading_notes(texts, self.encoders("articles").reads) if texts else ()

    def _names(self, question: Question, vectors: QueryVectors) -> tuple[Named, ...]:
        """The places that the texts of a question name, if it looks them up. The model's heat decides what is unclear. Without the
        [demo] extra there are no names to look up."""
        text = question.text
        if not question.names or question.centred or not text.strip() or not names_are_known():
            return ()
        warmth = self.warmth_of(text, vectors if question.is_one_text else None)
        return names_of(text, self.gazetteers, warmth, question.meant, _allowed(question.filter.area()))

    @once
    def gazetteers(self) -> list[NameIndex]:
        """Where names are looked up: the world's, and those that the catalogue brought."""
        own = catalogue_names(self.catalogue)
        return [world_names(), *([own] if own else [])]

    def warmth_of(self, text: str, vectors: QueryVectors | None = None) -> Warmth | None:
        """The model's heat for a text at any places, as a logarithm; None where it is not known."""
        temperature = self.checkpoint.temperature
        if "locations" not in self.manifests or not temperature:
            return None

        def warmth(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            asked = self.embed_texts([text]) if vectors is None else vectors.vectors
            return np.asarray(self._cosines_near(asked, lat, lon) / temperature, np.float64)

        return warmth

    def _cosines_near(self, queries: Vectors, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        """[N]: of the location nearest to each point, the best over the queries [P, D]."""
        nearest = self.cells.nearest(lat, lon)
        best: Vectors = (self.cells.vectors[nearest].astype(np.float32) @ queries.T).max(axis=1)
        return best

    def explain(self, answer: Answer) -> Answer:
        """The same answer, which also says for each hit what every part of the query adds to its score, and which named place is
        nearest."""
        why: dict[str, Explanation] = {}
        for modality, hits in answer.hits.items():
            why |= self._why(answer, modality, hits) if hits else {}
        return replace(answer, why=why)

    def heat(self, asked: Question | str, *, pictures: Pictures = no_pictures) -> Heat:
        """How well every location fits the question. Constraints in its texts stay words: a heat map is of the whole Earth. Raises
        ``CatalogueError`` if the locations are not indexed."""
        question, said = read_question(_question(asked, None, None, {}), filters=False)
        vectors = question.embed(self, pictures)
        names = self._names(question, vectors)
        mass = Mass.of(names, question.text)
        added = self.searcher("locations").added(mass, self.checkpoint.temperature) if mass else None
        heat = heat_of(self.cells, vectors.vectors, self.checkpoint.temperature, added)
        return replace(heat, notes=(*said, *self._unread(question)), names=names)

    @once
    def cells(self) -> Cells:
        """The locations as cells of a heat map."""
        snapshot = self.searcher("locations").snapshot
        return Cells(
            snapshot.vectors, snapshot.places, model_digest=self.checkpoint.digest, folder=snapshot.folder,
            cosines=snapshot.cosines,
        )  # fmt: skip

    @once
    def bridge(self) -> Bridge:
        """Leads from texts to tiles and from pictures to articles through position."""
        return Bridge(self.embed_places, self.checkpoint.digest_of("locations")[:12])

    @once
    def confident(self) -> Confident | None:
        """Says how sure an answer to a text is; None where locations are not indexed."""
        return Confident.of(self.cells, self.checkpoint) if "locations" in self.manifests else None

    @once
    def named_places(self) -> NamedPlaces | None:
        """The locations that have a name; None where locations are not indexed."""
        return NamedPlaces(self.searcher("locations").snapshot) if "locations" in self.manifests else None

    def searcher(self, modality: Modality) -> Searcher:
        """What searches one modality. Raises ``CatalogueError`` if that is not indexed."""
        with lock_of(self):
            if modality not in self._searchers:
                self._searchers[modality] = Searcher(open_snapshot(self.catalogue, modality), self.backend, self.bridge)
            return self._searchers[modality]

    def _best_location(self, vectors: QueryVectors, how: How, found: dict[Modality, Ranked], mass: Mass | None) -> Place | None:
        """Where the query fits best of all places that the filter allows, None if that is none: known if the locations were
        searched by meaning alone."""
        if "locations" not in self.manifests:
            return None
        area = how.filter.area()
        searcher, plain = self.searcher("locations"), How(filter=area, centred=how.centred, direct=how.direct)
        added = searcher.added(mass, self.checkpoint.temperature) if mass else None
        known = (
            found["locations"] if "locations" in found and how.model_copy(update={"names": True, "meant": ()}) == plain else None
        )
        best = known or searcher.search(vectors, 1, plain, "", added)
        if not len(best.rows):
            return None
        lat, lon = searcher.snapshot.places[best.rows[0]]
        place = Place(lat=float(lat), lon=float(lon))
        if mass is None or added is None:
            return place
        score = float(best.scores[0] + added.at(best.rows[:1])[0])

        def cosines_near(places: list[Place]) -> Vectors:
            return self._cosines_near(vectors.vectors, [each.lat for each in places], [each.lon for each in places])

        return best_place(place, score, mass, added, cosines_near, _allowed(area))

    def _confidence(self, question: Question, vectors: QueryVectors, best: Place | None, mass: Mass | None) -> Confidence | None:
        """For one text, by its plain cosines: nothing else was calibrated."""
        if not question.is_one_text or question.centred or best is None or self.confident is None:
            return None
        searcher = self.searcher("locations")
        added = searcher.added(mass, self.checkpoint.temperature) if mass else None
        return self.confident(vectors.vectors[0], best, added, question.filter.area().rows(searcher.snapshot))

    def _why(self, answer: Answer, modality: Modality, hits: Sequence[Hit]) -> dict[str, Explanation]:
        assert answer.vectors is not None
        searcher, query = self.searcher(modality), answer.vectors
        snapshot, crossing = searcher.snapshot, searcher.crossing(query, answer.question)
        records = searcher.records(snapshot.row_of([hit.id for hit in hits]))
        if crossing:
            cosines, lengths = crossing.cosines(records), crossing.lengths
        else:
            seen = centred(records.vectors, snapshot.manifest.mean) if answer.question.centred else records.vectors
            cosines, lengths = query.parts @ seen.T, query.lengths
        why = {}
        for hit, vector, parts in zip(hits, records.vectors, cosines.T, strict=True):
            near = self.named_places.nearest(hit.place, vector) if self.named_places else None
            named = near if near and near.id != hit.id else None
            why[hit.id] = Explanation(tuple(contributions(query, parts, lengths)), named)
        return why

    def _fitting(self, asked: Filter) -> tuple[Modality, ...]:
        """The kinds of records that have all columns of a filter; of a condition that no kind has them all for, every one, as the
        error is then Lance's to explain."""
        fitting = tuple(modality for modality in self.manifests if asked.fits(modality))
        if not asked.where:
            return fitting
        snapshots = {modality: self.searcher(modality).snapshot for modality in fitting}
        names = {name for snapshot in snapshots.values() for name in snapshot.columns}
        return tuple(each for each in fitting if not snapshots[each].lacks(asked.where, names)) or fitting

    def _hits(self, modality: Modality, ranked: Ranked, *, origin: Place | None, skip: int) -> list[Hit]:
        records = self.searcher(modality).snapshot.shown(ranked.rows[skip:])
        found, hits = zip(records, ranked.scores[skip:], ranked.percentiles[skip:], strict=True), []
        for rank, (record, score, percentile) in enumerate(found, start=skip + 1):
            place = Place(lat=record["lat"], lon=record["lon"])
            hits.append(
                Hit(
                    rank=rank, modality=modality, id=record["id"], title=record["title"], place=place, score=float(score),
                    percentile=float(percentile),
                    distance_km=float(geodesic_km(origin.lat, origin.lon, place.lat, place.lon)) if origin else None,
                    url=record["url"], country=record["country"], snippet=record["snippet"], own=record["own"],
                )
            )  # fmt: skip
        return hits


def _question(
    asked: Question | str | None, image: str | Path | bytes | None, place: Place | None, settings: dict[str, Any]
) -> Question:
    if not isinstance(asked, Question):
        return Question.of(asked, image=image, place=place, **settings)
    if image is not None or place is not None:
        raise InputError("a Question has images and places among its parts; put them there")
    return asked.changed(**settings) if settings else asked


def _allowed(area: Filter) -> Allowed | None:
    """Whether a filter allows places; None where it allows all."""
    if area == Filter.parse({}):
        return None

    def allowed(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        inside = np.zeros(len(lat), dtype=bool)
        inside[area.positions(Whereabouts(np.stack([lat, lon], axis=1)))] = True
        return inside

    return allowed


def _as_written(how: How, snapshots: Sequence[Snapshot]) -> How:
    """The same with countries as the records write them. Raises ``InputError`` for a country that no record is in: it would
    silently filter everything away."""
    if not how.filter.countries:
        return how
    known = frozenset[str]().union(*(snapshot.values("country") for snapshot in snapshots))
    countries = [name for country in how.filter.countries for name in as_written(country, known) or [_unknown(country, known)]]
    return How.parse({**dict(how), "filter": {**dict(how.filter), "countries": countries}}, where="question")


def _unknown(country: str, known: Collection[str]) -> str:
    near = near_names(country, known)
    written = f"countries here are written as {', '.join(sorted(known)[:3])}" if known else "leave it out"
    remedy = f"did you mean {' or '.join(near)}?" if near else written
    raise InputError(f"no record that is searched is in a country '{country[:60]}'; {remedy}")
