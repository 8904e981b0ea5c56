"""A model's encoders by torch: the oracle of ``train.queries.light``, and what an index is built with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from index.records import Modality
from index.store.catalogue import Catalogue
from index.threads import lock_of
from train.checkpoint import Checkpoint
from train.image.context import context_of
from train.image.tiles import PreparedTile, group_tiles, tile_batch
from train.protocols import Encoder, HasAppearance, ImageEncoder, LocationEncoder, SaysWhatItReads, TextEncoder
from train.queries.encoders import Reads, Shown, Vectors
from train.text.articles import article_batch, text_passages


class TorchEncoders:
    """They load on first use."""

    runs_by = "torch"

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.checkpoint, self.device = checkpoint, device
        self._encoders: dict[Modality, Encoder] = {}

    @overload
    def encoder(self, modality: Literal["locations"]) -> LocationEncoder: ...
    @overload
    def encoder(self, modality: Literal["articles"]) -> TextEncoder: ...
    @overload
    def encoder(self, modality: Literal["tiles"]) -> ImageEncoder: ...
    @overload
    def encoder(self, modality: Modality) -> Encoder: ...
    def encoder(self, modality: Modality) -> Encoder:
        with lock_of(self):
            if modality not in self._encoders:
                self._encoders[modality] = self.checkpoint.encoder(modality, self.device)
            return self._encoders[modality]

    @property
    def reads(self) -> Reads | None:
        tower = self.encoder("articles")
        return Reads(tower.languages, tower.scripts) if isinstance(tower, SaysWhatItReads) else None

    @property
    def appearance_dim(self) -> int:
        encoder = self.encoder("locations")
        return encoder.appearance_dim if isinstance(encoder, HasAppearance) else 0

    def texts(self, wholes: Sequence[str], texts: Sequence[str]) -> Vectors:
        return self._passages(*text_passages(self.encoder("articles"), wholes, texts))

    def places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors:
        lats, lons = (torch.from_numpy(np.atleast_1d(np.array(each, dtype=np.float64))).to(self.device) for each in (lat, lon))
        with torch.inference_mode():
            return _unit(self.encoder("locations")(lats, lons))

    def tiles(self, tiles: Sequence[Shown]) -> Vectors:
        tower, nowhere = self.encoder("tiles"), np.zeros(len(tiles))
        prepared = [
            PreparedTile(each.sensor, *tower.prepare(each.pixels, each.bands, each.sensor), context_of(each.level, each.date))
            for each in tiles
        ]
        return self._batch("tiles", group_tiles(prepared, nowhere, nowhere))

    def records(self, catalogue: Catalogue, modality: Modality, ids: Sequence[str]) -> Vectors:
        """Of records in the catalogue, in the order of ``ids``, with the features that it has cached."""
        rows = catalogue.rows(modality, ids, ["lat", "lon"])
        lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
        if modality == "locations":
            return self.places(lat, lon)
        if modality == "articles":
            return self._batch(modality, article_batch(catalogue, self.encoder(modality), ids, lat, lon))
        return self._batch(modality, tile_batch(catalogue, self.encoder(modality), ids, lat, lon))

    def _passages(self, parts: torch.Tensor, present: torch.Tensor) -> Vectors:
        with torch.inference_mode():
            return _unit(self.encoder("articles")(parts.to(self.device), present.to(self.device)))

    def _batch(self, modality: Modality, batch: Any) -> Vectors:
        with torch.inference_mode():
            return _unit(batch.to(self.device).encode(self.encoder(modality)))


def _unit(vectors: torch.Tensor) -> Vectors:
    return F.normalize(vectors.float(), dim=-1).cpu().numpy()
