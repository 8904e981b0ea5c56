"""Training data from the catalogue: which records, where they are, and their batches.

Texts enter as cached features of the frozen tower; tiles are read by row from Lance when their batch comes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from index.catalogue import Catalogue
from index.errors import CatalogueError
from index.pixels import decode_pixels
from index.records import Modality
from index.vectors import FeatureCache
from train.sampling import block_weights

TRAINING = "split IS NULL OR split IN ('', 'train')"
VALIDATION = "split = 'val'"
SENTENCES = 4
SENTENCE_CHARACTERS = 2_000  # of a text are looked through for them
KEPT_TILES_BYTES = 2**30  # prepared tiles held in memory; what does not fit is read again for each batch
PreparedTile = tuple[str, Tensor, Tensor]  # sensor, pixels [C, S, S], band mask [C]
TILE_COLUMNS = ("bands", "sensor", "height", "width", "dtype", "pixels")


class Batch(Protocol):
    """Some records of one modality with their places: ``lat``, ``lon`` [B] in degrees."""

    modality: Modality
    lat: Tensor
    lon: Tensor

    def encode(self, encoder: nn.Module) -> Tensor:
        """[B, D] of these records, in order."""
        ...

    def to(self, device: torch.device) -> Batch: ...


@dataclass
class ArticleBatch:
    features: Tensor  # [B, F]
    lat: Tensor
    lon: Tensor
    modality: Modality = "articles"

    def encode(self, encoder: nn.Module) -> Tensor:
        return encoder(self.features)

    def to(self, device: torch.device) -> ArticleBatch:
        return ArticleBatch(self.features.to(device), self.lat.to(device), self.lon.to(device))


@dataclass
class TileBatch:
    """Tiles grouped by sensor, because sensors have different bands: name -> (rows [n], pixels [n, C, S, S], mask [n, C])."""

    groups: dict[str, tuple[Tensor, Tensor, Tensor]]
    lat: Tensor
    lon: Tensor
    modality: Modality = "tiles"

    def encode(self, encoder: nn.Module) -> Tensor:
        parts = [(rows, encoder(pixels, present, sensor)) for sensor, (rows, pixels, present) in self.groups.items()]
        order = torch.cat([rows for rows, _ in parts]).argsort()
        return torch.cat([vectors for _, vectors in parts])[order]

    def to(self, device: torch.device) -> TileBatch:
        groups = {sensor: (r.to(device), p.to(device), m.to(device)) for sensor, (r, p, m) in self.groups.items()}
        return TileBatch(groups, self.lat.to(device), self.lon.to(device))


@dataclass
class Records:
    """The records of one modality that a run may draw from, and how to make a batch of some of them."""

    modality: Modality
    ids: list[str]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    collate: Callable[[npt.NDArray[np.int64], np.random.Generator | None], Any]

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, rows: npt.NDArray[np.int64], augment: np.random.Generator | None = None) -> Any:
        """A ``Batch`` of these rows; with a generator tiles are turned and mirrored at random."""
        return self.collate(rows, augment)


def article_records(
    catalogue: Catalogue, tower: Any, where: str, advance: Callable[[int], None] = lambda n: None, *, sentence_share: float = 0.0
) -> Records:
    """The articles that fulfil ``where``, their features computed where the catalogue does not have them yet.

    In augmented batches a share of the articles is stood for by one of its first sentences: people ask in a few words, and a
    tower that only ever saw whole articles places short texts badly.
    """
    rows = catalogue.column("articles", ["lat", "lon"], where=where)
    ids = rows["id"].to_pylist()
    features = torch.from_numpy(cached_features(catalogue, tower, ids, advance))
    lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
    sentences = _Sentences(catalogue, tower, ids, advance) if sentence_share else None

    def collate(chosen: npt.NDArray[np.int64], augment: np.random.Generator | None) -> ArticleBatch:
        seen = features[torch.from_numpy(chosen)]
        if sentences is not None and augment is not None:
            seen = sentences.mix(seen, chosen, sentence_share, augment)
        return ArticleBatch(seen, torch.from_numpy(lat[chosen]), torch.from_numpy(lon[chosen]))

    return Records("articles", ids, lat, lon, block_weights(lat, lon), collate)


class _Sentences:
    """Features of the first sentences of articles, cached like those of whole texts under '<article id>#<number>'."""

    def __init__(self, catalogue: Catalogue, tower: Any, ids: list[str], advance: Callable[[int], None]) -> None:
        texts = catalogue.rows("articles", ids, ["text"])["text"].to_pylist()
        counts = np.array([len(first_sentences(text)) for text in texts])
        names = [f"{id_}#{number}" for id_, count in zip(ids, counts, strict=True) for number in range(count)]
        self.features = torch.from_numpy(cached_features(catalogue, tower, names, advance))
        self.start, self.counts = np.cumsum(counts) - counts, counts

    def mix(self, features: Tensor, chosen: npt.NDArray[np.int64], share: float, rng: np.random.Generator) -> Tensor:
        """``features`` [B, F] of the chosen articles, a share of them replaced by those of one of their sentences."""
        count = self.counts[chosen]
        sentence = self.start[chosen] + np.floor(rng.random(len(chosen)) * count).astype(np.int64)
        replaced = (rng.random(len(chosen)) < share) & (count > 0)
        mixed = features.clone()
        mixed[torch.from_numpy(replaced)] = self.features[torch.from_numpy(sentence[replaced])]
        return mixed


def cached_features(
    catalogue: Catalogue, tower: Any, ids: Sequence[str], advance: Callable[[int], None] = lambda n: None, chunk: int = 1024
) -> npt.NDArray[np.float32]:
    """Features [N, F] of these articles, or of single sentences of them ('<article id>#<number>').

    Each computed chunk is committed, so that a stopped run goes on behind it.
    """
    cache = FeatureCache(catalogue, tower.feature_key, tower.feature_dim)
    missing = cache.missing(ids)
    advance(len(ids) - len(missing))
    for start in range(0, len(missing), chunk):
        part = missing[start : start + chunk]
        cache.add(part, tower.features(_texts(catalogue, part)))
        advance(len(part))
    return cache.read(ids)


def _texts(catalogue: Catalogue, ids: Sequence[str]) -> list[str]:
    """What a text tower reads of each id: the whole article, or one sentence."""
    articles = list(dict.fromkeys(id_.partition("#")[0] for id_ in ids))
    rows = catalogue.rows("articles", articles, ["title", "text"]).to_pylist()
    by_id = {row["id"]: row for row in rows}
    texts = []
    for article, _, number in (id_.partition("#") for id_ in ids):
        row = by_id[article]
        texts.append(first_sentences(row["text"])[int(number)] if number else whole_text(row["title"], row["text"]))
    return texts


def first_sentences(text: str) -> list[str]:
    """Up to ``SENTENCES`` first sentences that are long enough to say something."""
    parts = re.split(r"(?<=[.!?])\s+(?=\S)", text[:SENTENCE_CHARACTERS])
    return [part for part in parts if len(part) >= 30][:SENTENCES]


def whole_text(title: str | None, text: str) -> str:
    """What of an article is read by a text tower."""
    return f"{title}. {text}" if title and not text.startswith(title) else text


def tile_records(catalogue: Catalogue, tower: Any, where: str) -> Records:
    """The tiles that fulfil ``where``, of the sensors that the tower knows."""
    known = ", ".join(f"'{sensor}'" for sensor in tower.sensors)
    rows = catalogue.column("tiles", ["lat", "lon"], where=f"({where}) AND sensor IN ({known})")
    ids = rows["id"].to_pylist()
    lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()

    kept: dict[str, PreparedTile] = {}

    def collate(chosen: npt.NDArray[np.int64], augment: np.random.Generator | None) -> TileBatch:
        wanted = [ids[row] for row in chosen]
        fresh = [id_ for id_ in wanted if id_ not in kept]
        found = dict(zip(fresh, read_tiles(catalogue, fresh, tower), strict=True))
        prepared = [kept[id_] if id_ in kept else found[id_] for id_ in wanted]
        room = KEPT_TILES_BYTES - sum(pixels.nbytes for _, pixels, _ in kept.values())
        kept.update(itertools.islice(found.items(), max(0, room // max(pixels.nbytes for _, pixels, _ in prepared))))
        return group_tiles(prepared, lat[chosen], lon[chosen], augment)

    return Records("tiles", ids, lat, lon, block_weights(lat, lon), collate)


def read_tiles(catalogue: Catalogue, ids: Sequence[str], tower: Any) -> list[PreparedTile]:
    """Decode the tiles with these ids and prepare them for ``tower``."""
    rows = catalogue.rows("tiles", ids, TILE_COLUMNS).to_pylist()
    prepared = []
    for row in rows:
        pixels = decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"])
        prepared.append((row["sensor"], *tower.prepare(pixels, tuple(row["bands"]), row["sensor"])))
    return prepared


def group_tiles(
    prepared: Sequence[PreparedTile],
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    augment: np.random.Generator | None = None,
) -> TileBatch:
    """A batch of prepared tiles, turned and mirrored at random where there is a generator."""
    groups = {}
    for sensor in dict.fromkeys(sensor for sensor, _, _ in prepared):
        members = [row for row, (name, _, _) in enumerate(prepared) if name == sensor]
        pixels = torch.stack([prepared[row][1] for row in members])
        if augment is not None:
            pixels = _turn(pixels, augment.integers(8, size=len(members)))
        groups[sensor] = (torch.tensor(members), pixels, torch.stack([prepared[row][2] for row in members]))
    return TileBatch(groups, torch.from_numpy(np.array(lat)), torch.from_numpy(np.array(lon)))


def _turn(images: Tensor, which: npt.NDArray[np.int64]) -> Tensor:
    """[N, C, S, S] each in one of the eight symmetries of a square (0 .. 7): seen from above, no direction is special."""
    turned = images.clone()
    for symmetry in range(1, 8):
        rows = torch.from_numpy(np.flatnonzero(which == symmetry))
        image = torch.rot90(images[rows], symmetry % 4, dims=(2, 3))
        turned[rows] = image.flip(3) if symmetry >= 4 else image
    return turned


def training_records(
    catalogue: Catalogue, model: Any, where: str, advance: Callable[[int], None] = lambda n: None, *, sentence_share: float = 0.0
) -> list[Records]:
    """All modalities of the catalogue that can be bound to position. Raises ``CatalogueError`` if there is nothing."""
    encoders, found = model.encoders, []
    if catalogue.count("articles", where):
        found.append(article_records(catalogue, encoders["articles"], where, advance, sentence_share=sentence_share))
    if catalogue.count("tiles", where):
        tiles = tile_records(catalogue, encoders["tiles"], where)
        found += [tiles] if len(tiles) else []
    found = [records for records in found if len(records) >= 2]
    if not found:
        raise CatalogueError(f"{catalogue.uri} has no articles or tiles to learn from ({where}); add some with `placebind ingest`")
    return found
