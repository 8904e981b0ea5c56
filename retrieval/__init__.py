"""Encoders and catalogue opened together as one shared space: fill the index, ask it."""

from retrieval.answer import Answer
from retrieval.space import Space

__all__ = ["Answer", "Space"]
