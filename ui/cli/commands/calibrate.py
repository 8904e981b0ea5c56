"""``placebind calibrate``: fit how sure a model is of texts."""

from typing import Annotated

import typer

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag


def calibrate(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="calibrate anew, or although the catalogue's index is of the model as it is")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fit how sure a model is of texts on the catalogue's held-out articles, and keep that with it. Before `placebind index build`:
    the file of the model becomes another, to which an index made before does not belong."""
    from ui.cli.calibrating import calibrate_model

    calibrate_model(checkpoint, catalogue, overwrite=overwrite, as_json=as_json)
