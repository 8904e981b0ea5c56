"""What the routes answer, as models: the shape of each JSON answer, for the OpenAPI document and for clients made from it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from index.records import Modality
from retrieval.asking.question import Question


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(Body):
    error: str = Field(description="what was expected, what arrived, what to do")


class Point(Body):
    lat: float = Field(description="WGS84 degrees")
    lon: float = Field(description="WGS84 degrees")


class Contribution(Body):
    """What one part of the question adds to a score; the shares of all parts add up to it."""

    label: str
    weight: float
    cosine: float
    share: float


class NamedPlace(Body):
    id: str
    title: str
    lat: float
    lon: float
    distance_km: float
    cosine: float


class Why(Body):
    parts: list[Contribution]
    near: NamedPlace | None = Field(description="the nearest place with a name; null where that is the hit")


class Hit(Body):
    rank: int = Field(description="1 is the best; goes on over pages")
    modality: Modality
    id: str
    title: str
    lat: float
    lon: float
    score: float = Field(description="a cosine, -1 to 1")
    percentile: float | None = Field(description="the percentage of all records of its kind that it beats")
    distance_km: float | None = Field(description="from `origin`; null where there is none")
    link: str
    country: str
    snippet: str
    own: dict[str, bool | int | float | str | None] | None = Field(None, description="own columns of the record, where it has any")
    why: Why | None = None


class Confidence(Body):
    within_200_km: float = Field(description="probability that the place asked for lies so near to the best one, 0 to 1")
    within_750_km: float
    area_km2: float = Field(description="of the smallest region that holds 90 % of the probability")
    nowhere: bool | None = Field(description="whether the text is of no place in particular; null: not calibrated")
    calibrated: bool
    sentence: str


class Milliseconds(Body):
    total: float
    encode: float = Field(description="making vectors of the question")
    search: float = Field(description="finding the rows")
    read: float = Field(description="reading the records")


class MaybeNamed(Point):
    """A place that a name may mean."""

    name: str = Field(description="with its region and country")
    kind: str = Field(description="town, region, county, country, continent, or what a landmark is")
    country: str = Field(description="ISO 3166-1 code")
    people: int
    confidence: float = Field(description="probability that the name means it, 0 to 1")


class Named(MaybeNamed):
    """A place that a text names."""

    start: int = Field(description="of the name in the text, in characters")
    end: int
    text: str = Field(description="the name as the text has it")
    chosen: bool = Field(description="whether `meant` says so")
    sentence: str
    others: list[MaybeNamed] = Field(description="what else it may mean")


class Located(Body):
    texts: list[list[Named]] = Field(description="of each text its names in order")


class Answer(Body):
    query: str = Field(description="the question in one line")
    question: Question = Field(description="the question as it was understood; what is left out is default")
    ask: str = Field(description="the same for an address: `ask=`")
    notes: list[str] = Field(
        description="what in the texts was read as what, and which texts the model cannot read; a sentence each"
    )
    names: list[Named] = Field(description="the places that the texts name, which count in the answer")
    origin: Point | None = Field(description="where distances are measured from")
    confidence: Confidence | None = Field(description="of an answer to a text; else null")
    ways: dict[Modality, str] = Field(description="how hits of each kind were found")
    hits: dict[Modality, list[Hit]]
    next: str | None = Field(description="`cursor` of the next page; null where this is the last one")
    ms: Milliseconds


class Vectors(Body):
    dim: int
    model_digest: str
    texts: list[list[float]] | None = None
    places: list[list[float]] | None = None


class Peak(Point):
    score: float = Field(description="a cosine, -1 to 1")
    percentile: float = Field(description="the percentage of all locations that it beats")


class Colour(Body):
    percentile: float
    colour: str = Field(description="#rrggbb")


class Heat(Body):
    name: str = Field(description="of the heat in the other routes")
    tiles: str = Field(description="address of its web tiles; {z}, {x} and {y} are to be filled in")
    notes: list[str] = Field(
        description="what in the texts was read as what, and which texts the model cannot read; a sentence each"
    )
    names: list[Named] = Field(description="the places that the texts name, which count in the heat")
    peaks: list[Peak]
    legend: list[Colour]
    ms: float


class Verdict(Body):
    accuracy: float | None = Field(
        description="share right in blocks held out whole, each class weighing the same; null: too few labels"
    )
    nearest: float | None = Field(description="the same for the class of the nearest label")
    chance: float
    labels: int
    blocks: int
    curve: list[tuple[int, float]] = Field(description="number of labels, and the share right after learning from so many")
    sentence: str


class Unsure(Point):
    label: str = Field(description="the likeliest class there")
    probability: float


class Taught(Body):
    name: str = Field(description="of what was taught, in the other routes")
    tiles: str = Field(description="address of its web tiles; {z}, {x} and {y} are to be filled in")
    classes: list[str]
    notes: list[str]
    verdict: Verdict
    next: list[Unsure] = Field(description="where another label would tell most")
    ms: float


class Upload(Body):
    name: str = Field(description="what to ask with, as `image`")
    bytes: int
    kind: Literal["photo", "geotiff"]
    width: int
    height: int
    place: Point | None
    sensor: str | None = None
    bands: list[str] | None = None


class Table(Body):
    rows: int
    stale: int = Field(description="rows without a vector: they cannot be found")
    unlearnt: dict[str, int] = Field(description="tiles by sensor that the model never saw: they get no vector of it")
    version: int
    indexed: int
    model_digest: str | None
    source_dates: list[str] = []


class Status(Body):
    catalogues: list[str]
    catalogue: str
    tables: dict[Modality, Table]
    model_digest: str | None
    dim: int | None
    runs_by: str | None = Field(description="what the encoders run by: onnxruntime, torch, or both for different modalities")
    problem: str | None = Field(description="why nothing can be asked, if so")
    front_end_missing: list[str]
    versions: dict[str, str]
