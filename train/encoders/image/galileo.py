"""Image tower: Galileo nano, a transformer over patches of many sensors (Tseng et al. 2025, arXiv:2502.09356).

The published weights (nasaharvest/galileo, MIT licence), by name or as a file with its tensor names; its code is not needed. Of its
inputs the tower gives it Sentinel-2 at one time: ten bands and NDVI (``train.image.band_groups``) and the month. All others are
masked, its token of the location too, so Galileo is not told where a tile lies. A month that is not known is the zeros that Galileo
gives to what has no month. Galileo was pretrained on reflectance at the top of the atmosphere (Level-1C); Level-2A is read without
correction.

Patches have 1 to 8 pixels a side (FlexiViT, arXiv:2212.08013), as many as leave four patches or more a side; a tile of one pixel is
one patch. A pixel counts as 10 m wide. The vector is the mean of all tokens; without any complete group of bands it is zero.

Pixels [B, 10, S, S] -> features [B, 128] -> head -> [B, dim].
"""

from functools import cache, partial
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
    "galileo_nano": PublishedWeights(
        url="https://raw.githubusercontent.com/nasaharvest/galileo/0f0b5b95ac81acef4b74cf4686dc877202f4541b/data/models/nano/encoder.pt",
        file="galileo_nano-eab6acac.pt",
        sha256="eab6acacf527886a508a555bc24efe4b4a2cf91b162e84cd1c4a1807e942180c",
        licence="MIT",
        citation="Tseng et al. 2025, Galileo: Learning Global & Local Features of Many Remote Sensing Modalities, arXiv:2502.09356",
    )
}
WIDTH = 128
LARGEST_PATCH = 8
FEWEST_PATCHES = 4  # a side, in Galileo's pretraining
CHANNELS = ("S1", "S2_RGB", "S2_Red_Edge", "S2_NIR_10m", "S2_NIR_20m", "S2_SWIR", "NDVI")
# Of Galileo's config/normalization.json, counts of the ten bands: two deviations below the mean become 0, two above it 1.
MEAN = (1395.3408730676722, 1338.4026921784578, 1343.09883810357, 1543.8607982512297, 2186.2022069512263,
        2525.0932853316694, 2410.3377187373408, 2750.2854646886753, 2234.911100061487, 1474.5311266077113)  # fmt: skip
STD = (917.7041440370853, 913.2988423581528, 1092.678723527555, 1047.2206083460424, 1048.0101611156767,
       1143.6903026819996, 1098.979177731649, 1204.472755085893, 1145.9774063078878, 980.2429840007796)  # fmt: skip
COUNTS = 10_000  # of a reflectance of 1
# Tensors of inputs that we have not, and tables of sines that are computed here.
UNUSED = (
    "space_time_embed.S1.", "space_embed.", "time_embed.", "static_embed.",
    "sp_channel_embed", "t_channel_embed", "st_channel_embed", "month_embed.", "pos_embed",
)  # fmt: skip
MATCHER = {"stem": r"^(?:space_time_embed|s_t_channel_embed)", "blocks": [(r"^blocks\.(\d+)", None)]}


class Options(TowerOptions):
    weights: str | None = Field(
        "galileo_nano", description="`galileo_nano`, the published weights (downloaded once), or a file of Galileo nano's encoder"
    )
    tune: Tune = Field("frozen", description="how much of Galileo is trained: frozen, head, partial, lora or full")
    size_px: int = Field(64, ge=1, le=96, description="largest side that is read as it is; larger tiles are averaged to it")

    @field_validator("weights")
    @classmethod
    def _published(cls, weights: str | None) -> str | None:
        check_name(weights, WEIGHTS)
        return weights


def build(**options: Any) -> PretrainedContextTower:
    chosen = Options.parse(options, where="galileo")
    published = Published(
        name="galileo_nano",
        feature_dim=WIDTH,
        size_px=chosen.size_px,
        inputs=INPUTS,
        make=Galileo,
        groups=partial(parameter_groups, matcher=MATCHER),
        file=partial(weights_file, known=WEIGHTS),
        adapt=_encoder,
        fit=lambda side: side - side % patch_px(side),
    )
    return PretrainedContextTower(published, chosen)


