"""``/status``: what is served, what is indexed, and whether it is up to date."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from fastapi import APIRouter, Query

from index.errors import PlaceBindError
from index.records import MODALITIES, Modality
from index.store.catalogue import Catalogue
from index.store.inventory import waiting
from index.store.manifest import Manifest
from index.store.vectors import manifest_of
from train.checkpoint import Checkpoint
from ui.server import front
from ui.server.routes import answers
from ui.server.routes.parameters import OfCatalogue
from ui.server.workspace import Workspace, served

router = APIRouter(tags=["status"])


@router.get("/status", summary="What is served and indexed", response_model=answers.Status)
def status(given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """`stale` rows have no vector yet and cannot be found; `unlearnt` ones, by sensor, get none of this model. `problem` says why
    nothing can be asked, if so."""
    workspace = given.workspace
    catalogue = Catalogue.open(workspace.catalogue_folder)
    present = [modality for modality in MODALITIES if catalogue.has(modality)]
    return {
        "catalogues": list(served().names),
        "catalogue": workspace.name,
        "tables": {modality: _table(catalogue, modality) for modality in present},
        **_model(workspace),
        "front_end_missing": front.missing(),
        "versions": _versions(),
    }


def _table(catalogue: Catalogue, modality: Modality) -> dict[str, Any]:
    table, manifest = catalogue.dataset(modality), manifest_of(catalogue, modality)
    stale, unlearnt = waiting(catalogue, modality)
    return {"rows": table.count_rows(), "stale": stale, "unlearnt": unlearnt, "version": table.version, **_manifest(manifest)}


def _manifest(manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {"indexed": 0, "model_digest": None}
    return {"indexed": manifest.rows, "model_digest": manifest.model_digest, "source_dates": list(manifest.source_dates)}


def _versions() -> dict[str, str]:
    """Of what is installed: a server needs no torch."""
    found = {}
    for name in ("placebind", "streamlit", "lancedb", "pylance", "onnxruntime", "torch"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _model(workspace: Workspace) -> dict[str, Any]:
    try:
        model = Checkpoint.open(workspace.checkpoint_folder)
        space = workspace.space
    except PlaceBindError as error:
        return {"model_digest": None, "dim": None, "runs_by": None, "problem": str(error)}
    return {"model_digest": model.digest, "dim": space.dim, "runs_by": space.runs_by, "problem": None}
