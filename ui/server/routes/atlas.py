"""``/atlas``: web tiles with every location in the colour of its vector, or of an aspect of it, or of its cluster."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from retrieval.atlas.aspects import Aspect
from retrieval.atlas.clusters import MAX_CLUSTERS, MIN_CLUSTERS
from retrieval.atlas.paint import Colours, painted_png
from retrieval.heat.grids import MercatorTile
from ui.server.atlas import atlas_of
from ui.server.routes.common import ASK_AGAIN, FOR_EVER, cached, files, tiles_address
from ui.server.routes.heat import Step
from ui.server.routes.parameters import OfCatalogue
from ui.server.turns import ATLAS
from ui.server.workspace import Workspace

router = APIRouter(prefix="/atlas", tags=["atlas"])

Count = Annotated[int, Path(ge=MIN_CLUSTERS, le=MAX_CLUSTERS, description="how many clusters")]


class OfVersion(OfCatalogue):
    version: str = Field("", max_length=64, description="of the index: a tile of it never changes")


class OfAspect(OfVersion):
    aspect: Aspect = Field("whole", description="what is coloured; appearance and identity only where the model keeps them apart")


def components_address(workspace: Workspace, aspect: Aspect = "whole") -> str:
    """Where a map finds the tiles: {z}, {x} and {y} are for it to fill in. Another version of the index has another address."""
    return tiles_address(workspace, "atlas/components", aspect=aspect)


def umap_address(workspace: Workspace, aspect: Aspect = "whole") -> str:
    return tiles_address(workspace, "atlas/umap", aspect=aspect)


def clusters_address(workspace: Workspace, count: int) -> str:
    return tiles_address(workspace, f"atlas/clusters/{count}")


@router.get(
    "/components/{z}/{x}/{y}.png",
    summary="A web tile of the vectors' main directions",
    response_class=Response,
    responses=files("image/png", kept=True),
    dependencies=[ATLAS.needed],
)
def components_tile(request: Request, z: Step, x: Step, y: Step, given: Annotated[OfAspect, Query()]) -> Response:
    """256 px in Web Mercator: the first three principal components of the location vectors as colours of CIELAB; transparent at
    sea."""
    return _tile(
        request, MercatorTile(z, x, y), given, lambda: atlas_of(given.workspace).components(given.aspect).colours, given.aspect
    )


@router.get(
    "/umap/{z}/{x}/{y}.png",
    summary="A web tile of a UMAP of the vectors",
    response_class=Response,
    responses=files("image/png", kept=True),
    dependencies=[ATLAS.needed],
)
def umap_tile(request: Request, z: Step, x: Step, y: Step, given: Annotated[OfAspect, Query()]) -> Response:
    """256 px in Web Mercator: three coordinates of a UMAP as colours of CIELAB; transparent at sea. Needs umap-learn."""
    return _tile(request, MercatorTile(z, x, y), given, lambda: atlas_of(given.workspace).umap(given.aspect), given.aspect)


@router.get(
    "/clusters/{count}/{z}/{x}/{y}.png",
    summary="A web tile of clusters",
    response_class=Response,
    responses=files("image/png", kept=True),
    dependencies=[ATLAS.needed],
)
def clusters_tile(request: Request, count: Count, z: Step, x: Step, y: Step, given: Annotated[OfVersion, Query()]) -> Response:
    """256 px in Web Mercator: the locations in the colours of their clusters; transparent at sea."""
    return _tile(request, MercatorTile(z, x, y), given, lambda: atlas_of(given.workspace).clusters(count).colours)


def _tile(
    request: Request, tile: MercatorTile, given: OfVersion, colours: Callable[[], Colours], aspect: Aspect = "whole"
) -> Response:
    workspace, now = given.workspace, given.workspace.version
    tag = f"{now}{request.url.path}-{aspect}".replace("/", "-")
    keep = FOR_EVER if given.version == now else ASK_AGAIN
    return cached(request, lambda: painted_png(workspace.space.cells, colours(), tile), "image/png", tag, keep)
