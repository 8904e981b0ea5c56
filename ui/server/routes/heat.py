"""``/heat``: how well every location fits a question, as web tiles, as files, and its peaks."""

import time
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, model_validator

from index.errors import InputError
from index.settings import Settings
from retrieval.asking.how import MOST_MEANT
from retrieval.asking.names.meant import Meant
from retrieval.asking.parts import Part
from retrieval.asking.question import MAX_PARTS, Question
from retrieval.heat.colours import palette
from retrieval.heat.grids import MercatorTile, WorldGrid
from retrieval.heat.heat_files import write_heat_geotiff
from ui.server.routes import answers
from ui.server.routes.common import ASK_AGAIN, FOR_EVER, attachment, cached, files, tiles_address
from ui.server.routes.parameters import ONLY_PARTS, HeatOfCatalogue, HeatOfSubject, OfCatalogue
from ui.server.turns import EXPORTS, HEATS
from ui.server.workspace import Workspace

MAX_WIDTH_PX = 4096
LEGEND_STEPS = 5
GEOTIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
router = APIRouter(prefix="/heat", tags=["heat"])

Name = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="name of the heat, from `/heat`")]
Step = Annotated[int, Path(description="of the tile, as web maps count")]


class Sized(OfCatalogue):
    width: int = Field(2048, ge=16, le=MAX_WIDTH_PX, description="pixels around the world; half as many from pole to pole")


class Drawn(OfCatalogue):
    above: float = Field(0, ge=0, le=100, allow_inf_nan=False, description="percentile below which pixels are transparent")
    look: Literal["percentile", "probability"] = Field(
        "percentile",
        description="percentile: how many places fit less well; probability: the percentage of the probability that lies at no "
        "likelier places, so that above=10 leaves the smallest region that holds 90 % of it",
    )


class Picture(Drawn, Sized):
    """The look and the size."""


class TileOfVersion(Drawn):
    version: str = Field("", max_length=64, description="of the index, from the address in `tiles`: such a tile never changes")


class OnlyParts(Settings):
    """The part of a question that a heat map knows."""

    parts: tuple[Part, ...] = Field(min_length=1, max_length=MAX_PARTS, description="what is asked for, or away from")
    combine: Literal["mean", "max"] = Field(default="mean", description="sum up all parts, or take the part that fits best")
    verbatim: bool = Field(default=False, description="take texts as they are: read no coordinates out of them")
    names: bool = Field(default=True, description="look up the places that a text names, beside its meaning")
    meant: tuple[Meant, ...] = Field(default=(), max_length=MOST_MEANT, description="what names in the texts mean")

    @classmethod
    def of(cls, question: Question) -> Self:
        """Raises ``InputError`` if it has more than these parts."""
        plain = Question(parts=question.parts)
        given = {name: value for name, value in question if value != getattr(plain, name)}
        return cls.parse({"parts": question.parts, **given}, where="question")

    @model_validator(mode="before")
    @classmethod
    def _no_more(cls, given: Any) -> Any:
        if isinstance(given, dict) and (more := sorted(given.keys() - cls.model_fields.keys())):
            raise InputError(f"there is no '{more[0][:40]}' here{ONLY_PARTS}; it takes {', '.join(cls.model_fields)}")
        return given


@router.get(
    "",
    summary="Draw how well every location on Earth fits a question",
    response_model=answers.Heat,
    dependencies=[HEATS.needed],
)
def heat(given: Annotated[HeatOfSubject, Query()]) -> dict[str, Any]:
    """`tiles` is the address of web tiles; the best places come as `peaks`. `legend` has the colours of percentiles. Of `ask` only
    parts, combine and verbatim are allowed: the heat is of all locations."""
    return _drawn(given.workspace, OnlyParts.of(given.question), given.peaks)


@router.post("", summary="The same for a question as JSON", response_model=answers.Heat, dependencies=[HEATS.needed])
def heat_json(question: OnlyParts, given: Annotated[HeatOfCatalogue, Query()]) -> dict[str, Any]:
    return _drawn(given.workspace, question, given.peaks)


@router.get(
    "/{name}/{z}/{x}/{y}.png",
    summary="A web tile",
    response_class=Response,
    responses=files("image/png", kept=True),
    dependencies=[HEATS.needed],
)
def tile(request: Request, name: Name, z: Step, x: Step, y: Step, given: Annotated[TileOfVersion, Query()]) -> Response:
    """256 px in Web Mercator. It never changes for a `version`, so that browsers keep it."""
    workspace, grid, now = given.workspace, MercatorTile(z, x, y), given.workspace.version
    tag = f"{name}-{now}-{z}-{x}-{y}-{given.above:g}-{given.look}"
    keep = FOR_EVER if given.version == now else ASK_AGAIN
    return cached(
        request,
        lambda: workspace.heat(name).png(grid, transparent_below=given.above, scale=given.look),
        "image/png", tag, keep,
    )  # fmt: skip


@router.get(
    "/{name}.tif",
    summary="The whole world as a GeoTIFF",
    response_class=Response,
    responses=files(GEOTIFF),
    dependencies=[EXPORTS.needed],
)
def geotiff(name: Name, given: Annotated[Sized, Query()]) -> Response:
    """Cloud-optimised, EPSG:4326; band 1 holds cosines, band 2 percentiles."""
    heat, question = given.workspace.heat(name), given.workspace.question(name)
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = FilePath(folder) / f"placebind-heat-{name}.tif"
        write_heat_geotiff(heat, file, WorldGrid(given.width, given.width // 2), query=question.label)
        return attachment(file, GEOTIFF)


@router.get(
    "/{name}.png",
    summary="The whole world as a picture",
    response_class=Response,
    responses=files("image/png"),
    dependencies=[EXPORTS.needed],
)
def png(name: Name, given: Annotated[Picture, Query()]) -> Response:
    grid = WorldGrid(given.width, given.width // 2)
    content = given.workspace.heat(name).png(grid, transparent_below=given.above, scale=given.look)
    return Response(content, media_type="image/png", headers={"Cache-Control": ASK_AGAIN})


def legend() -> list[dict[str, Any]]:
    """Percentiles and their colours, from the worst to the best."""
    steps = [number / (LEGEND_STEPS - 1) for number in range(LEGEND_STEPS)]
    return [{"percentile": 100 * step, "colour": "#" + bytes(palette()[1 + round(step * 254), :3]).hex()} for step in steps]


def _drawn(workspace: Workspace, asked: OnlyParts, peaks: int) -> dict[str, Any]:
    started = time.perf_counter()
    question = Question(**dict(asked))
    name = workspace.heat_name(question)
    found = workspace.heat(name)
    return {
        "name": name,
        "tiles": tiles_address(workspace, f"heat/{name}"),
        "notes": list(found.notes),
        "names": [named.as_dict() for named in found.names],
        "peaks": [
            {"lat": peak.place.lat, "lon": peak.place.lon, "score": peak.cosine, "percentile": peak.percentile}
            for peak in found.peaks(peaks)
        ],
        "legend": legend(),
        "ms": round(1000 * (time.perf_counter() - started), 2),
    }
