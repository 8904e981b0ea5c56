"""How an answer is made: which records may answer, and what hits are compared and ordered by."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_serializer, field_validator

from index.search.filters import Filter
from index.settings import Settings
from retrieval.asking.names.meant import Meant

MOST_MEANT = 32


class How(Settings):
    """Raises ``ConfigError`` or ``InputError`` for an impossible filter."""

    filter: Filter = Field(default_factory=lambda: Filter.parse({}), description="which records may answer")
    words: bool = Field(default=False, description="search the words of a text too, not only its meaning")
    centred: bool = Field(default=False, description="remove the gap between modalities from the scores")
    direct: bool = Field(
        default=False, description="compare texts with tiles, and pictures with articles, directly instead of by position"
    )
    names: bool = Field(default=True, description="look up the places that a text names, beside its meaning")
    meant: tuple[Meant, ...] = Field(default=(), max_length=MOST_MEANT, description="what names in the texts mean")
    apart_km: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="least geodesic distance between hits")

    def pieces(self) -> Iterator[tuple[str, str]]:
        """The settings that are not as by default, for people: field (of the filter: its fields) and what it does."""
        yield from self.filter.pieces()
        if self.words:
            yield "words", "the words themselves count too"
        if not self.names:
            yield "names", "names are not looked up"
        for each in self.meant:
            yield f"meant:{each.name}", f"{each.name}: {each.place or 'no place'}"
        if self.centred:
            yield "centred", "scores without the gap between kinds"
        if self.direct:
            yield "direct", "texts and pictures compared themselves, not by position"
        if self.apart_km:
            yield "apart_km", f"hits at least {self.apart_km:,g} km apart"

    @field_validator("filter", mode="before")
    @classmethod
    def _read_filter(cls, given: Any) -> Any:
        return Filter.parse(given, where="filter") if isinstance(given, dict) else given

    @field_serializer("filter")
    def _filter_values(self, given: Filter) -> dict[str, Any]:
        return given.as_values()
