"""Text tower: the text transformer of any open_clip model (CLIP, Radford et al. 2021, arXiv:2103.00020), frozen, under our head.

For CLIP models trained for remote sensing, whose text half knows what land looks like from above (RemoteCLIP, arXiv:2306.11029);
the licence of the weights is their own. CLIP reads 77 tokens, about 50 words: give long articles ``pool="attention"``. Building
reads no file. Shapes: texts -> features [N, F]; passages [B, S, F], present [B, S] -> [B, dim].
"""

import pickle
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from index.errors import CheckpointError, one_line
from train.precision import choose_device
from train.text.text_head import HeadOptions
from train.text.text_tower import PublishedTextTower
from train.weights.open_clip_models import model_config, tag_config, weights_file
from train.weights.pretrained import table_name, weights_sha256

BATCH = 64


class Options(HeadOptions):
    model: str = Field(
        "ViT-B-32", description="an open_clip model; a file trained with QuickGELU (OpenAI's) wants ViT-B-32-quickgelu"
    )
    weights: str = Field(min_length=1, description="a file of the whole CLIP model, or open_clip's tag, such as laion2b_s34b_b79k")


def build(**options: Any) -> "OpenClipText":
    """Raises ``ConfigError`` for a model or a tag that open_clip does not have."""
    return OpenClipText(Options.parse(options, where="open_clip"))


class OpenClipText(PublishedTextTower):
    def __init__(self, options: Options) -> None:
        config = model_config(options.model)
        super().__init__(config["embed_dim"], options)
        self.model, self.weights = options.model, options.weights
        self.tag = tag_config(options.model, options.weights)
        # With the exact GELU, weights trained with the approximation give other features; open_clip only warns of it.
        self.quick_gelu = bool(config.get("quick_gelu") or self.tag.get("quick_gelu"))
        self.name = table_name("open_clip_text", self.model, *(["quickgelu"] if self.quick_gelu else []))

    def found_sha256(self) -> str:
        return self._file[1]

    def encode(self, texts: list[str], device: torch.device) -> npt.NDArray[np.float32]:
        tokenize, network = self._backbone
        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        return np.concatenate([network.encode_text(tokenize(batch).to(device)).float().cpu().numpy() for batch in batches])

    @cached_property
    def _file(self) -> tuple[Path, str]:
        """The weights' file and its SHA-256."""
        path = weights_file(self.tag, self.weights).absolute()
        return path, weights_sha256(path)

    @cached_property
    def _backbone(self) -> tuple[Any, Any]:
        """The tokenizer and the network without its image half."""
        import open_clip
        from safetensors import SafetensorError

        path = self._file[0]
        try:
            tokenize = open_clip.get_tokenizer(self.model)
            network = open_clip.create_model(self.model, str(path), force_quick_gelu=self.quick_gelu, weights_only=True)
        except (OSError, ValueError, LookupError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
            raise CheckpointError(
                f"{path} cannot be read as weights of open_clip's {self.model} ({one_line(error)}); "
                "expected a state dict of that very model, as .safetensors or as PyTorch saves it with tensors only"
            ) from None
        del network.visual
        return tokenize, network.eval().to(choose_device("auto"))
