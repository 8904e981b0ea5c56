"""``/classes``: a class taught by labels, as web tiles and files, with how far it can be believed."""

import time
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import Field

from index.records import Place
from index.settings import Settings
from retrieval.heat.grids import MercatorTile, WorldGrid
from retrieval.labels.files import write_map
from retrieval.labels.labels import MAX_CLASS_CHARACTERS, Label, Labels
from ui.server.routes import answers
from ui.server.routes.common import ASK_AGAIN, FOR_EVER, attachment, cached, files, tiles_address
from ui.server.routes.heat import GEOTIFF, Sized, Step
from ui.server.routes.parameters import OfCatalogue
from ui.server.turns import EXPORTS, HEATS

MOST_LABELS = 1_000  # the verdict takes some eighty fits
router = APIRouter(prefix="/classes", tags=["classes"])

Name = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="name of what was taught, from `/classes`")]


class Example(Settings):
    """A place and what it is an example of."""

    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    label: str = Field("yes", min_length=1, max_length=MAX_CLASS_CHARACTERS, description="'yes' and 'no', or names of classes")


class ToTeach(Settings):
    """Examples of classes."""

    examples: tuple[Example, ...] = Field(min_length=2, max_length=MOST_LABELS)


class Shown(OfCatalogue):
    show: str = Field("", max_length=MAX_CLASS_CHARACTERS, description="a class, or 'uncertainty'; default: 'yes', else the first")
    above: float = Field(0.5, ge=0, le=1, allow_inf_nan=False, description="value below which pixels are transparent")
    version: str = Field("", max_length=64, description="of the index, from the address in `tiles`: such a tile never changes")


@router.post("", summary="Teach classes by examples", response_model=answers.Taught, dependencies=[HEATS.needed])
def teach(asked: Annotated[ToTeach, Body()], given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """A classifier on the vectors of the examples' places. `verdict` says how often it is right where whole blocks of the globe are
    held out; `next` are the places where another label would tell most. Examples of one class alone stand against random places."""
    started, workspace = time.perf_counter(), given.workspace
    labels = Labels(tuple(Label(Place(lat=each.lat, lon=each.lon), each.label.strip()) for each in asked.examples))
    name = workspace.class_name(labels)
    taught = workspace.taught(name)
    return {
        "name": name,
        "tiles": tiles_address(workspace, f"classes/{name}"),
        "classes": list(taught.classes),
        "notes": list(taught.notes),
        "verdict": taught.verdict.as_dict(),
        "next": [each.as_dict() for each in taught.next_places()],
        "ms": round(1000 * (time.perf_counter() - started), 2),
    }


@router.get(
    "/{name}/{z}/{x}/{y}.png",
    summary="A web tile of a class",
    response_class=Response,
    responses=files("image/png", kept=True),
    dependencies=[HEATS.needed],
)
def tile(request: Request, name: Name, z: Step, x: Step, y: Step, given: Annotated[Shown, Query()]) -> Response:
    """256 px in Web Mercator. It never changes for a `version`, so that browsers keep it."""
    workspace, grid, now = given.workspace, MercatorTile(z, x, y), given.workspace.version
    taught = workspace.taught(name)
    show = taught.named(given.show)  # an unknown class is refused whether or not the browser has the tile
    tag = f"{name}-{now}-{z}-{x}-{y}-{given.above:g}-{quote(show, safe='')}"
    keep = FOR_EVER if given.version == now else ASK_AGAIN
    return cached(request, lambda: taught.png(grid, show, transparent_below=given.above), "image/png", tag, keep)


@router.get(
    "/{name}.tif",
    summary="All classes of the whole world as a GeoTIFF",
    response_class=Response,
    responses=files(GEOTIFF),
    dependencies=[EXPORTS.needed],
)
def geotiff(name: Name, given: Annotated[Sized, Query()]) -> Response:
    """Cloud-optimised, EPSG:4326; a band for each class, the last one is the uncertainty."""
    taught = given.workspace.taught(name)
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = FilePath(folder) / f"placebind-classes-{name}.tif"
        write_map(taught, file, WorldGrid(given.width, given.width // 2))
        return attachment(file, GEOTIFF)


@router.get("/{name}.geojson", summary="The labels", dependencies=[EXPORTS.needed])
def labels(name: Name, given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """GeoJSON points with the property `label`, as `placebind classify` reads them."""
    return given.workspace.taught(name).labels.as_geojson()