def patch_px(side: int) -> int:
    """Side of a patch in a square of so many pixels a side."""
    return min(LARGEST_PATCH, max(1, side // FEWEST_PATCHES))


class Galileo(nn.Module):
    """Reflectance [B, 10, S, S], band mask [B, 10] and context [B, K] -> [B, 128]; S is a multiple of its ``patch_px``."""

    lowest: Tensor
    spread: Tensor
    first: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.space_time_embed = nn.ModuleDict({name: Patches(len(rows)) for name, rows in GROUPS.items()})
        self.s_t_channel_embed = nn.Parameter(torch.zeros(len(CHANNELS), WIDTH // 4))
        self.blocks = nn.ModuleList([Block(WIDTH, heads=8) for _ in range(4)])
        self.norm = nn.LayerNorm(WIDTH)
        mean, std = torch.tensor(MEAN, dtype=torch.float64) / COUNTS, torch.tensor(STD, dtype=torch.float64) / COUNTS
        self.register_buffer("lowest", F.pad(mean - 2 * std, (0, 1), value=0.0).float(), persistent=False)  # NDVI stays as it is
        self.register_buffer("spread", F.pad(4 * std, (0, 1), value=1.0).float(), persistent=False)
        self.register_buffer("first", torch.tensor([0.0, 1.0]).repeat_interleave(WIDTH // 8), persistent=False)  # time 0

    def forward(self, reflectance: Tensor, present: Tensor, context: Tensor) -> Tensor:
        patch = patch_px(reflectance.shape[-1])
        seen = (with_ndvi(reflectance) - self.lowest[:, None, None]) / self.spread[:, None, None]
        patches = [self.space_time_embed[name](seen[:, list(rows)], patch) for name, rows in GROUPS.items()]
        tokens = torch.stack(patches, dim=2)  # [B, g g, 6, 128]
        tokens = (tokens + self._encoding(context, reflectance.shape[-1] // patch, patch)).flatten(1, 2)
        there = complete_groups(present).repeat(1, tokens.shape[1] // len(GROUPS))
        attended = there | ~there.any(dim=1, keepdim=True)  # attention to nothing is not a number
        for block in self.blocks:
            tokens = block(tokens, attended)
        return (self.norm(tokens) * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True).clamp(min=1)

    def _encoding(self, context: Tensor, grid: int, patch: int) -> Tensor:
        """[B, g g, 6, 128]: group, that it is the first time of the series, month, and where in the tile."""
        group = self.s_t_channel_embed[[CHANNELS.index(name) for name in GROUPS]]
        month = from_january(context).repeat_interleave(WIDTH // 8, dim=1)
        position = positions(grid, patch).to(context)
        shape = (len(context), len(position), len(GROUPS), -1)
        parts = (group, self.first, month[:, None, None], position[:, None])
        return torch.cat([part.expand(*shape) for part in parts], dim=3)


class Patches(nn.Module):
    """Bands [B, c, S, S] -> tokens [B, g g, 128] of patches of any size: the published kernel of 8 x 8 px, brought to that size."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(bands, WIDTH, LARGEST_PATCH, LARGEST_PATCH)

    def forward(self, bands: Tensor, patch: int) -> Tensor:
        kernel = self.proj.weight
        if patch != LARGEST_PATCH:
            with torch.autocast(kernel.device.type, enabled=False):  # the kernel's digits are needed
                kernel = (kernel.flatten(2) @ resizing(patch).to(kernel).T).unflatten(2, (patch, patch))
        return F.conv2d(bands, kernel, self.proj.bias, stride=patch).flatten(2).transpose(1, 2)


@cache
def resizing(patch: int) -> Tensor:
    """[patch^2, 64]: the kernel of 8 x 8 px with which a patch gives what the published one gives for the patch scaled up to 8 x 8.

    The pseudo-inverse of scaling 8 x 8 px down, as FlexiViT proposes it.
    """
    with torch.inference_mode(False):  # a tensor made in that mode could not be used in training afterwards
        pixels = torch.eye(LARGEST_PATCH**2).unflatten(1, (1, LARGEST_PATCH, LARGEST_PATCH))
        scaled = F.interpolate(pixels, size=(patch, patch), mode="bicubic", antialias=True)
        return torch.linalg.pinv(scaled.flatten(1))


def positions(grid: int, patch: int) -> Tensor:
    """[g g, 32]: sines and cosines of each patch's column and row, counted in pixels of 10 m.

    The published frequencies run from 1 to .13 only: their exponent is divided by twice the dimension instead of half of it.
    """
    width = WIDTH // 8
    frequencies = 10_000 ** -(torch.arange(width // 2) / width / 2)
    row, column = torch.meshgrid(*[torch.arange(grid) * float(patch)] * 2, indexing="ij")
    angles = [axis.flatten()[:, None] * frequencies for axis in (column, row)]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1)


def _encoder(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value of a block are three layers in Galileo's file and one in ours."""
    tensors = {name: tensor for name, tensor in found.items() if not name.startswith(UNUSED)}
    for name in [name for name in tensors if ".attn.q." in name]:
        three = [name.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(each in tensors for each in three):
            tensors[name.replace(".attn.q.", ".attn.qkv.")] = torch.cat([tensors.pop(each) for each in three])
    return tensors
