"""The shared space: a checkpoint's encoders and a catalogue's vectors, opened together after a check that they belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from index.catalogue import Catalogue
from index.errors import CatalogueError, InputError
from index.geo import geodesic_km
from index.manifest import Manifest
from index.records import MODALITIES, Hit, Modality, Place, Tile
from index.snapshot import open_snapshot
from index.vectors import manifest_of, mismatch
from retrieval.calibrate import centred_query
from retrieval.cells import Cells
from retrieval.heat import Heat, heat_of
from retrieval.parts import Part
from retrieval.query import Query, QueryVectors
from retrieval.search import How, Ranked, Searcher
from train.articles import article_batch, query_parts
from train.checkpoint import Checkpoint
from train.precision import choose_device
from train.tiles import group_tiles, tile_batch

Vectors = npt.NDArray[np.float32]
SNIPPET_CHARACTERS = 160


@dataclass(frozen=True)
class Answer:
    """What a query found: ranked hits of each modality asked. ``origin`` is the place that ``distance_km`` is measured from: the
    place asked for, that of the image, or for a text the best location. ``ways`` tells how each modality was searched, and
    ``vectors`` what with."""

    query: str
    origin: Place | None
    hits: dict[Modality, list[Hit]] = field(default_factory=dict)
    ways: dict[Modality, str] = field(default_factory=dict)
    vectors: QueryVectors | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Hit]:
        return (hit for hits in self.hits.values() for hit in hits)

    def as_dict(self) -> dict[str, Any]:
        origin = {"lat": self.origin.lat, "lon": self.origin.lon} if self.origin else None
        return {
            "query": self.query,
            "origin": origin,
            "hits": {m: [hit.as_dict() for hit in hits] for m, hits in self.hits.items()},
        }

    def to_geodataframe(self) -> Any:
        """All hits as a ``geopandas.GeoDataFrame`` of points in EPSG:4326, one row a hit."""
        import geopandas

        rows = [hit.as_dict() for hit in self]
        points = geopandas.points_from_xy([row["lon"] for row in rows], [row["lat"] for row in rows])
        return geopandas.GeoDataFrame(rows, geometry=points, crs="EPSG:4326")


class Space:
    """Open with ``Space.open(checkpoint, catalogue)``, ask with ``search``. Encoders and vectors are loaded when first needed."""

    def __init__(self, checkpoint: Checkpoint, catalogue: Catalogue, device: str = "auto", backend: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.backend = backend
        self.catalogue = catalogue
        self.device = choose_device(device)
        self._encoders: dict[Modality, Any] = {}
        self._searchers: dict[Modality, Searcher] = {}

    @classmethod
    def open(cls, checkpoint: str | Path, catalogue: str | Path, device: str = "auto", backend: str = "auto") -> Space:
        """``backend`` is one of index.backends, or auto: exact up to 200,000 records, FAISS above.

        Raises ``CheckpointError``, ``CatalogueError``, or ``ModelMismatchError`` if the vectors are of another model."""
        space = cls(Checkpoint.open(Path(checkpoint)), Catalogue.open(catalogue), device, backend)
        for modality, manifest in space.manifests.items():
            if manifest.model_digest != space.checkpoint.digest:
                raise mismatch(modality, manifest.model_digest, space.checkpoint.digest)
        return space

    @cached_property
    def manifests(self) -> dict[Modality, Manifest]:
        """The manifests of the tables that are indexed."""
        found = {modality: manifest_of(self.catalogue, modality) for modality in MODALITIES if self.catalogue.has(modality)}
        return {modality: manifest for modality, manifest in found.items() if manifest}

    @property
    def dim(self) -> int:
        return self.checkpoint.card.config.dim

    def encoder(self, modality: Modality) -> Any:
        if modality not in self._encoders:
            self._encoders[modality] = self.checkpoint.encoder(modality, self.device)
        return self._encoders[modality]

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [N, dim] float32. Raises ``InputError`` for an empty text."""
        if any(not text.strip() for text in texts):
            raise InputError("the query text is empty; say what to look for")
        tower = self.encoder("articles")
        parts, present = query_parts(tower, texts)
        with torch.inference_mode():
            return _unit(tower(parts.to(self.device), present.to(self.device)))

    def embed_places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        """Unit vectors [N, dim] float32 of points in WGS84 degrees, each [N]."""
        lats, lons = (torch.from_numpy(np.atleast_1d(np.array(each, dtype=np.float64))).to(self.device) for each in (lat, lon))
        with torch.inference_mode():
            return _unit(self.encoder("locations")(lats, lons))

    def embed_tiles(self, tiles: Sequence[Tile]) -> Vectors:
        """Unit vectors [N, dim] float32. Raises ``InputError`` for a sensor that the model never saw."""
        tower = self.encoder("tiles")
        for tile in tiles:
            if tile.sensor not in self.checkpoint.card.sensors:
                raise InputError(
                    f"the model has learnt {', '.join(self.checkpoint.card.sensors)} images, this one is {tile.sensor}; "
                    "ingest such tiles and train with them"
                )
        prepared = [(tile.sensor, *tower.prepare(tile.pixels, tile.bands, tile.sensor)) for tile in tiles]
        places = np.array([(tile.place.lat, tile.place.lon) for tile in tiles])
        return self._embed_batch("tiles", group_tiles(prepared, places[:, 0], places[:, 1]))

    def embed_records(self, modality: Modality, ids: Sequence[str]) -> Vectors:
        """Unit vectors [N, dim] float32 of records in the catalogue, in the order of ``ids``."""
        rows = self.catalogue.rows(modality, ids, ["lat", "lon"])
        lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
        if modality == "locations":
            return self.embed_places(lat, lon)
        make_batch = article_batch if modality == "articles" else tile_batch
        return self._embed_batch(modality, make_batch(self.catalogue, self.encoder(modality), ids, lat, lon))

    def search(
        self,
        text: str | None = None,
        *,
        image: str | Path | None = None,
        place: Place | None = None,
        query: Query | None = None,
        into: Sequence[Modality] = (),
        k: int = 10,
        how: How | None = None,
    ) -> Answer:
        """Ask with exactly one of a text, a GeoTIFF file, a place, or a ``Query`` of several of these; answers come from the
        modalities ``into`` (all indexed ones that ``how`` can filter).

        Raises ``InputError`` for anything else, ``CatalogueError`` for a modality that is not indexed.
        """
        asked = _query(text, image, place, query)
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        how = how or How()
        vectors = asked.embed(self)
        if how.calibrated:
            vectors = centred_query(vectors, {modality: manifest.mean for modality, manifest in self.manifests.items()})
        origin = vectors.origin
        if origin is None and "locations" in self.manifests:
            best = self.searcher("locations").search(vectors, 1, How(calibrated=how.calibrated))
            lat, lon = self.searcher("locations").snapshot.places[best.rows[0]]
            origin = Place(lat=float(lat), lon=float(lon))
        wanted = tuple(into) or tuple(modality for modality in self.manifests if how.filter.fits(modality))
        if not wanted:
            raise CatalogueError(
                f"nothing in {self.catalogue.uri} is indexed; run `placebind index --catalogue {self.catalogue.uri}`"
            )
        words = " ".join(part.what for part in asked.parts if isinstance(part.what, str) and part.weight > 0)
        found = {modality: self.searcher(modality).search(vectors, k, how, words) for modality in wanted}
        hits = {modality: self._hits(modality, ranked, origin) for modality, ranked in found.items()}
        ways = {modality: ranked.way for modality, ranked in found.items()}
        return Answer(" + ".join(part.label for part in asked.parts), origin, hits, ways, vectors)

    def heat(self, query: Query) -> Heat:
        """How well every location fits a query. Raises ``CatalogueError`` if the locations are not indexed."""
        return heat_of(self.cells, query.embed(self).vectors)

    @cached_property
    def cells(self) -> Cells:
        """The locations as cells of a heat map."""
        snapshot = self.searcher("locations").snapshot
        return Cells(snapshot.vectors, snapshot.places, model_digest=self.checkpoint.digest)

    def searcher(self, modality: Modality) -> Searcher:
        """What searches one modality. Raises ``CatalogueError`` if that is not indexed."""
        if modality not in self._searchers:
            self._searchers[modality] = Searcher(open_snapshot(self.catalogue, modality), self.backend)
        return self._searchers[modality]

    def _hits(self, modality: Modality, ranked: Ranked, origin: Place | None) -> list[Hit]:
        columns = ["id", "lat", "lon", "title", "url", "country"] + (["text"] if modality == "articles" else [])
        records = self.searcher(modality).snapshot.take(ranked.rows, columns).to_pylist()
        hits = []
        for rank, (record, score, percentile) in enumerate(zip(records, ranked.scores, ranked.percentiles, strict=True), start=1):
            place = Place(lat=record["lat"], lon=record["lon"])
            hits.append(
                Hit(
                    rank=rank, modality=modality, id=record["id"], title=record["title"], place=place, score=float(score),
                    percentile=float(percentile),
                    distance_km=float(geodesic_km(origin.lat, origin.lon, place.lat, place.lon)) if origin else None,
                    url=record["url"], country=record["country"], snippet=record.get("text", "")[:SNIPPET_CHARACTERS],
                )
            )  # fmt: skip
        return hits

    def _embed_batch(self, modality: Modality, batch: Any) -> Vectors:
        with torch.inference_mode():
            return _unit(batch.to(self.device).encode(self.encoder(modality)))


def _query(text: str | None, image: str | Path | None, place: Place | None, query: Query | None) -> Query:
    given = [each for each in (text, Path(image) if image is not None else None, place, query) if each is not None]
    if len(given) != 1:
        raise InputError("ask with exactly one of a text, an image, a place (lat and lon) or a query made of several")
    return given[0] if isinstance(given[0], Query) else Query((Part(given[0]),))


def _unit(vectors: torch.Tensor) -> Vectors:
    return F.normalize(vectors.float(), dim=-1).cpu().numpy()
