"""Text tower: any sentence-transformers model (Reimers and Gurevych 2019, arXiv:1908.10084), frozen, under
``train.text.text_head``.

The model is a local folder or a name on the Hugging Face hub; its licence is its own. Only safetensors are read, and no code that
comes with a model is run. Building reads the model for its dimension F; it is then ready for ``features``. Texts are cut where the
model cuts them. Shapes: texts -> features [N, F]; passages [B, S, F], present [B, S] -> [B, dim].
"""

import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from index.errors import CheckpointError, one_line
from index.extras import extra
from train.precision import choose_device
from train.text.text_head import HeadOptions
from train.text.text_tower import PublishedTextTower
from train.weights.pretrained import weights_sha256
from train.weights.torchvision_cpu import tolerate_missing_operators

READ = (".safetensors", ".json", ".txt", ".model")  # weights, configuration, vocabularies
OTHER_RUNTIMES = ("onnx", "openvino")  # folders with the same model again
BATCH = 64


class Options(HeadOptions):
    model: str = Field(min_length=1, description="folder of a sentence-transformers model, or its name on the Hugging Face hub")
    prompt: str = Field("", description="put before each text if the model was trained that way, e.g. 'passage: ' for E5")


def build(**options: Any) -> "SentenceTransformerTower":
    return SentenceTransformerTower(Options.parse(options, where="sentence_transformers"))


class SentenceTransformerTower(PublishedTextTower):
    """Raises ``CheckpointError`` if the model cannot be found, fetched or read, or has its weights in a pickle."""

    name = "sentence_transformers"  # the digest says the rest: a folder may be moved

    def __init__(self, options: Options) -> None:
        folder = find_model(options.model)
        digest = _digest(folder, options.prompt)
        backbone = _load(folder)
        super().__init__(backbone.get_embedding_dimension(), options)
        self.digest = digest
        self.prompt = options.prompt or None  # None lets a model's own default prompt stand
        self._backbone = (backbone,)  # in a tuple, nn.Module does not train or save it

    def found_sha256(self) -> str:
        return self.digest

    def encode(self, texts: list[str], device: torch.device) -> Any:
        return self._backbone[0].encode(texts, batch_size=BATCH, prompt=self.prompt, show_progress_bar=False)


def find_model(model: str) -> Path:
    """The folder itself, or what the hub has under that name: fetched once, then from its cache."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    try:
        allowed, ignored = [f"*{suffix}" for suffix in READ], [f"{name}/*" for name in OTHER_RUNTIMES]
        return Path(snapshot_download(model, allow_patterns=allowed, ignore_patterns=ignored))
    except (OSError, ValueError) as error:  # refused, unreachable, or a name that the hub cannot know
        raise CheckpointError(
            f"'{model}' is not a folder, and the model hub does not give it ({one_line(error)}); "
            "expected a sentence-transformers model: copy its folder to this machine and give its path"
        ) from None


def model_files(folder: Path) -> list[Path]:
    """All files that the model is read from, in a fixed order. Raises ``CheckpointError`` if weights are pickled or missing."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_aside(path.relative_to(folder)))
    safe = {path.parent for path in found if path.suffix == ".safetensors"}
    pickled = [path for path in found if re.fullmatch(r"pytorch_model.*\.bin", path.name) and path.parent not in safe]
    if pickled or not safe:
        raise CheckpointError(
            f"{pickled[0] if pickled else folder} has no safetensors, and pickled weights are not read: they can run code; if you "
            "trust the model, convert it once with sentence_transformers: SentenceTransformer(...).save_pretrained('new folder')"
        )
    return [path for path in found if path.suffix in READ]


def _is_aside(path: Path) -> bool:
    return any(part.startswith(".") or part in OTHER_RUNTIMES for part in path.parts)


def _digest(folder: Path, prompt: str) -> str:
    """SHA-256 over all that determines the features (weights, tokenizer, pooling, prompt), wherever the folder lies."""
    digest = hashlib.sha256(prompt.encode())
    for path in model_files(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + bytes.fromhex(weights_sha256(path)))
    return digest.hexdigest()


def _load(folder: Path) -> Any:
    tolerate_missing_operators()
    from safetensors import SafetensorError

    model = extra("sentence_transformers").SentenceTransformer
    logging = extra("transformers.utils").logging
    logging.disable_progress_bar()
    try:
        return model(
            str(folder),
            device=choose_device("auto").type,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        ).eval()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder} is not a readable sentence-transformers model ({one_line(error)}); expected its modules.json, "
            "config.json, tokenizer and model.safetensors: copy the folder again, or give another model"
        ) from None
