"""``placebind info``: what is in a catalogue, and which model answers its searches."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from index.errors import CheckpointError
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, JsonFlag
from ui.console import out, plain, print_json


def info(catalogue: CatalogueFlag = DEFAULT_CATALOGUE, as_json: JsonFlag = False) -> None:
    """What the catalogue holds, what its tiles measured, and what is indexed by which model."""
    from index.records import MODALITIES
    from index.store.catalogue import Catalogue
    from index.store.inventory import waiting
    from index.store.own import described, own_fields
    from index.store.vectors import manifest_of

    opened = Catalogue.open(catalogue)
    tables: dict[str, Any] = {}
    for modality in MODALITIES:
        if not opened.has(modality):
            continue
        manifest = manifest_of(opened, modality)
        rows = opened.count(modality)
        tables[modality] = {
            "rows": rows,
            "indexed": manifest.rows if manifest else 0,
            "stale": waiting(opened, modality)[0],
            "model": manifest.model_digest if manifest else None,
            "own": [described(field) for field in own_fields(opened.dataset(modality).schema, modality)],
        }
    statistics = opened.band_statistics()
    used, about_model = _used_model(catalogue)
    if as_json:
        known = {"catalogue": str(catalogue), "checkpoint": str(used) if used else None, "tables": tables}
        print_json(known | {"band_statistics": [asdict(each) for each in statistics]})
    else:
        from ui.cli.tables import print_info

        print_info(str(catalogue), tables, statistics)
        out.print(plain(about_model), soft_wrap=True)


def _used_model(catalogue: Path) -> tuple[Path | None, str]:
    """The folder of the model that is used if none is named, None if there is none, and a sentence about it."""
    from train.checkpoint import Checkpoint
    from train.queries.light.encoders import LightEncoders
    from train.shipped import checkpoint_for, name_of

    try:
        folder = checkpoint_for(catalogue)
    except CheckpointError as error:
        return None, str(error)
    model = Checkpoint.open(folder)
    runs_by = "onnxruntime" if LightEncoders.of(model.path, model.digest) else "torch"
    return folder, f"it is asked with {name_of(folder)}, run by {runs_by}, unless --checkpoint names another"
