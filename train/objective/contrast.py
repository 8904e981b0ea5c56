"""The objective that the architectures share: which loss, at which temperature, over which prefixes, against which extra places."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from index.settings import Settings
from train.objective.losses import Targets, info_nce, sigmoid_loss

MAX_SCALE = 100.0  # as CLIP: beyond it training becomes unstable
SIGLIP_BIAS = -10.0  # as SigLIP: nearly all pairs are wrong, so training starts there


class ContrastOptions(Settings):
    """Options of the loss that every architecture has."""

    loss: Literal["info_nce", "siglip"] = "info_nce"
    temperature: float = Field(0.07, gt=0, description="temperature at the start; learnt from there")
    target_falloff_km: float = Field(
        150.0, ge=0, description="distance over which neighbours share the label; 0: only the exact place"
    )
    matryoshka: tuple[int, ...] = Field((), description="prefixes of the vectors that must work on their own, for example 32,64")
    gps_queue: int = Field(0, ge=0, description="places of earlier batches used as further negatives")
    uniform_negatives: int = Field(0, ge=0, description="places drawn uniformly over the sphere each step as further negatives")
    loss_chunk: int = Field(0, ge=0, description="rows of the loss at a time: less memory for more time; 0: all")


class Contrast(nn.Module):
    """The loss of queries against keys, with its own temperature (and for SigLIP its own bias)."""

    def __init__(self, options: ContrastOptions) -> None:
        super().__init__()
        self.options = options
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / options.temperature)))
        if options.loss == "siglip":
            self.bias = nn.Parameter(torch.tensor(SIGLIP_BIAS))

    def forward(self, queries: Tensor, keys: Tensor, targets: Targets) -> Tensor:
        """Mean over the queries [B, D], each against all keys [K, D]; with prefixes also the mean over these and the whole vectors
        (Matryoshka representation learning, Kusupati et al. 2022, arXiv:2205.13147)."""
        whole = queries.shape[1]
        sizes = [size for size in self.options.matryoshka if size < whole] + [whole]
        losses = [self._one(F.normalize(queries[:, :size], dim=1), F.normalize(keys[:, :size], dim=1), targets) for size in sizes]
        return torch.stack(losses).mean()

    def scale(self) -> Tensor:
        """1/temperature. The parameter itself stays at the limit, as in CLIP: behind a clamp its gradient would be zero."""
        self.log_scale.data.clamp_(max=math.log(MAX_SCALE))
        return self.log_scale.exp()

    def _one(self, queries: Tensor, keys: Tensor, targets: Targets) -> Tensor:
        chunk = self.options.loss_chunk
        if self.options.loss == "siglip":
            return sigmoid_loss(queries, keys, self.scale(), self.bias, targets, chunk=chunk)
        return info_nce(queries, keys, self.scale(), targets, chunk=chunk)


class PlaceQueue(nn.Module):
    """The places of earlier batches, as further negatives (the GPS queue of GeoCLIP, Vivanco Cepeda et al. 2023, arXiv:2309.16020).

    Empty until the first batch, and takes batches of any size. Degrees; the filled part is [n <= size].
    """

    lat: Tensor
    lon: Tensor
    seen: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        for name in ("lat", "lon"):
            self.register_buffer(name, torch.full((size,), torch.nan, dtype=torch.float64))
        self.register_buffer("seen", torch.tensor(0))

    def places(self) -> tuple[Tensor, Tensor]:
        filled = min(int(self.seen), len(self.lat))
        return self.lat[:filled].clone(), self.lon[:filled].clone()

    def add(self, lat: Tensor, lon: Tensor) -> None:
        """The newest replace the oldest; of a batch larger than the queue the last rows stay."""
        size = len(self.lat)
        count = min(len(lat), size)
        slots = (self.seen + len(lat) - count + torch.arange(count, device=self.seen.device)) % size
        self.lat[slots], self.lon[slots] = lat[len(lat) - count :].double(), lon[len(lon) - count :].double()
        self.seen += len(lat)
