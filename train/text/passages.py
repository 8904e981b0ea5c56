"""Which parts of a text a tower reads: the whole of it, then its first sentences."""

from collections.abc import Sequence

from train.text.sentences import sentences

ARTICLE_COLUMNS = ("title", "text")  # of a row, that a tower reads
SENTENCE_CHARACTERS = 2_000  # of a text are looked through for sentences


def whole_text(title: str | None, text: str) -> str:
    """The text of an article as a text tower reads it."""
    return f"{title}. {text}" if title and not text.startswith(title) else text


def passages_of(wholes: Sequence[str], texts: Sequence[str], most: int) -> list[list[str]]:
    """Of each text the whole, then up to ``most`` sentences."""
    return [[whole, *first_sentences(text, most)] for whole, text in zip(wholes, texts, strict=True)]


def first_sentences(text: str, most: int) -> list[str]:
    """Up to ``most`` sentences as passages of a text; a text of one sentence has none, for it is the whole."""
    found = sentences(text, most=most, characters=SENTENCE_CHARACTERS) if most else []
    return [] if found == [text.strip()] else found
