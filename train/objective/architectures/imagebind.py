"""ImageBind with position as the binding element: every modality is contrasted with the location encoder, never with another.

loss = sum over modalities m of lambda_m * 1/2 [CE(Z_m G^T) + CE(G Z_m^T)], with a temperature of its own for each m (Girdhar et al.
2023, arXiv:2305.05665; Hecht, INTERGEO 2025). That text and tiles become comparable is emergent.
"""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from train.objective.architecture import TOWERS, Architecture, Bound
from train.objective.contrast import Contrast, ContrastOptions


class Options(ContrastOptions):
    article_weight: float = Field(1.0, ge=0)
    tile_weight: float = Field(1.0, ge=0)


def build(*, encoders: nn.ModuleDict, seed: int = 0, **options: Any) -> "ImageBind":
    return ImageBind(encoders, Options.parse(options, where="imagebind"), seed)


class ImageBind(Architecture):
    """One contrast with the location encoder for each modality; the gradient flows into both encoders of a pair."""

    def __init__(self, encoders: nn.ModuleDict, options: Options, seed: int = 0) -> None:
        super().__init__(encoders, options, seed)
        self.weights = {"articles": options.article_weight, "tiles": options.tile_weight}
        self.contrasts = nn.ModuleDict({modality: Contrast(options) for modality in TOWERS})

    def bind(self, bound: list[Bound], step: int) -> dict[str, Tensor]:
        further = self.negatives(step)
        losses: dict[str, Tensor] = {
            each.modality: self.bind_to_places(self.contrasts[each.modality], each, further) for each in bound
        }
        self.remember(bound)
        total = torch.stack([self.weights[modality] * loss for modality, loss in losses.items()]).sum()
        return {**losses, "total": total}
