"""``placebind check``: what is wrong in a catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, JsonFlag


def check(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    picture: Annotated[Path | None, typer.Option("--map", help="PNG file for a world map of the records and findings")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Look for wrong coordinates, duplicates and poor records in the catalogue; exit code 1 if there are errors among them."""
    from ui.cli.check import check as run

    if run(catalogue, as_json, picture):
        raise typer.Exit(1)
