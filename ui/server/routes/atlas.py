"""``/api/atlas``: web tiles with every location in the colour of its components or of its cluster."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from retrieval.atlas.clusters import MAX_CLUSTERS, MIN_CLUSTERS
from retrieval.atlas.paint import Colours, painted_png
from retrieval.heat.grids import MercatorTile
from ui.server.atlas import atlas_of
from ui.server.routes.common import ASK_AGAIN, FOR_EVER, Served, cached
from ui.server.workspace import Workspace

router = APIRouter(prefix="/atlas", tags=["atlas"])

Count = Annotated[int, Path(ge=MIN_CLUSTERS, le=MAX_CLUSTERS, description="how many clusters")]


def components_address(workspace: Workspace) -> str:
    """Where a map finds the tiles: {z}, {x} and {y} are for it to fill in. Another version of the index has another address."""
    return _address(workspace, "components")


def umap_address(workspace: Workspace) -> str:
    return _address(workspace, "umap")


def clusters_address(workspace: Workspace, count: int) -> str:
    return _address(workspace, f"clusters/{count}")


@router.get("/components/{z}/{x}/{y}.png", summary="A web tile of the vectors' main directions", response_class=Response)
def components_tile(request: Request, z: int, x: int, y: int, workspace: Served, version: str = "") -> Response:
    """256 px in Web Mercator: the first three principal components of the location vectors as colours of CIELAB; transparent at
    sea."""
    return _tile(request, MercatorTile(z, x, y), workspace, atlas_of(workspace).components().colours, version)


@router.get("/umap/{z}/{x}/{y}.png", summary="A web tile of a UMAP of the vectors", response_class=Response)
def umap_tile(request: Request, z: int, x: int, y: int, workspace: Served, version: str = "") -> Response:
    """256 px in Web Mercator: three coordinates of a UMAP as colours of CIELAB; transparent at sea. Needs umap-learn."""
    return _tile(request, MercatorTile(z, x, y), workspace, atlas_of(workspace).umap(), version)


@router.get("/clusters/{count}/{z}/{x}/{y}.png", summary="A web tile of clusters", response_class=Response)
def clusters_tile(request: Request, count: Count, z: int, x: int, y: int, workspace: Served, version: str = "") -> Response:
    """256 px in Web Mercator: the locations in the colours of their clusters; transparent at sea."""
    return _tile(request, MercatorTile(z, x, y), workspace, atlas_of(workspace).clusters(count).colours, version)


def _address(workspace: Workspace, layer: str) -> str:
    return f"/api/atlas/{layer}/{{z}}/{{x}}/{{y}}.png?catalogue={quote(workspace.name, safe='')}&version={workspace.version}"


def _tile(request: Request, tile: MercatorTile, workspace: Workspace, colours: Colours, version: str) -> Response:
    now = workspace.version
    content = painted_png(workspace.space.cells, colours, tile)
    return cached(
        request, content, "image/png", f"{now}{request.url.path}".replace("/", "-"), FOR_EVER if version == now else ASK_AGAIN
    )
