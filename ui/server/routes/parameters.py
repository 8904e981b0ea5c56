"""What may stand in an address, each set as one model that refuses unknown names; and the ``Question`` that is made of it.

Address -> ``OfCatalogue``, ``Subject``, ``Asked`` or ``AskedByPage`` -> ``Question`` -> ``ui.server.workspace``.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from index.errors import InputError
from index.records import MODALITIES, Modality
from index.search.filters import Filter
from retrieval.asking.names.meant import Meant
from retrieval.asking.parts import MAX_TEXT_CHARACTERS, Item
from retrieval.asking.question import MAX_K, MAX_PARTS, Question
from ui.server.cursor import MAX_CHARACTERS
from ui.server.workspace import Workspace, served

PAGE_HITS = 200
MAX_PEAKS = 100
_SETTINGS = ("combine", "kinds", "k", "words", "centred", "direct", "apart_km", "verbatim", "names")
Texts = Annotated[list[str], Field(max_length=MAX_PARTS)]
Explain = Annotated[
    bool | None, Field(description="say why each hit is one, as `why`; default: where the question has several parts")
]


class Parameters(BaseModel):
    """None. ``why`` is added to what is said of a name that is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    why: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _are_known(cls, given: Any) -> Any:
        if unknown := [name for name in given if name not in cls.model_fields]:
            known = f"it takes {', '.join(cls.model_fields)}" if cls.model_fields else "it takes none"
            raise InputError(f"there is no parameter '{unknown[0][:40]}' here{cls.why}; {known}")
        return given


class OfCatalogue(Parameters):
    catalogue: str = Field("", max_length=200, description="name of the catalogue; default: the first")

    @property
    def workspace(self) -> Workspace:
        """Raises ``NotHereError`` for a name that is not served."""
        return served().get(self.catalogue)


class Subject(OfCatalogue):
    """What is asked for: text, place, image and records count the same; ``unlike`` counts against."""

    text: str | None = Field(None, max_length=MAX_TEXT_CHARACTERS, description="what to look for, in words")
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False, description="latitude to ask with, WGS84 degrees")
    lon: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False, description="longitude to ask with, WGS84 degrees")
    image: str | None = Field(None, description="name of an upload to ask with, from `POST /uploads`")
    like: Texts = Field([], description="a record to ask with, as articles:ID; may be repeated")
    unlike: Texts = Field([], description="a record, or words, to ask away from; may be repeated")
    combine: Literal["mean", "max"] = Field("mean", description="sum up all parts, or take the part that fits best")
    verbatim: bool = Field(False, description="take the text as it is: read no coordinates and no filters out of it")
    names: bool = Field(True, description="look up the places that the text names, beside its meaning")
    meant: Texts = Field([], description="what a name in the text means, as Vienna=38.9,-77.27; Nice= is no place; may be repeated")
    ask: str | None = Field(None, description="a whole question as JSON, as in the address of the page; instead of all others")

    beside: ClassVar[tuple[str, ...]] = ("catalogue", "ask")  # what is no question's

    @property
    def question(self) -> Question:
        """Raises ``InputError`` or ``ConfigError`` for what cannot be asked."""
        given = [name for name in type(self).model_fields if name in self.model_fields_set and name not in self.beside]
        if self.ask is None:
            return Question.parse(self._values(given), where="question")
        if given:
            raise InputError(f"ask= holds a whole question, so {given[0]}= cannot stand beside it; put it into the question")
        return Question.from_link(self.ask)

    def _values(self, given: list[str]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in given}
        settings = {name: value for name, value in values.items() if name in _SETTINGS}
        filters = {name: value for name, value in values.items() if name in Filter.model_fields}
        if "meant" in given:
            settings["meant"] = tuple(Meant.read(each) for each in self.meant)
        return {"parts": self._parts(), **settings} | ({"filter": filters} if filters else {})

    def _parts(self) -> list[dict[str, Any]]:
        if (self.lat is None) != (self.lon is None):
            raise InputError("a place needs both lat and lon")
        parts: list[dict[str, Any]] = [{name: given} for name in ("text", "image") if (given := getattr(self, name)) is not None]
        parts += [{"place": {"lat": self.lat, "lon": self.lon}}] if self.lat is not None else []
        parts += [{"record": Item.named(each)} for each in self.like]
        if not parts:
            raise InputError("ask with text=, with lat= and lon=, with image=, with like=, or with a whole question as ask=")
        away = [{"record": Item.named(each)} if Item.is_name(each) else {"text": each} for each in self.unlike]
        return [*parts, *({**each, "weight": -1.0} for each in away)]


class Asked(Subject):
    kinds: list[Modality] = Field(
        [], max_length=len(MODALITIES), description="what to search; may be repeated; default: all that is indexed"
    )
    k: int = Field(10, ge=1, le=MAX_K, description="hits of each kind")
    bbox: str | None = Field(None, description="only within south,west,north,east; west > east crosses 180")
    polygon: str | None = Field(None, description="only within these polygons, as GeoJSON")
    near: str | None = Field(None, description="only within lat,lon,km")
    inside: list[str] = Field([], description="only in this continent or country, by position; may be repeated")
    outside: list[str] = Field([], description="not in this continent or country, by position; may be repeated")
    coast_km: float | None = Field(None, gt=0, allow_inf_nan=False, description="only so near to the sea")
    elevation_m: str | None = Field(None, description="only where the ground is so high: least/most metres, as 2000/")
    countries: list[str] = Field([], description="only of this country, by what the records say; may be repeated")
    sources: list[str] = Field([], description="only of this source; may be repeated")
    licences: list[str] = Field([], description="only under this licence; may be repeated")
    splits: list[str] = Field([], description="only of this split: train, val or test; may be repeated")
    sensors: list[str] = Field([], description="only tiles of this sensor; may be repeated")
    dates: str | None = Field(None, description="only tiles of these days, as 2021-06-01/2021-08-31")
    where: str = Field("", description="only what fulfils this SQL condition over the columns, as valid > 0.9")
    words: bool = Field(False, description="count the words of the text too, not only their meaning")
    centred: bool = Field(False, description="take the gap between modalities out of the scores")
    direct: bool = Field(
        False, description="compare texts with tiles, and pictures with articles, themselves instead of by position"
    )
    apart_km: float | None = Field(None, ge=0, allow_inf_nan=False, description="least distance between hits")


class AskedByPage(Asked):
    """As ``Asked``, a page of hits at a time."""

    k: int = Field(10, ge=1, le=PAGE_HITS, description="hits of each kind, on this page")
    cursor: str = Field("", max_length=MAX_CHARACTERS, description="`next` of the page before, beside the same question")
    explain: Explain = None

    beside: ClassVar[tuple[str, ...]] = (*Subject.beside, "cursor", "explain")


class PageOfCatalogue(OfCatalogue):
    """What stands in the address where the question is in the body."""

    cursor: str = Field("", max_length=MAX_CHARACTERS, description="`next` of the page before, beside the same question")
    explain: Explain = None


Peaks = Annotated[int, Field(ge=1, le=MAX_PEAKS, description="best places to name, at least 500 km apart")]
ONLY_PARTS = ": a heat map is of all locations on Earth"


class HeatOfSubject(Subject):
    peaks: Peaks = 10

    why: ClassVar[str] = ONLY_PARTS
    beside: ClassVar[tuple[str, ...]] = (*Subject.beside, "peaks")


class HeatOfCatalogue(OfCatalogue):
    peaks: Peaks = 10
