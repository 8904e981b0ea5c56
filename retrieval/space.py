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
from index.registry import load
from index.sources.geotiff_tiles import read_tile
from index.vectors import manifest_of, mismatch, read_embeddings
from train.articles import article_batch, query_parts
from train.checkpoint import Checkpoint
from train.precision import choose_device
from train.tiles import group_tiles, tile_batch

Vectors = npt.NDArray[np.float32]
SNIPPET_CHARACTERS = 160


@dataclass(frozen=True)
class Answer:
    """What a query found: ranked hits of each modality asked. ``origin`` is the place that ``distance_km`` is measured from: the
    place asked for, that of the image, or for a text the best location."""

    query: str
    origin: Place | None
    hits: dict[Modality, list[Hit]] = field(default_factory=dict)

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

    def __init__(self, checkpoint: Checkpoint, catalogue: Catalogue, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.catalogue = catalogue
        self.device = choose_device(device)
        self._encoders: dict[Modality, Any] = {}
        self._backends: dict[Modality, Any] = {}

    @classmethod
    def open(cls, checkpoint: str | Path, catalogue: str | Path, device: str = "auto") -> Space:
        """Raises ``CheckpointError``, ``CatalogueError``, or ``ModelMismatchError`` if the vectors are of another model."""
        space = cls(Checkpoint.open(Path(checkpoint)), Catalogue.open(catalogue), device)
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
        into: Sequence[Modality] = (),
        k: int = 10,
    ) -> Answer:
        """Ask with exactly one of a text, a GeoTIFF file or a place; answers come from the modalities ``into`` (all indexed ones).

        Raises ``InputError`` for anything else, ``CatalogueError`` for a modality that is not indexed.
        """
        if sum(each is not None for each in (text, image, place)) != 1:
            raise InputError("ask with exactly one of a text, an image or a place (lat and lon)")
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}")
        if text is not None:
            vector, origin, asked = self.embed_texts([text]), None, text
        elif image is not None:
            tile = _read_image(Path(image))
            vector, origin, asked = self.embed_tiles([tile]), tile.place, str(image)
        else:
            assert place is not None
            vector, origin, asked = self.embed_places(place.lat, place.lon), place, f"{place.lat}, {place.lon}"
        if origin is None and "locations" in self.manifests:
            rows, _ = self._backend("locations").search(vector, 1)
            lat, lon = self._backend("locations").embeddings.places[rows[0, 0]]
            origin = Place(lat=float(lat), lon=float(lon))
        wanted = into or tuple(self.manifests)
        if not wanted:
            raise CatalogueError(
                f"nothing in {self.catalogue.uri} is indexed; run `placebind index --catalogue {self.catalogue.uri}`"
            )
        return Answer(asked, origin, {modality: self._hits(modality, vector, k, origin) for modality in wanted})

    def _hits(self, modality: Modality, vector: Vectors, k: int, origin: Place | None) -> list[Hit]:
        backend = self._backend(modality)
        rows, cosines = backend.search(vector, k)
        ids = [backend.embeddings.ids[row] for row in rows[0]]
        columns = ["lat", "lon", "title", "url", "country"] + (["text"] if modality == "articles" else [])
        records = self.catalogue.rows(modality, ids, columns).to_pylist()
        hits = []
        for rank, (record, cosine) in enumerate(zip(records, cosines[0], strict=True), start=1):
            place = Place(lat=record["lat"], lon=record["lon"])
            hits.append(
                Hit(
                    rank=rank, modality=modality, id=record["id"], title=record["title"], place=place, score=float(cosine),
                    distance_km=float(geodesic_km(origin.lat, origin.lon, place.lat, place.lon)) if origin else None,
                    url=record["url"], country=record["country"], snippet=record.get("text", "")[:SNIPPET_CHARACTERS],
                )
            )  # fmt: skip
        return hits

    def _backend(self, modality: Modality) -> Any:
        if modality not in self._backends:
            embeddings = read_embeddings(self.catalogue, modality)
            self._backends[modality] = load("index.backends", "exact").build(embeddings=embeddings)
        return self._backends[modality]

    def _embed_batch(self, modality: Modality, batch: Any) -> Vectors:
        with torch.inference_mode():
            return _unit(batch.to(self.device).encode(self.encoder(modality)))


def _read_image(path: Path) -> Tile:
    try:
        return read_tile(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _unit(vectors: torch.Tensor) -> Vectors:
    return F.normalize(vectors.float(), dim=-1).cpu().numpy()
