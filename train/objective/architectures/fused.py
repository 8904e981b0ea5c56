"""One NT-Xent over the mixed batch of all modalities and their places (Hecht, INTERGEO 2025; NT-Xent: Chen et al. 2020,
arXiv:2002.05709): everything in the batch is contrasted with everything else, itself excluded.

Positives are all at the same place or near it, whatever their modality, with weight exp(-d^2/2r^2), r = ``target_falloff_km``.
The asymmetric form is MELT (Hecht et al. 2026, arXiv:2606.20167): every modality's vectors against the places of all modalities.
"""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from train.objective.architecture import TOWERS, Architecture, Bound
from train.objective.contrast import Contrast, ContrastOptions
from train.objective.distributed import gather_rows, rank, world_size
from train.objective.losses import Targets


class Options(ContrastOptions):
    form: Literal["symmetric", "asymmetric"] = Field(
        "symmetric", description="all against all, or vectors against places only (MELT)"
    )


def build(*, encoders: nn.ModuleDict, seed: int = 0, **options: Any) -> "Fused":
    return Fused(encoders, Options.parse(options, where="fused"), seed)


class Fused(Architecture):
    """A temperature for the queries of each modality; every query of the batch counts the same."""

    options: Options

    def __init__(self, encoders: nn.ModuleDict, options: Options, seed: int = 0) -> None:
        super().__init__(encoders, options, seed)
        queries = (*TOWERS, "locations") if options.form == "symmetric" else TOWERS
        self.contrasts = nn.ModuleDict({modality: Contrast(options) for modality in queries})

    def bind(self, bound: list[Bound], step: int) -> dict[str, Tensor]:
        groups = [(each.modality, each.vectors, each.places) for each in bound]
        places = [("locations", each.locations, each.places) for each in bound]
        keys = [*groups, *places] if self.options.form == "symmetric" else places
        further, further_places = self.negatives(step)
        key_vectors = torch.cat([*(gather_rows(vectors) for _, vectors, _ in keys), further])
        key_places = torch.cat([*(gather_rows(where) for _, _, where in keys), further_places])
        queries = keys if self.options.form == "symmetric" else groups
        sums: dict[str, Tensor] = {}
        column = 0
        for name, vectors, where in queries:
            itself = column + rank() * len(vectors) + torch.arange(len(vectors), device=vectors.device)
            column += world_size() * len(vectors)
            targets = Targets(
                where, key_places, self.options.target_falloff_km, "gaussian", itself if self.options.form == "symmetric" else None
            )
            sums[name] = sums.get(name, 0) + len(vectors) * self.contrasts[name](vectors, key_vectors, targets)
        self.remember(bound)
        counts = {name: sum(len(vectors) for other, vectors, _ in queries if other == name) for name in sums}
        total = torch.stack(list(sums.values())).sum() / sum(counts.values())
        return {**{name: each / counts[name] for name, each in sums.items()}, "total": total}
