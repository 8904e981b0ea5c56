"""``/api/status``: what is served, what is indexed, and whether it is up to date."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter

from index.errors import PlaceBindError
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue
from index.store.inventory import waiting
from index.store.manifest import Manifest
from index.store.vectors import manifest_of
from train.checkpoint import Checkpoint
from ui.server import front
from ui.server.routes.common import Served
from ui.server.workspace import Workspace, served

router = APIRouter(tags=["status"])


@router.get("/status", summary="What is served and indexed")
def status(workspace: Served) -> dict[str, Any]:
    """`stale` rows have no vector yet and cannot be found; `unlearnt` ones, by sensor, get none of this model. `problem` says why
    nothing can be asked, if so."""
    catalogue = Catalogue.open(workspace.catalogue_folder)
    present = [modality for modality in MODALITIES if catalogue.has(modality)]
    return {
        "catalogues": list(served().names),
        "catalogue": workspace.name,
        "tables": {modality: _table(catalogue, modality) for modality in present},
        **_model(workspace),
        "front_end_missing": front.missing(),
        "versions": {name: version(name) for name in ("placebind", "streamlit", "lancedb", "torch")},
    }


def _table(catalogue: Catalogue, modality: Modality) -> dict[str, Any]:
    table, manifest = catalogue.table(modality), manifest_of(catalogue, modality)
    stale, unlearnt = waiting(catalogue, modality)
    return {"rows": table.count_rows(), "stale": stale, "unlearnt": unlearnt, "version": table.version, **_manifest(manifest)}


def _manifest(manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {"indexed": 0, "model_digest": None}
    return {"indexed": manifest.rows, "model_digest": manifest.model_digest, "source_dates": list(manifest.source_dates)}


def _model(workspace: Workspace) -> dict[str, Any]:
    try:
        model = Checkpoint.open(workspace.checkpoint_folder)
        space = workspace.space
    except PlaceBindError as error:
        return {"model_digest": None, "dim": None, "problem": str(error)}
    return {"model_digest": model.digest, "dim": space.dim, "problem": None}
