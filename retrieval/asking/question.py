"""A question as data: one frozen model behind Python, the command line, the HTTP API, the page and the permalink.

``Question.of`` (Python, the command line), ``Question.parse`` (HTTP, JSON) or ``Question.from_link`` -> here -> ``embed`` makes
vectors of its parts, ``Space.search`` and ``Space.heat`` answer it. Its JSON omits defaults.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from index.errors import InputError
from index.records import MODALITIES, Modality, Place
from index.search.filters import Filter
from retrieval.asking.how import How
from retrieval.asking.parts import Encoders, Item, Part, Pictures, embed, no_pictures
from retrieval.asking.query import QueryVectors

MAX_PARTS = 32
MAX_K = 10_000
_OLD_NAMES = {"into": "kinds", "calibrated": "centred"}  # in links made before 0.2


class Question(How):
    """``parts`` are weighted and summed ("mean"), or each is searched separately and a record has the score of the part that it
    fits best ("max": "a glacier, or else a geyser"); then all positive weights are equal.

    Raises ``ConfigError`` from ``parse``, or ``InputError``, for an invalid question.
    """

    parts: tuple[Part, ...] = Field(min_length=1, max_length=MAX_PARTS, description="what to search for, or away from")
    combine: Literal["mean", "max"] = Field(default="mean", description="sum all parts, or take the part that fits best")
    kinds: tuple[Modality, ...] = Field(
        default=(), max_length=len(MODALITIES), description="what to search; empty: everything that is indexed"
    )
    k: int = Field(default=10, ge=1, le=MAX_K, description="hits of each kind")
    verbatim: bool = Field(
        default=False, description="take texts as they are, without reading coordinates and constraints out of them"
    )

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
        """All arguments have equal weight; ``unlike`` counts against. ``image`` is a file or its bytes, ``settings`` are the
        other fields. Raises ``InputError`` if there is nothing to search for."""
        picture = Path(image) if isinstance(image, str) else image
        wanted = [Part.of(each) for each in (text, picture, place, *like) if each is not None]
        if not wanted:
            raise InputError("ask with a text, an image, a place (lat and lon) or a record")
        return cls.parse({"parts": (*wanted, *(Part.of(each, -1.0) for each in unlike)), **_renamed(settings)}, where="question")

    @classmethod
    def from_link(cls, text: str) -> Self:
        """The question of a permalink, old ones included. Raises ``InputError`` or ``ConfigError`` for a damaged link."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):  # the latter from deeply nested brackets
            values = None
        if not isinstance(values, dict):
            raise InputError("the link is damaged and its question cannot be read; search again and copy the new link")
        return cls.parse(_renamed(values), where="link")

    def to_link(self) -> str:
        """Compact JSON without defaults."""
        return self.model_dump_json(exclude_defaults=True)

    def changed(self, **settings: Any) -> Self:
        """The same with other settings. Raises what ``parse`` raises."""
        return self.parse({**dict(self), **_renamed(settings)}, where="question")

    def pieces(self) -> Iterator[tuple[str, str]]:
        yield from super().pieces()
        if self.kinds:
            yield "kinds", f"only {' and '.join(self.kinds)}"
        if self.k != type(self).model_fields["k"].default:
            yield "k", f"{self.k:,} hit{'s' * (self.k > 1)} of each kind"
        if self.combine == "max":
            yield "combine", "the part that fits best counts"
        if self.verbatim:
            yield "verbatim", "words as they are typed"

    def without(self, field: str) -> Self:
        """The same with one of the fields that ``pieces`` names as by default."""
        if field.startswith("meant:"):
            return self.changed(meant=tuple(each for each in self.meant if each.name != field.removeprefix("meant:")))
        if field in Filter.model_fields:
            return self.changed(filter=self.filter.without(field))
        return self.changed(**{field: type(self).model_fields[field].default})

    @property
    def how(self) -> How:
        """The same settings for any question that is answered in this way."""
        return How.model_construct(**{name: getattr(self, name) for name in How.model_fields})

    @property
    def label(self) -> str:
        """All parts in one line, as 'snow + place 1.0000, 2.0000 − city'."""
        signs = ["" if part.weight > 0 else "− " for part in self.parts[:1]]
        signs += [" + " if part.weight > 0 else " − " for part in self.parts[1:]]
        return "".join(sign + part.label for sign, part in zip(signs, self.parts, strict=True))

    @property
    def text(self) -> str:
        """The texts of the positive parts, joined."""
        return " ".join(part.text for part in self.parts if part.text is not None and part.weight > 0)

    @property
    def is_one_text(self) -> bool:
        """Whether it asks for text and nothing else."""
        return len(self.parts) == 1 and self.parts[0].text is not None and self.parts[0].weight > 0

    def embed(self, space: Encoders, pictures: Pictures = no_pictures) -> QueryVectors:
        """Raises ``InputError`` for input that the encoders refuse and for parts that cancel each other out."""
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

    @field_validator("parts", mode="before")
    @classmethod
    def _few_enough(cls, parts: Any) -> Any:
        if isinstance(parts, tuple | list) and len(parts) > MAX_PARTS:
            raise InputError(f"a question has at most {MAX_PARTS} parts, this one has {len(parts)}; leave some out")
        return parts

    @model_validator(mode="after")
    def _of_one_weight(self) -> Self:
        """In a "max" each part searches separately, and weights count only against the negatives."""
        if self.combine == "max" and len({part.weight for part in self.parts if part.weight > 0}) != 1:
            raise InputError("'max' needs positive parts of equal weight; combine by 'mean' to weight them")
        return self


def _renamed(settings: dict[str, Any]) -> dict[str, Any]:
    """The same under the names of today."""
    return {_OLD_NAMES.get(str(name), str(name)): value for name, value in settings.items()}
