"""Image tower: Presto, a transformer over a pixel's values, pretrained on time series (Tseng et al. 2023, arXiv:2304.14065).

The published weights (nasaharvest/presto, MIT licence), by name or as a file with its tensor names; its code is not needed. Of its
inputs the tower gives it Sentinel-2 at one time: ten bands and NDVI (``train.image.band_groups``), as reflectance, and the month.
Presto was pretrained on reflectance at the top of the atmosphere (Level-1C); Level-2A is read without correction.

Where a tile lies is what our space is to find out, so Presto must not be told. It has no mask for latitude and longitude: its
token of them is always there. Every pixel therefore claims to be at 0 N, 0 E. A month that is not known is the zeros that Presto
gives to elevation, which has no month. A tile is at most ``size_px`` x ``size_px`` averages; each is a pixel to Presto, and the
tile is the mean of their vectors.

Pixels [B, 10, S, S] -> features [B, 128] -> head -> [B, dim].
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from train.image.band_groups import GROUPS, INPUTS, complete_groups, with_ndvi
from train.image.context import from_january
from train.image.image_tower import PretrainedContextTower, Published, TowerOptions
from train.image.tuning import Tune, parameter_groups
from train.nets.transformer import Block
from train.weights.published import PublishedWeights, check_name, weights_file

WEIGHTS = {
    "presto": PublishedWeights(
        url="https://raw.githubusercontent.com/nasaharvest/presto/13173d028f035abcbcc3b13829314323a5c15d02/data/default_model.pt",
        file="presto-559c9d76.pt",
        sha256="559c9d76f525bdf2dd3774da8b1e7f1510769b73baacac12e9e4d8d5c67fbe65",
        licence="MIT",
        citation="Tseng et al. 2023, Lightweight, Pre-trained Transformers for Remote Sensing Timeseries, arXiv:2304.14065",
    )
}
WIDTH = 128
CHANNELS = ("S1", "S2_RGB", "S2_Red_Edge", "S2_NIR_10m", "S2_NIR_20m", "S2_SWIR", "ERA5", "SRTM", "NDVI", "dynamic_world")
# Tensors of inputs that we have not, and tables of sines that are computed here.
UNUSED = ("eo_patch_embed.S1.", "eo_patch_embed.ERA5.", "eo_patch_embed.SRTM.", "dw_embed.", "month_embed.", "pos_embed")
MATCHER = {"stem": r"^(?:eo_patch_embed|latlon_embed|channel_embed)", "blocks": [(r"^blocks\.(\d+)", None)]}


class Options(TowerOptions):
    weights: str | None = Field(
        "presto", description="`presto`, the published weights (downloaded once), or a file of the whole Presto"
    )
    tune: Tune = Field("frozen", description="how much of Presto is trained: frozen, head, partial, lora or full")
    size_px: int = Field(4, ge=1, le=16, description="largest side that is read pixel by pixel; larger tiles are averaged to it")

    @field_validator("weights")
    @classmethod
    def _published(cls, weights: str | None) -> str | None:
        check_name(weights, WEIGHTS)
        return weights


def build(**options: Any) -> PretrainedContextTower:
    chosen = Options.parse(options, where="presto")
    published = Published(
        name="presto",
        feature_dim=WIDTH,
        size_px=chosen.size_px,
        inputs=INPUTS,
        make=Presto,
        groups=partial(parameter_groups, matcher=MATCHER),
        file=partial(weights_file, known=WEIGHTS),
        adapt=_encoder,
        fit=lambda side: side,
    )
    return PretrainedContextTower(published, chosen)


class Presto(nn.Module):
    """Reflectance [B, 10, S, S], band mask [B, 10] and context [B, K] -> [B, 128], the mean over pixels of Presto's vectors."""

    nowhere: Tensor
    first: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.eo_patch_embed = nn.ModuleDict({name: nn.Linear(len(rows), WIDTH) for name, rows in GROUPS.items()})
        self.latlon_embed = nn.Linear(3, WIDTH)
        self.channel_embed = nn.Embedding(len(CHANNELS), WIDTH // 4)
        self.blocks = nn.ModuleList([Block(WIDTH, heads=8) for _ in range(2)])
        self.norm = nn.LayerNorm(WIDTH)
        self.register_buffer("nowhere", torch.tensor([1.0, 0.0, 0.0]), persistent=False)  # 0 N, 0 E as a point in space
        self.register_buffer("first", torch.tensor([0.0, 1.0]).repeat(WIDTH // 4), persistent=False)  # sines and cosines of time 0

    def forward(self, reflectance: Tensor, present: Tensor, context: Tensor) -> Tensor:
        spectra = with_ndvi(reflectance).flatten(2).transpose(1, 2)  # [B, P, 11]
        count, pixels, _ = spectra.shape
        bands = torch.stack([self.eo_patch_embed[name](spectra[:, :, list(rows)]) for name, rows in GROUPS.items()], dim=2)
        bands = bands + self._encoding(context)[:, None]
        place = self.latlon_embed(self.nowhere).expand(count, pixels, 1, WIDTH)
        tokens = torch.cat([place, bands], dim=2).flatten(0, 1)  # [B P, 1 + 6, 128]
        there = F.pad(complete_groups(present), (1, 0), value=True).repeat_interleave(pixels, dim=0)
        for block in self.blocks:
            tokens = block(tokens, there)
        mean = (tokens * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True)
        return self.norm(mean).unflatten(0, (count, pixels)).mean(dim=1)

    def _encoding(self, context: Tensor) -> Tensor:
        """[B, 6, 128]: month, group, and that it is the first time of the series."""
        month = from_january(context).repeat_interleave(WIDTH // 8, dim=1)
        group = self.channel_embed.weight[[CHANNELS.index(name) for name in GROUPS]]
        shape = (len(context), len(GROUPS), -1)
        return torch.cat([month[:, None].expand(*shape), group.expand(*shape), self.first.expand(*shape)], dim=2)


def _encoder(found: dict[str, Tensor]) -> dict[str, Tensor]:
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in found.items() if name.startswith("encoder.")}
    return {name: tensor for name, tensor in encoder.items() if not name.startswith(UNUSED)}
