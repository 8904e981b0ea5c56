"""``placebind export-encoder``: graphs of a model's encoders, with which a search starts in a second."""

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.flags import JsonFlag
from ui.console import out, plain, print_json


def export_encoder(
    checkpoint: Annotated[Path, typer.Argument(help="folder of the model")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="where to write the graphs; default: 'onnx' in the folder of the model")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the encoders of a model as ONNX graphs, after comparing each with torch: searches then run without torch. The weights
    stay in the model's file."""
    from train.checkpoint import Checkpoint
    from train.queries.export import export_encoders

    written, exported = export_encoders(Checkpoint.open(checkpoint), folder)
    if as_json:
        print_json({"folder": str(written), **exported.model_dump(mode="json")})
        return
    for modality in ("articles", "locations", "tiles"):
        if exported.has(modality):
            out.print(f"{modality}: written")
        elif modality in exported.missing:
            out.print(plain(f"{modality}: not exported, torch runs it; {exported.missing[modality]}"), soft_wrap=True)
    out.print(f"graphs in {plain(str(written))}", soft_wrap=True)
