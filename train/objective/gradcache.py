"""A batch too large to encode with gradients at once: encode it in parts, bind it whole, go back part by part.

GradCache (Gao et al. 2021, arXiv:2101.06983): the loss needs all vectors but not the activations of the encoders. The vectors
are computed once without gradients; the loss gives the gradient of each vector; each part is then encoded again, with the same
randomness, and its vectors' gradients are sent back through it. Exact, for the price of a second forward pass.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from train.batching.batches import Batch
from train.objective.architecture import Architecture, Bound

Chunk = Callable[[], Batch]


def backward_in_chunks(
    model: Architecture, batches: Sequence[Sequence[Chunk]], step: int, seed_of_chunk: Callable[[int], int]
) -> dict[str, Tensor]:
    """Losses of the batches, each given as its parts; the gradients stay in the parameters."""
    with torch.no_grad():
        encoded = [[_encode(model, part, step, seed_of_chunk(number)) for number, part in enumerate(parts)] for parts in batches]
    whole = [_joined(parts) for parts in encoded]
    losses = model.bind(whole, step)
    losses["total"].backward()
    for parts, bound in zip(batches, whole, strict=True):
        start = 0
        for number, part in enumerate(parts):
            again = _encode(model, part, step, seed_of_chunk(number))
            rows = slice(start, start := start + len(again.lat))
            _send_back([again.vectors, again.locations], [bound.vectors, bound.locations], rows)
    return losses


def _encode(model: Architecture, part: Chunk, step: int, seed: int) -> Bound:
    torch.manual_seed(seed)  # the second pass must drop out what the first one did
    return model.encode(part(), step)


def _joined(parts: list[Bound]) -> Bound:
    vectors, locations = (torch.cat([getattr(part, name) for part in parts]).requires_grad_() for name in ("vectors", "locations"))
    lat, lon = (torch.cat([getattr(part, name) for part in parts]) for name in ("lat", "lon"))
    return Bound(parts[0].modality, vectors, locations, lat, lon)


def _send_back(made: list[Tensor], leaves: list[Tensor], rows: slice) -> None:
    pairs = [
        (tensor, leaf.grad[rows])
        for tensor, leaf in zip(made, leaves, strict=True)
        if tensor.requires_grad and leaf.grad is not None
    ]
    torch.autograd.backward([tensor for tensor, _ in pairs], [gradient for _, gradient in pairs])
