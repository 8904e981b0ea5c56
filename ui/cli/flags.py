"""Flags that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import InputError

if TYPE_CHECKING:  # numpy comes with it
    from index.records import Modality

DEFAULT_CATALOGUE = Path.home() / ".placebind" / "demo"

CatalogueFlag = Annotated[Path, typer.Option("--catalogue", "-c", envvar="PLACEBIND_CATALOGUE", help="folder of the catalogue")]
CheckpointFlag = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", help="folder of the model; default: 'checkpoint' in the catalogue if there is one, else the shipped model"
    ),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="only estimate requests, bytes and time")]
JsonFlag = Annotated[bool, typer.Option("--json", help="print JSON to standard output")]


def kind_named(name: str) -> "Modality":
    """The modality that ``--in`` names. Raises ``InputError`` for anything else."""
    from index.records import MODALITIES

    for modality in MODALITIES:
        if name == modality:
            return modality
    raise InputError(f"--in takes {', '.join(MODALITIES)}; got '{name[:60]}'")
