"""``placebind calibrate``: fit how sure a model is of texts."""

from typing import Annotated

import typer

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag


def calibrate(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="calibrate again, or although the catalogue's index is of this model")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fit how sure a model is of texts on the catalogue's held-out articles, and save that in the model. Run it before
    `placebind index build`: it changes the model's file, and an older index does not belong to the changed model."""
    from ui.cli.calibrating import calibrate_model

    calibrate_model(checkpoint, catalogue, overwrite=overwrite, as_json=as_json)
