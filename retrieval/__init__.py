"""Encoders and catalogue opened together as one shared space: fill the index, ask it."""

from retrieval.space import Answer, Space

__all__ = ["Answer", "Space"]
