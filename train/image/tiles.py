"""Tiles on their way into a batch: read by row from Lance when their batch is due, or as cached features of a frozen tower."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn

from index.imagery.pixels import decode_pixels
from index.records import Modality
from index.store.catalogue import Catalogue
from index.store.vectors import FeatureCache
from train.batching.batches import Chances, Records
from train.image.context import UNKNOWN, context_of, month_of, still_known
from train.image.hidden_bands import OftenShown, often_shown, still_shown
from train.image.prepared import TILE_COLUMNS
from train.precision import choose_device
from train.protocols import FrozenImageEncoder, ImageEncoder, ReadsContext, is_frozen

KEPT_TILES_BYTES = 2**30  # prepared tiles held in memory; the others are read again for each batch
FEATURE_CHUNK = 64


class PreparedTile(NamedTuple):
    """A tile as a tower sees it: ``pixels`` [C, S, S], band mask ``present`` [C], and how it was taken, ``context`` [K]."""

    sensor: str
    pixels: Tensor
    present: Tensor
    context: Tensor = UNKNOWN


@dataclass
class TileGroup:
    """Tiles of a batch that have the same shape: ``pixels`` [n, C, S, S], ``present`` [n, C], ``context`` [n, K]; ``rows`` [n] are
    those of the batch."""

    sensor: str
    rows: Tensor
    pixels: Tensor
    present: Tensor
    context: Tensor

    def encode(self, encoder: nn.Module) -> Tensor:
        if isinstance(encoder, ReadsContext):
            return encoder(self.pixels, self.present, self.sensor, self.context)
        vectors: Tensor = encoder(self.pixels, self.present, self.sensor)
        return vectors

    def features(self, tower: FrozenImageEncoder) -> Tensor:
        return tower.features(self.pixels, self.present, self.sensor, self.context)

    def to(self, device: torch.device) -> TileGroup:
        return TileGroup(self.sensor, *(each.to(device) for each in (self.rows, self.pixels, self.present, self.context)))


@dataclass
class TileBatch:
    """Tiles grouped by sensor, because sensors have different bands, and by size, because some towers read tiles as they are."""

    groups: list[TileGroup]
    lat: Tensor
    lon: Tensor
    modality: Modality = "tiles"

    def encode(self, encoder: nn.Module) -> Tensor:
        return self._in_order([(group.rows, group.encode(encoder)) for group in self.groups])

    def features(self, tower: FrozenImageEncoder) -> Tensor:
        """[B, F] of a frozen tower."""
        return self._in_order([(group.rows, group.features(tower)) for group in self.groups])

    def to(self, device: torch.device) -> TileBatch:
        return TileBatch([group.to(device) for group in self.groups], self.lat.to(device), self.lon.to(device))

    @staticmethod
    def _in_order(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
        order = torch.cat([rows for rows, _ in parts]).argsort()
        return torch.cat([vectors for _, vectors in parts])[order]


@dataclass
class TileFeatureBatch:
    """Cached features [B, F] of a frozen tower, for which only the head remains to run."""

    features: Tensor
    lat: Tensor
    lon: Tensor
    modality: Modality = "tiles"

    def encode(self, encoder: nn.Module) -> Tensor:
        head: nn.Module = encoder.head  # type: ignore[assignment]
        return head(self.features)

    def to(self, device: torch.device) -> TileFeatureBatch:
        return TileFeatureBatch(self.features.to(device), self.lat.to(device), self.lon.to(device))


def tile_records(
    catalogue: Catalogue,
    tower: ImageEncoder,
    where: str,
    advance: Callable[[int], None] = lambda n: None,
    *,
    few_bands_share: float = 0.0,
    hidden_context_share: float = 0.0,
) -> Records:
    """The tiles that match ``where``, of the sensors that the tower knows. Tiles of a frozen tower are not augmented; of the others
    a share loses most of its bands for a batch (train/image/hidden_bands.py), and a share its level or month
    (train/image/context.py)."""
    known = ", ".join(f"'{sensor}'" for sensor in tower.sensors)
    rows = catalogue.column("tiles", ["lat", "lon", "source", "date"], where=f"({where}) AND sensor IN ({known})")
    ids, lat, lon = rows["id"].to_pylist(), rows["lat"].to_numpy(), rows["lon"].to_numpy()
    collate = (
        _features_of(catalogue, tower, ids, lat, lon, advance)
        if is_frozen(tower)
        else _pixels_of(catalogue, tower, ids, lat, lon, few_bands_share, hidden_context_share)
    )
    months = [month_of(date or "") for date in rows["date"].to_pylist()]
    occasions = list(zip((source or "" for source in rows["source"].to_pylist()), months, strict=True))
    return Records("tiles", ids, lat, lon, collate, occasions=occasions)


def _features_of(
    catalogue: Catalogue, tower: FrozenImageEncoder, ids: list[str], lat: Any, lon: Any, advance: Callable[[int], None]
) -> Callable[..., TileFeatureBatch]:
    features = torch.from_numpy(cached_tile_features(catalogue, tower, ids, advance))

    def collate(chosen: npt.NDArray[np.int64], chances: Chances | None) -> TileFeatureBatch:
        return TileFeatureBatch(features[torch.from_numpy(chosen)], torch.from_numpy(lat[chosen]), torch.from_numpy(lon[chosen]))

    return collate


def _pixels_of(
    catalogue: Catalogue,
    tower: ImageEncoder,
    ids: list[str],
    lat: Any,
    lon: Any,
    few_bands_share: float,
    hidden_context_share: float,
) -> Callable[..., TileBatch]:
    kept: dict[str, PreparedTile] = {}
    often = often_shown(tower) if few_bands_share else {}

    def collate(chosen: npt.NDArray[np.int64], chances: Chances | None) -> TileBatch:
        wanted = [ids[row] for row in chosen]
        fresh = [id_ for id_ in wanted if id_ not in kept]
        found = dict(zip(fresh, read_tiles(catalogue, fresh, tower), strict=True))
        prepared = [kept[id_] if id_ in kept else found[id_] for id_ in wanted]
        room = KEPT_TILES_BYTES - sum(tile.pixels.nbytes for tile in kept.values())
        kept.update(itertools.islice(found.items(), max(0, room // max(tile.pixels.nbytes for tile in prepared))))
        batch = group_tiles(prepared, lat[chosen], lon[chosen], chances)
        if chances is None:
            return batch
        batch = _with_few_bands(batch, often, chances, few_bands_share) if often else batch
        return _with_little_context(batch, chances, hidden_context_share) if hidden_context_share else batch

    return collate


def _with_few_bands(batch: TileBatch, often: OftenShown, chances: Chances, share: float) -> TileBatch:
    """The batch with some bands of some tiles hidden, as if the tiles lacked them (``prepare_tile``)."""
    groups = []
    for group in batch.groups:
        shown = still_shown(group.present, often[group.sensor], chances[group.rows.numpy(), 1], share)
        groups.append(replace(group, pixels=group.pixels * shown[:, :, None, None], present=shown))
    return replace(batch, groups=groups)


def _with_little_context(batch: TileBatch, chances: Chances, share: float) -> TileBatch:
    """The batch with level and month of some tiles hidden. Which eighth a first chance is in says how the tile is turned; where in
    the eighth is uniform too, and decides here."""
    within = 8 * chances[:, 0] % 1
    groups = [replace(group, context=still_known(group.context, within[group.rows.numpy()], share)) for group in batch.groups]
    return replace(batch, groups=groups)


def tile_batch(catalogue: Catalogue, tower: ImageEncoder, ids: Sequence[str], lat: Any, lon: Any) -> TileBatch | TileFeatureBatch:
    """These tiles as they are, in this order."""
    if not is_frozen(tower):
        return group_tiles(read_tiles(catalogue, ids, tower), lat, lon)
    features = torch.from_numpy(cached_tile_features(catalogue, tower, ids))
    return TileFeatureBatch(features, torch.from_numpy(np.array(lat)), torch.from_numpy(np.array(lon)))


def cached_tile_features(
    catalogue: Catalogue, tower: FrozenImageEncoder, ids: Sequence[str], advance: Callable[[int], None] = lambda n: None
) -> npt.NDArray[np.float32]:
    """Features [N, F] of these tiles, computed where the catalogue does not have them yet; each chunk is committed."""
    cache = FeatureCache(catalogue, tower.feature_key, tower.feature_dim)

    def make(part: list[str]) -> npt.NDArray[np.float32]:
        nowhere = np.zeros(len(part))
        tiles = group_tiles(read_tiles(catalogue, part, tower), nowhere, nowhere).to(choose_device("auto"))
        features: npt.NDArray[np.float32] = tiles.features(tower).cpu().numpy()
        return features

    return cache.fill(ids, make, FEATURE_CHUNK, advance)


def read_tiles(catalogue: Catalogue, ids: Sequence[str], tower: ImageEncoder) -> list[PreparedTile]:
    """Decode the tiles with these ids and prepare them for ``tower``."""
    return prepare_rows(catalogue.rows("tiles", ids, TILE_COLUMNS), tower)


def prepare_rows(rows: pa.Table, tower: ImageEncoder) -> list[PreparedTile]:
    """The tiles in these rows, which have ``TILE_COLUMNS``, prepared for ``tower``."""
    tiles = []
    for row in rows.select(TILE_COLUMNS).to_pylist():
        pixels = decode_pixels(row["pixels"], (len(row["bands"]), row["height"], row["width"]), row["dtype"])
        context = context_of(row["level"] or "", row["date"] or "")
        tiles.append(PreparedTile(row["sensor"], *tower.prepare(pixels, tuple(row["bands"]), row["sensor"]), context))
    return tiles


def group_tiles(
    prepared: Sequence[PreparedTile],
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    chances: Chances | None = None,
) -> TileBatch:
    """A batch of prepared tiles, rotated and mirrored at random if there are ``chances``."""
    alike: dict[tuple[str, torch.Size], list[int]] = {}
    for row, tile in enumerate(prepared):
        alike.setdefault((tile.sensor, tile.pixels.shape), []).append(row)
    groups = []
    for (sensor, _), members in alike.items():
        pixels, present, context = (torch.stack(each) for each in zip(*(prepared[row][1:] for row in members), strict=True))
        if chances is not None:
            pixels = _turn(pixels, np.floor(8 * chances[members, 0]).astype(np.int64))
        groups.append(TileGroup(sensor, torch.tensor(members), pixels, present, context))
    return TileBatch(groups, torch.from_numpy(np.array(lat)), torch.from_numpy(np.array(lon)))


def _turn(images: Tensor, which: npt.NDArray[np.int64]) -> Tensor:
    """[N, C, S, S], each in one of the eight symmetries of a square (0 .. 7): seen from above, no direction is special."""
    turned = images.clone()
    for symmetry in range(1, 8):
        rows = torch.from_numpy(np.flatnonzero(which == symmetry))
        image = torch.rot90(images[rows], symmetry % 4, dims=(2, 3))
        turned[rows] = image.flip(3) if symmetry >= 4 else image
    return turned
