"""Text tower: all-MiniLM-L6-v2, frozen, next to a learnt table of words (train/text/words_beside.py)."""

from typing import Any

from train.encoders.text import minilm
from train.text.words_beside import WordOptions, WordsBeside

READING = "words in order"  # in every index: until 2026-11-30 the words with the lowest ids were read of a long text


class Options(WordOptions):
    """Those of the head and of the table."""


def build(**options: Any) -> "MiniLMWords":
    return MiniLMWords(Options.parse(options, where="minilm_words"))


class MiniLMWords(WordsBeside):
    languages, scripts = minilm.MiniLM.languages, minilm.MiniLM.scripts

    def __init__(self, options: Options) -> None:
        super().__init__(options, minilm.FEATURE_DIM)

    def backbones(self) -> tuple[minilm.MiniLM]:
        return (minilm.build(),)
