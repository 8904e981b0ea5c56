"""``/api/heat``: how well every location fits a question, as web tiles, as files, and its peaks."""

import time
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from retrieval.asking.question import Question
from retrieval.heat.colours import palette
from retrieval.heat.grids import WorldGrid
from retrieval.heat.heat_files import write_heat_geotiff
from ui.server.routes.common import ASK_AGAIN, FOR_EVER, Served, cached
from ui.server.routes.search import Asked, attachment
from ui.server.workspace import Workspace

MAX_WIDTH_PX = 4096
LEGEND_STEPS = 5
router = APIRouter(prefix="/heat", tags=["heat"])

Name = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="name of the heat, from `/api/heat`")]
Above = Annotated[float, Query(ge=0, le=100, allow_inf_nan=False, description="percentile below which pixels are transparent")]
Look = Annotated[
    Literal["percentile", "probability"],
    Query(
        description="percentile: how many places fit less well; probability: the percentage of the probability that lies at no "
        "likelier places, so that above=10 leaves the smallest region that holds 90 % of it"
    ),
]
Width = Annotated[int, Query(ge=16, le=MAX_WIDTH_PX, description="pixels around the world; half as many from pole to pole")]


def tiles_address(workspace: Workspace, name: str) -> str:
    """Where a map finds the tiles of a heat; {z}, {x} and {y} are for it to fill in. A changed index has other addresses."""
    return f"/api/heat/{name}/{{z}}/{{x}}/{{y}}.png?catalogue={quote(workspace.name, safe='')}&version={workspace.version}"


@router.get("", summary="Draw how well every location on Earth fits a question")
def heat(
    question: Asked,
    workspace: Served,
    peaks: Annotated[int, Query(ge=1, le=100, description="best places to name, at least 500 km apart")] = 10,
) -> dict[str, Any]:
    """`tiles` is the address of web tiles; the best places come as `peaks`. `legend` has the colours of percentiles."""
    started = time.perf_counter()
    name = workspace.heat_name(question)
    best = workspace.heat(name).peaks(peaks)
    return {
        "name": name,
        "tiles": tiles_address(workspace, name),
        "peaks": [
            {"lat": peak.place.lat, "lon": peak.place.lon, "score": peak.cosine, "percentile": peak.percentile} for peak in best
        ],
        "legend": legend(),
        "ms": round(1000 * (time.perf_counter() - started), 2),
    }


@router.post("", summary="The same for a question as JSON")
def heat_json(question: Question, workspace: Served) -> dict[str, Any]:
    return heat(question, workspace)


@router.get("/{name}/{z}/{x}/{y}.png", summary="A web tile", response_class=Response)
def tile(
    request: Request, name: Name, z: int, x: int, y: int, workspace: Served, above: Above = 0, look: Look = "percentile",
    version: str = "",
) -> Response:  # fmt: skip
    """256 px in Web Mercator. It never changes for a `version`, so that browsers keep it."""
    now = workspace.version
    tag = f"{name}-{now}-{z}-{x}-{y}-{above:g}-{look}"
    content = workspace.heat(name).tile_png(z, x, y, transparent_below=above, scale=look)
    return cached(request, content, "image/png", tag, FOR_EVER if version == now else ASK_AGAIN)


@router.get("/{name}.tif", summary="The whole world as a GeoTIFF", response_class=Response)
def geotiff(name: Name, workspace: Served, width: Width = 2048) -> Response:
    """Cloud-optimised, EPSG:4326; band 1 holds cosines, band 2 percentiles."""
    heat, question = workspace.heat(name), workspace.question(name)
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = FilePath(folder) / f"placebind-heat-{name}.tif"
        write_heat_geotiff(heat, file, WorldGrid(width, width // 2), query=question.label)
        return attachment(file, "image/tiff; application=geotiff; profile=cloud-optimized")


@router.get("/{name}.png", summary="The whole world as a picture", response_class=Response)
def png(name: Name, workspace: Served, width: Width = 2048, above: Above = 0, look: Look = "percentile") -> Response:
    content = workspace.heat(name).png(WorldGrid(width, width // 2), transparent_below=above, scale=look)
    return Response(content, media_type="image/png", headers={"Cache-Control": ASK_AGAIN})


def legend() -> list[dict[str, Any]]:
    """Percentiles and their colours, from the worst to the best."""
    steps = [number / (LEGEND_STEPS - 1) for number in range(LEGEND_STEPS)]
    return [{"percentile": 100 * step, "colour": "#" + bytes(palette()[1 + round(step * 254), :3]).hex()} for step in steps]
