"""Encoders and catalogue opened together as one shared space: fill the index, then search it."""

from retrieval.answer import Answer
from retrieval.asking.parts import Item, Part
from retrieval.asking.question import Question
from retrieval.space import Space

__all__ = ["Answer", "Item", "Part", "Question", "Space"]
