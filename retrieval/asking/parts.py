"""What a query is made of: a text, an image, a place or a stored record, each with a weight. A ``Space`` makes a vector of each."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.errors import InputError
from index.records import MODALITIES, Modality, Place, Tile
from retrieval.asking.photo import Photo, read_image

Vectors = npt.NDArray[np.float32]
LABEL_CHARACTERS = 200
_NO_CHARACTER = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8: encoders and files refuse it
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)  # what ``index.records.content_id`` makes


class Encoders(Protocol):
    """What a query needs of a ``Space``. All vectors are [N, dim] float32 of unit norm."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors: ...

    def embed_places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors: ...

    def embed_images(self, images: Sequence[Tile | Photo]) -> Vectors: ...

    def embed_records(self, modality: Modality, ids: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Item:
    """A record of the catalogue. Raises ``InputError`` for what cannot be an id (ids come from outside and go into SQL)."""

    modality: Modality
    id: str

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise InputError(f"a stored item is one of {', '.join(MODALITIES)}, got '{self.modality}'")
        if not _ID.fullmatch(self.id):
            raise InputError(f"an id has 32 hexadecimal digits, got '{self.id[:40]}'; copy it from a hit")


# A text, an image (its file, what is in it, or what was read from it), a place, a stored record.
Subject = str | Path | bytes | Tile | Photo | Place | Item


@dataclass(frozen=True, slots=True)
class Part:
    """One thing asked for (``weight`` > 0) or asked away from (< 0). Only ratios of weights matter."""

    what: Subject
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight) or self.weight == 0:
            raise InputError(f"the weight of a part must be a number other than 0, got {self.weight}; leave the part out")
        if isinstance(self.what, str) and _NO_CHARACTER.search(self.what):
            raise InputError("the text holds what is no character (it was not UTF-8); type it again")

    @property
    def modality(self) -> Modality:
        """Whose encoder reads it."""
        if isinstance(self.what, Item):
            return self.what.modality
        return "articles" if isinstance(self.what, str) else "locations" if isinstance(self.what, Place) else "tiles"

    @property
    def label(self) -> str:
        """The part in one short line, as an explanation shows it."""
        if isinstance(self.what, Place):
            return f"place {self.what.lat:.4f}, {self.what.lon:.4f}"
        if isinstance(self.what, Item):
            return f"{self.what.modality} {self.what.id}"
        if isinstance(self.what, bytes):
            return "image"
        if isinstance(self.what, Tile | Photo):
            return self.what.title or "image"
        return " ".join(str(self.what)[:LABEL_CHARACTERS].split())

    @property
    def place(self) -> Place | None:
        """Where it is, if it says so by itself."""
        return self.what.place if isinstance(self.what, Tile | Photo) else self.what if isinstance(self.what, Place) else None

    def read(self) -> Part:
        """The same with its image read. Raises ``InputError`` if that cannot be done."""
        if not isinstance(self.what, Path | bytes):
            return self
        try:
            return replace(self, what=read_image(self.what))
        except InputError as error:
            name = self.what if isinstance(self.what, Path) else self.label
            raise InputError(f"{name}: {error}") from None

    def embed(self, space: Encoders) -> Vectors:
        """[D] of unit norm. One by one: queries have few parts."""
        what = self.read().what
        if isinstance(what, str):
            return space.embed_texts([what])[0]
        if isinstance(what, Tile | Photo):
            return space.embed_images([what])[0]
        if isinstance(what, Place):
            return space.embed_places(what.lat, what.lon)[0]
        assert isinstance(what, Item)
        return space.embed_records(what.modality, [what.id])[0]
