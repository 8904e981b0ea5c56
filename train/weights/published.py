"""Files of weights at their published addresses: named in an option, downloaded once, accepted by checksum alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from index.errors import CheckpointError, one_line
from train.weights.pretrained import names_a_file


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """``file`` is the name in the cache; it has the first digits of the checksum, since many are published as "model.pt"."""

    url: str
    file: str
    sha256: str
    licence: str
    citation: str


def weights_file(weights: str, known: Mapping[str, PublishedWeights]) -> Path:
    """The file itself, or that of a published name (``downloaded``)."""
    if names_a_file(weights):
        return Path(weights)
    return downloaded(known[weights].url, known[weights].file, known[weights].sha256)


def downloaded(url: str, file: str, sha256: str) -> Path:
    """The file in PyTorch's cache, fetched if it is not there yet; ``sha256`` is its digest or the first digits of it.

    Raises ``CheckpointError`` where it cannot be fetched or has another content.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / file
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
        except (OSError, RuntimeError) as error:
            remedy = "try again with a connection, or fetch it elsewhere and give its path as `weights`"
            raise CheckpointError(f"cannot download {url} ({one_line(error)}); {remedy}") from None
    return path


def check_name(weights: str | None, known: Collection[str]) -> None:
    """Raises ``ValueError`` for an option ``weights`` that is neither a file nor a published name."""
    if weights is not None and not names_a_file(weights) and weights not in known:
        raise ValueError(f"no published weights named {weights}; name a file, or one of {', '.join(known)}")
