"""``placebind evaluate``: what models know of places, next to floors and peers."""

from pathlib import Path
from typing import Annotated

import typer

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, JsonFlag


def evaluate(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="folder of a model; may be repeated; default: 'checkpoint' in the catalogue, else the shipped model"),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="other features: geoclip:weights=FOLDER, satclip:weights=FILE, range, two joined by +, …; may be repeated"
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(help="a downstream task, or the suite coordbench; may be repeated; default: all but coordbench"),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="random, block, block-20deg, continent or all; may be repeated; default: all")
    ] = None,
    block_deg: Annotated[float, typer.Option(min=0.1, max=90, help="size of a block in degrees")] = 10.0,
    block_km: Annotated[
        float | None, typer.Option(min=1, max=10_000, help="size of a block in km instead: cells of equal area")
    ] = None,
    buffer_km: Annotated[
        float, typer.Option(min=0, max=10_000, help="leave out training points this near to a held-out block or continent")
    ] = 0.0,
    probe: Annotated[str, typer.Option(help="ridge (RANGE's), prefix or chunked (MIND's), mlp (SatCLIP's), knn or idw")] = "ridge",
    labels: Annotated[Path | None, typer.Option(help="folder with tables of labels, found by their names")] = None,
    download: Annotated[bool, typer.Option("--download", help="fetch labels that are not here from their publishers")] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="folder for the results; default: 'evaluation' in the catalogue")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one per core")] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Parquet file with lat and lon: places to answer with; default: the catalogue's locations")
    ] = None,
    part: Annotated[
        str,
        typer.Option("--slice", help="who asks: report, held-out records that chose nothing, or val, those that chose the model"),
    ] = "report",
    only: Annotated[str | None, typer.Option(help="tasks or retrieval; default: both")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Probe what a model knows of places and search it for them, next to floors and peers; a stopped run resumes later."""
    from train.shipped import checkpoint_for
    from ui.cli.evaluating import evaluate_models

    evaluate_models(
        checkpoint or [checkpoint_for(catalogue)], catalogue, out_folder or catalogue / "evaluation",
        peers=peer or (), tasks=tasks or ("all",), splits=split or ("all",),
        where={"folder": labels, "download": download},
        block={"size_deg": block_deg, "size_km": block_km, "buffer_km": buffer_km},
        probe=probe, workers=workers, gallery=gallery, part=part, only=only, as_json=as_json,
    )  # fmt: skip
