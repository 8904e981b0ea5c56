"""What is asked on the map and over HTTP, as data: one frozen model for the page, the API and the permalink.

Page, API or ``?ask=`` -> here -> ``retrieval.asking.query.Query`` and ``retrieval.ranking.search.How`` -> a ``Workspace`` answers.
"""

import json
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from index.errors import InputError
from index.records import Modality, Place
from index.search.filters import Filter
from index.settings import Settings
from retrieval.asking.parts import Item, Part, Subject
from retrieval.asking.query import Query
from retrieval.ranking.diversify import Diversity
from retrieval.ranking.search import How
from ui.server.uploads import Uploads

MAX_PARTS = 32
MAX_TEXT_CHARACTERS = 10_000
MAX_K = 200


class Where(Settings):
    """A point in WGS84 degrees."""

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class Record(Settings):
    """A record of the catalogue: its modality and its id, 32 hexadecimal digits."""

    modality: Modality
    id: str = Field(pattern=r"^[0-9a-f]{32}$")


class AskedPart(Settings):
    """One thing asked for, or with a negative weight away from: a text, a place, a record, or an uploaded image by its name."""

    text: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS)
    place: Where | None = None
    record: Record | None = None
    image: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="name of an upload: the SHA-256 of its bytes")
    weight: float = Field(default=1.0, ge=-10, le=10)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [name for name in ("text", "place", "record", "image") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a part is one of text, place, record or image, got {', '.join(given) or 'none'}")
        return self

    def subject(self, uploads: Uploads) -> Subject:
        if self.place:
            return Place(lat=self.place.lat, lon=self.place.lon)
        if self.record:
            return Item(self.record.modality, self.record.id)
        return uploads.read(self.image) if self.image else str(self.text)  # not its file: answers show what they were asked


class Question(Settings):
    """Raises ``ConfigError`` from ``parse``, and ``InputError`` from ``query`` and ``how``, for what cannot be asked."""

    parts: tuple[AskedPart, ...] = Field(min_length=1, max_length=MAX_PARTS)
    combine: Literal["mean", "max"] = "mean"
    into: tuple[Modality, ...] = Field(default=(), description="what to search; empty: all that is indexed")
    k: int = Field(default=10, ge=1, le=MAX_K, description="hits of each modality")
    filter: dict[str, Any] = Field(
        default_factory=dict, description="as index.search.filters.Filter: bbox, polygon, near, countries, …"
    )
    words: bool = Field(default=False, description="count the words of a text too, not only their meaning")
    centred: bool = Field(default=False, description="take the gap between modalities out of the scores")
    direct: bool = Field(
        default=False, description="compare texts with tiles, and pictures with articles, themselves instead of by position"
    )
    apart_km: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="least distance between hits")

    @classmethod
    def of_text(cls, text: str, **more: Any) -> Self:
        return cls.parse({"parts": [{"text": text}], **more}, where="question")

    @classmethod
    def from_link(cls, text: str) -> Self:
        """The question of a permalink. Raises ``InputError`` for one that is damaged."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):  # the latter from brackets in brackets in brackets
            values = None
        if not isinstance(values, dict):
            raise InputError("the link is damaged: what it asks for cannot be read; ask again and copy the new link")
        return cls.parse(values, where="link")

    def to_link(self) -> str:
        """Compact JSON without what is default."""
        return self.model_dump_json(exclude_defaults=True)

    def query(self, uploads: Uploads) -> Query:
        return Query(tuple(Part(each.subject(uploads), each.weight) for each in self.parts), combine=self.combine)

    def how(self) -> How:
        return How(
            filter=Filter.parse(self.filter, where="question"),
            diversity=Diversity(apart_km=self.apart_km),
            words=self.words,
            centred=self.centred,
            direct=self.direct,
        )

    def as_text(self) -> str:
        return " + ".join(_as_text(part) for part in self.parts)


def _as_text(part: AskedPart) -> str:
    sign = "−" if part.weight < 0 else ""
    if part.text is not None:
        return sign + part.text
    if part.place:
        return f"{sign}{part.place.lat:.4f}, {part.place.lon:.4f}"
    return f"{sign}{part.record.modality} {part.record.id[:8]}" if part.record else f"{sign}image"
