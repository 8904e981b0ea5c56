"""Pictures in and out: ``/uploads``, ``/thumbnails``, ``/basemap`` and ``/outline.geojson``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response, UploadFile
from pydantic import Field

from index.records import Tile
from retrieval.asking.photo import MAX_BYTES, Photo, read_image
from ui.server.basemap import blue_marble_tile, outline_geojson
from ui.server.routes import answers
from ui.server.routes.common import A_DAY, FOR_EVER, cached, files
from ui.server.routes.heat import Step
from ui.server.routes.parameters import OfCatalogue, Parameters
from ui.server.thumbnails import thumbnail
from ui.server.turns import UPLOADS

router = APIRouter(tags=["pictures"])


class Side(OfCatalogue):
    size: Literal["96", "256"] = Field("96", description="pixels of the longer side")


@router.post(
    "/uploads",
    summary="Send a picture to ask with",
    response_model=answers.Upload,
    response_model_exclude_unset=True,
    dependencies=[UPLOADS.needed],
)
def upload(file: Annotated[UploadFile, "a GeoTIFF, PNG, JPEG or WebP"], given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """What it is is told by its content. The answer's `name` is what to ask with, as `image`; it is kept for a while."""
    content = file.file.read(MAX_BYTES + 1)
    image = read_image(content)
    return {"name": given.workspace.uploads.add(content), "bytes": len(content), **_described(image)}


@router.get(
    "/thumbnails/{id_}.png",
    summary="A tile in true colour",
    response_class=Response,
    responses=files("image/png", kept=True),
)
def thumbnail_png(
    request: Request,
    id_: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="id of a tile, from a hit")],
    given: Annotated[Side, Query()],
) -> Response:
    """Transparent where the tile has no data."""
    catalogue, side_px = given.workspace.space.catalogue, int(given.size)
    return cached(request, lambda: thumbnail(catalogue, id_, side_px), "image/png", f"{id_}-{given.size}", A_DAY)


@router.get(
    "/basemap/blue-marble/{z}/{x}/{y}.jpg",
    summary="The base map: NASA Blue Marble",
    response_class=Response,
    responses=files("image/jpeg", kept=True),
)
def blue_marble(request: Request, z: Step, x: Step, y: Step, given: Annotated[Parameters, Query()]) -> Response:
    """Zooms 0 to 5."""
    return cached(request, lambda: blue_marble_tile(z, x, y), "image/jpeg", f"blue-marble-{z}-{x}-{y}", FOR_EVER)


@router.get(
    "/outline.geojson",
    summary="Coasts and borders: Natural Earth 1:50m",
    response_class=Response,
    responses=files("application/geo+json", kept=True),
)
def outline(request: Request, given: Annotated[Parameters, Query()]) -> Response:
    return cached(request, outline_geojson, "application/geo+json", "natural-earth-50m", A_DAY)


def _described(image: Tile | Photo) -> dict[str, Any]:
    _, height, width = image.pixels.shape
    place = {"lat": image.place.lat, "lon": image.place.lon} if image.place else None
    facts: dict[str, Any] = {"kind": "photo", "width": width, "height": height, "place": place}
    return facts if isinstance(image, Photo) else facts | {"kind": "geotiff", "sensor": image.sensor, "bands": list(image.bands)}
