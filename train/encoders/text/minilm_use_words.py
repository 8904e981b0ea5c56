"""Text tower: all-MiniLM-L6-v2 and the multilingual Universal Sentence Encoder, both frozen, next to a learnt table of words
(train/text/words_beside.py).

MiniLM knows more of English, the other reads sixteen languages; together they place texts better than either, in English too
(docs/experiments.md).
"""

from typing import Any

from train.encoders.text import minilm, use_multilingual
from train.text.words_beside import WordOptions, WordsBeside


class Options(WordOptions):
    """Those of the head and of the table."""


def build(**options: Any) -> "MiniLMUseWords":
    return MiniLMUseWords(Options.parse(options, where="minilm_use_words"))


class MiniLMUseWords(WordsBeside):
    languages = tuple(sorted({*minilm.MiniLM.languages, *use_multilingual.LANGUAGES}))
    scripts = tuple(sorted({*minilm.MiniLM.scripts, *use_multilingual.SCRIPTS}))

    def __init__(self, options: Options) -> None:
        super().__init__(options, minilm.FEATURE_DIM + use_multilingual.FEATURE_DIM)

    def backbones(self) -> tuple[minilm.MiniLM, use_multilingual.UseMultilingual]:
        return minilm.build(), use_multilingual.build()
