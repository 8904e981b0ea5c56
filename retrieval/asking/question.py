"""What is asked, as data: one frozen model behind Python, the command line, the HTTP API, the page and the permalink.

``Question.of`` (Python, the command line), ``Question.parse`` (HTTP, JSON) or ``Question.from_link`` -> here -> ``embed`` makes
vectors of its parts, ``Space.search`` and ``Space.heat`` answer it. Its JSON has what is not default.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from index.errors import InputError
from index.records import MODALITIES, Modality, Place
from retrieval.asking.how import How
from retrieval.asking.parts import Encoders, Item, Part, Pictures, embed, no_pictures
from retrieval.asking.query import QueryVectors

MAX_PARTS = 32
MAX_K = 10_000
_OLD_NAMES = {"into": "kinds", "calibrated": "centred"}  # of links made before 0.2


class Question(How):
    """``parts`` are weighed and summed up ("mean"), or each is asked by itself and a record counts as much as for the part that it
    fits best ("max": "a glacier, or else a geyser"); then all positive weights are equal.

    Raises ``ConfigError`` from ``parse``, or ``InputError``, for what cannot be asked.
    """

    parts: tuple[Part, ...] = Field(min_length=1, max_length=MAX_PARTS, description="what is asked for, or away from")
    combine: Literal["mean", "max"] = Field(default="mean", description="sum up all parts, or take the part that fits best")
    kinds: tuple[Modality, ...] = Field(
        default=(), max_length=len(MODALITIES), description="what to search; empty: all that is indexed"
    )
    k: int = Field(default=10, ge=1, le=MAX_K, description="hits of each kind")

    @classmethod
    def of(
        cls,
        text: str | None = None,
        *,
        image: str | Path | bytes | None = None,
        place: Place | None = None,
        like: Iterable[Item] = (),
        unlike: Iterable[Item | str] = (),
        **settings: Any,
    ) -> Self:
        """All that is given counts the same; ``unlike`` counts against. ``image`` is a file or its bytes, ``settings`` are the
        other fields. Raises ``InputError`` if there is nothing to ask for."""
        picture = Path(image) if isinstance(image, str) else image
        wanted = [Part.of(each) for each in (text, picture, place, *like) if each is not None]
        if not wanted:
            raise InputError("ask with a text, an image, a place (lat and lon) or a record")
        return cls.parse({"parts": (*wanted, *(Part.of(each, -1.0) for each in unlike)), **settings}, where="question")

    @classmethod
    def from_link(cls, text: str) -> Self:
        """The question of a permalink, also of an older one. Raises ``InputError`` or ``ConfigError`` for one that is damaged."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):  # the latter from brackets in brackets in brackets
            values = None
        if not isinstance(values, dict):
            raise InputError("the link is damaged: what it asks for cannot be read; ask again and copy the new link")
        for old in _OLD_NAMES.keys() & values.keys():
            values[_OLD_NAMES[old]] = values.pop(old)
        return cls.parse(values, where="link")

    def to_link(self) -> str:
        """Compact JSON without what is default."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **settings: Any) -> Self:
        """The same with other settings. Raises as ``parse``."""
        return self.parse({**dict(self), **settings}, where="question")

    @property
    def how(self) -> How:
        """The same for any question that is answered in this way."""
        return How(filter=self.filter, words=self.words, centred=self.centred, direct=self.direct, apart_km=self.apart_km)

    @property
    def label(self) -> str:
        """All parts in one line, as 'snow + place 1.0000, 2.0000 − city'."""
        signs = ["" if part.weight > 0 else "− " for part in self.parts[:1]]
        signs += [" + " if part.weight > 0 else " − " for part in self.parts[1:]]
        return "".join(sign + part.label for sign, part in zip(signs, self.parts, strict=True))

    @property
    def text(self) -> str:
        """The texts that are asked for, as one."""
        return " ".join(part.text for part in self.parts if part.text is not None and part.weight > 0)

    @property
    def is_one_text(self) -> bool:
        """Whether it is a text that is asked for, and nothing else."""
        return len(self.parts) == 1 and self.parts[0].text is not None and self.parts[0].weight > 0

    def embed(self, space: Encoders, pictures: Pictures = no_pictures) -> QueryVectors:
        """Raises ``InputError`` for what the encoders refuse and for parts that cancel each other out."""
        read = [part.read(pictures) for part in self.parts]
        return QueryVectors(
            labels=tuple(part.label for part in self.parts),
            modalities=tuple(part.modality for part in self.parts),
            parts=np.stack([embed(what, space) for what, _ in read]),
            weights=self._weights(),
            origin=next((place for part, (_, place) in zip(self.parts, read, strict=True) if place and part.weight > 0), None),
        )

    def _weights(self) -> npt.NDArray[np.float64]:
        """[P, n], the largest being 1."""
        weights = np.array([part.weight for part in self.parts], dtype=np.float64)
        weights /= np.abs(weights).max()
        if self.combine == "mean":
            return weights[None]
        positive = np.array([row for row, part in enumerate(self.parts) if part.weight > 0])
        return np.where(np.arange(len(weights)) == positive[:, None], weights, np.minimum(weights, 0))

    @model_validator(mode="after")
    def _of_one_weight(self) -> Self:
        """In a "max" each part asks by itself, and weights count only against the negatives."""
        if self.combine == "max" and len({part.weight for part in self.parts if part.weight > 0}) != 1:
            raise InputError("'max' needs positive parts, all of one weight; combine by 'mean' to weigh them")
        return self
