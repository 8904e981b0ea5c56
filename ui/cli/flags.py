"""Flags that several commands have."""

import os
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
CataloguesFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--catalogue", "-c", help="folder of a catalogue, or NAME=FOLDER; repeat it to compare models", show_default=False
    ),
]
HostFlag = Annotated[str, typer.Option(help="address to listen on; 0.0.0.0: everywhere, which wants a --token")]
PublicNameFlag = Annotated[list[str] | None, typer.Option(help="name that a proxy gives it, as maps.example; may be repeated")]
BasePathFlag = Annotated[str, typer.Option(help="path that a proxy passes on to it, as /maps")]
TokenFlag = Annotated[
    str, typer.Option(envvar="PLACEBIND_TOKEN", help="what visitors must know: they come with ?token=…", show_default=False)
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


def catalogues_or_default(given: list[str] | None) -> list[str]:
    """What a server is to open: ``--catalogue`` may be repeated, the environment names one."""
    return given or [os.environ.get("PLACEBIND_CATALOGUE") or str(DEFAULT_CATALOGUE)]
