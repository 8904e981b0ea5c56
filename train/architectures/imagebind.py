"""ImageBind with position as the binding element: every modality is contrasted with the location encoder, never with another.

loss = sum over modalities m of lambda_m * 1/2 [CE(Z_m G^T) + CE(G Z_m^T)], with a temperature of its own for each m (Girdhar et al.
2023, arXiv:2305.05665; Hecht, INTERGEO 2025). That text and tiles end up comparable is emergent.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.data import Batch
from train.losses import geodesic_targets, info_nce

MAX_SCALE = 100.0  # as CLIP: beyond it training becomes unstable


class Options(Settings):
    temperature: float = Field(0.07, gt=0, description="temperature at the start; learnt from there")
    target_falloff_km: float = Field(
        150.0, ge=0, description="distance over which neighbours share the label; 0: one positive each"
    )
    article_weight: float = Field(1.0, ge=0)
    tile_weight: float = Field(1.0, ge=0)


def build(*, encoders: nn.ModuleDict, **options: Any) -> "ImageBind":
    return ImageBind(encoders, Options.parse(options, where="imagebind"))


class ImageBind(nn.Module):
    """``encoders`` has 'locations' and the towers bound to it, 'articles' and 'tiles'."""

    def __init__(self, encoders: nn.ModuleDict, options: Options) -> None:
        super().__init__()
        self.encoders = encoders
        self.options = options
        self.weights = {"articles": options.article_weight, "tiles": options.tile_weight}
        start = torch.tensor(math.log(1 / options.temperature))
        self.log_scale = nn.ParameterDict({modality: nn.Parameter(start.clone()) for modality in self.weights})

    def forward(self, batches: list[Batch]) -> dict[str, Tensor]:
        """Loss of each modality's batch and their weighted 'total'; the gradient flows into both encoders of a pair."""
        losses: dict[str, Tensor] = {batch.modality: self._bind(batch) for batch in batches}
        total = torch.stack([self.weights[modality] * loss for modality, loss in losses.items()]).sum()
        return {**losses, "total": total}

    def scale(self, modality: str) -> Tensor:
        """1/temperature. The parameter itself is kept at the limit, as CLIP does: behind a clamp its gradient would be zero."""
        log_scale = self.log_scale[modality]
        log_scale.data.clamp_(max=math.log(MAX_SCALE))
        return log_scale.exp()

    def _bind(self, batch: Batch) -> Tensor:
        vectors = F.normalize(batch.encode(self.encoders[batch.modality]).float(), dim=-1)
        locations = F.normalize(self.encoders["locations"](batch.lat, batch.lon).float(), dim=-1)
        falloff_km = self.options.target_falloff_km
        targets = geodesic_targets(batch.lat, batch.lon, falloff_km) if falloff_km else None
        return info_nce(vectors, locations, self.scale(batch.modality), targets)
