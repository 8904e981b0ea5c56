"""``placebind train``: bind the catalogue's records to position, or compare ways to do it."""

from pathlib import Path
from typing import Annotated

import typer

from index.errors import InputError
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, JsonFlag
from ui.console import remark


def train(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="folder for the model; default: 'checkpoint' in the catalogue, with --compare 'compare'"),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with training settings")] = None,
    architecture: Annotated[list[str] | None, typer.Option(help="how modalities are bound: imagebind, cyclic or fused")] = None,
    location: Annotated[list[str] | None, typer.Option(help="location encoder, for example sh_siren or voronoi")] = None,
    modalities: Annotated[
        list[str] | None, typer.Option(help="articles, tiles or articles,tiles; default: all that the catalogue has")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="start from this finished model (a folder, or shipped) and keep all of it but the tower named by --only"
        ),
    ] = None,
    only: Annotated[str | None, typer.Option(help="tiles or articles: what learns on the positions of the model in --from")] = None,
    steps: Annotated[int | None, typer.Option(help="optimiser steps")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="seed of weights, batches and dropout")] = None,
    devices: Annotated[int | None, typer.Option(help="processes to share each batch, one device each")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="any setting, as key=value, for example location.options.degrees=40")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="train every combination of the above, each repeated as often as you like, and print one table"
        ),
    ] = False,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="train on the demo world, in minutes, into its folder 'trained-here'; other settings count too"
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="replace a finished model or an interrupted run")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train the encoders on the catalogue; an interrupted run resumes where it stopped."""
    from ui.cli.demo import TRAINING, fill_demo, how_to_use
    from ui.cli.training import configurations, settings_of_base, train_matrix, train_one

    if only and modalities:
        raise InputError("--only and --modalities both name what learns; leave out --modalities")
    if start and demo:
        raise InputError("--demo trains everything from the start; run `placebind demo`, then --from without --demo")
    given = (*(TRAINING if demo and not config else ()), *(settings or ()))
    configs = configurations(
        config, given, architectures=architecture or (), locations=location or (), modalities=modalities or (),
        seeds=seed or (), steps=steps, devices=devices, defaults=settings_of_base(start, only, catalogue),
    )  # fmt: skip
    if compare and overwrite:
        raise InputError("--overwrite is for a single training; in a comparison, remove the folders to be trained again")
    folder = out_folder or catalogue / ("compare" if compare else "trained-here" if demo else "checkpoint")
    if demo:
        fill_demo(catalogue)
    if compare:
        train_matrix(configs, catalogue, folder, as_json=as_json)
    else:
        train_one(configs, catalogue, folder, overwrite=overwrite, as_json=as_json)
    if demo and not compare:
        remark(how_to_use(catalogue, folder))
