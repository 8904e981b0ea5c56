"""Pictures in and out: ``/api/uploads``, ``/api/thumbnails``, ``/api/basemap`` and ``/api/outline.geojson``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response, UploadFile

from index.records import Tile
from retrieval.asking.photo import MAX_BYTES, Photo, read_image
from ui.server.basemap import blue_marble_tile, outline_geojson
from ui.server.routes.common import A_DAY, FOR_EVER, Served, cached
from ui.server.thumbnails import thumbnail

router = APIRouter(tags=["pictures"])


@router.post("/uploads", summary="Send a picture to ask with")
def upload(file: Annotated[UploadFile, "a GeoTIFF, PNG, JPEG or WebP"], workspace: Served) -> dict[str, Any]:
    """What it is is told by its content. The answer's `name` is what to ask with, as `image`; it is kept for a while."""
    content = file.file.read(MAX_BYTES + 1)
    image = read_image(content)
    return {"name": workspace.uploads.add(content), "bytes": len(content), **_described(image)}


@router.get("/thumbnails/{id_}.png", summary="A tile in true colour", response_class=Response)
def thumbnail_png(
    request: Request,
    id_: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="id of a tile, from a hit")],
    workspace: Served,
    size: Annotated[Literal["96", "256"], Query(description="pixels of the longer side")] = "96",
) -> Response:
    """Transparent where the tile has no data."""
    return cached(request, thumbnail(workspace.space.catalogue, id_, int(size)), "image/png", f"{id_}-{size}", A_DAY)


@router.get("/basemap/blue-marble/{z}/{x}/{y}.jpg", summary="The base map: NASA Blue Marble", response_class=Response)
def blue_marble(request: Request, z: int, x: int, y: int) -> Response:
    """Zooms 0 to 5."""
    return cached(request, blue_marble_tile(z, x, y), "image/jpeg", f"blue-marble-{z}-{x}-{y}", FOR_EVER)


@router.get("/outline.geojson", summary="Coasts and borders: Natural Earth 1:50m", response_class=Response)
def outline(request: Request) -> Response:
    return cached(request, outline_geojson(), "application/geo+json", "natural-earth-50m", A_DAY)


def _described(image: Tile | Photo) -> dict[str, Any]:
    _, height, width = image.pixels.shape
    place = {"lat": image.place.lat, "lon": image.place.lon} if image.place else None
    facts: dict[str, Any] = {"kind": "photo", "width": width, "height": height, "place": place}
    return facts if isinstance(image, Photo) else facts | {"kind": "geotiff", "sensor": image.sensor, "bands": list(image.bands)}
