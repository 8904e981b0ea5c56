"""The command line: ingest, train, index, search, evaluate, info, check, demo. Each command imports the heavy things it needs."""

import inspect
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from index.errors import CheckpointError, InputError, PlaceBindError
from index.records import MODALITIES, Modality
from index.store.ingest import ingest
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, DryRunFlag, JsonFlag
from ui.cli.indexing import app as index_commands
from ui.cli.options import sources_group
from ui.console import ProgressBars, err, out, plain, print_json, remark

SHOWN_REJECTIONS = 10

app = typer.Typer(
    help="Search the Earth by what is written about a place, what it looks like from space, and where it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. Expected errors are one line on standard error and exit code 2; Ctrl-C is 130."""
    try:
        app()
    except PlaceBindError as error:
        err.print(f"[bold red]error:[/] {plain(str(error))}", soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        err.print("stopped; what was finished is kept, run the same command again to go on")
        sys.exit(130)


def _ingest(name: str, values: dict[str, Any]) -> None:
    from index.registry import load
    from index.store.catalogue import Catalogue
    from index.store.reports import report_file

    folder, as_json, dry_run = values.pop("catalogue"), values.pop("as_json"), values.pop("dry_run")
    source = load("index.sources", name).build(**values)
    if dry_run:
        _print_estimate(source, as_json)
        return
    catalogue = Catalogue.open(folder, create=True)
    where = folder / "reports" / f"ingest-{name.replace('_', '-')}.json"
    with report_file(where) as file:
        with ProgressBars() as bars:
            bars.start(f"ingest {source.modality}", source.total)
            report = ingest(catalogue, source, bars.advance, file.reject)
        file.end(report)
    if as_json:
        print_json({"source": name, "modality": source.modality, **report.as_dict()})
    else:
        out.print(f"{source.modality}: {report.added} added, {report.known} already there, {report.skipped} skipped")
    for rejected in report.rejected[:SHOWN_REJECTIONS]:
        err.print(f"[yellow]skipped[/] {plain(rejected.where)}: {plain(rejected.why)}", soft_wrap=True)
    if report.skipped:
        raise InputError(f"{report.skipped} of {report.read} records were skipped, the others are in; the full list is in {where}")


_SHARED = [
    inspect.Parameter("catalogue", inspect.Parameter.KEYWORD_ONLY, default=DEFAULT_CATALOGUE, annotation=CatalogueFlag),
    inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonFlag),
    inspect.Parameter("dry_run", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DryRunFlag),
]
app.add_typer(
    typer.Typer(cls=sources_group(_ingest, _SHARED), no_args_is_help=True),
    name="ingest",
    help="Bring articles, tiles or locations into the catalogue.",
)


@app.command()
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
    steps: Annotated[int | None, typer.Option(help="optimiser steps")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="seed of weights, batches and dropout")] = None,
    devices: Annotated[int | None, typer.Option(help="processes to share each batch, one device each")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="any setting, as key=value, for example location.options.degrees=40")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="train every combination of the above, each given as often as you like, and print one table"
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
    """Train the encoders on the catalogue; an interrupted run goes on where it stopped."""
    from ui.cli.demo import TRAINING, fill_demo, how_to_use
    from ui.cli.training import configurations, train_matrix, train_one

    given = (*(TRAINING if demo and not config else ()), *(settings or ()))
    configs = configurations(
        config, given, architectures=architecture or (), locations=location or (), modalities=modalities or (),
        seeds=seed or (), steps=steps, devices=devices,
    )  # fmt: skip
    if compare and overwrite:
        raise InputError("--overwrite is for a single training; of a comparison remove the folders that are to be trained again")
    folder = out_folder or catalogue / ("compare" if compare else "trained-here" if demo else "checkpoint")
    if demo:
        fill_demo(catalogue)
    if compare:
        train_matrix(configs, catalogue, folder, as_json=as_json)
    else:
        train_one(configs, catalogue, folder, overwrite=overwrite, as_json=as_json)
    if demo and not compare:
        remark(how_to_use(catalogue, folder))


app.add_typer(index_commands, name="index")


@app.command()
def search(
    text: Annotated[str | None, typer.Argument(help="what to look for, in words")] = None,
    image: Annotated[Path | None, typer.Option(help="a picture to ask with: GeoTIFF, PNG, JPEG or WebP")] = None,
    lat: Annotated[float | None, typer.Option(help="latitude to ask with, WGS84 degrees")] = None,
    lon: Annotated[float | None, typer.Option(help="longitude to ask with, WGS84 degrees")] = None,
    like: Annotated[list[str] | None, typer.Option(help="a record to ask with, as articles:ID; may be repeated")] = None,
    unlike: Annotated[list[str] | None, typer.Option(help="a record, or words, to ask away from; may be repeated")] = None,
    either: Annotated[bool, typer.Option(help="hits need fit one thing asked for only, not their sum")] = False,
    into: Annotated[
        list[str] | None, typer.Option("--in", help="articles, tiles or locations; may be repeated; default: all")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="only within south,west,north,east; west > east crosses 180")] = None,
    polygon: Annotated[Path | None, typer.Option(help="only within the polygons of this GeoJSON file")] = None,
    near: Annotated[str | None, typer.Option(help="only within lat,lon,km")] = None,
    country: Annotated[list[str] | None, typer.Option(help="only in this country; may be repeated")] = None,
    dates: Annotated[str | None, typer.Option(help="only tiles of these days, as 2021-06-01/2021-08-31")] = None,
    where: Annotated[str | None, typer.Option(help="only records that fulfil this SQL condition, as \"kind = 'town'\"")] = None,
    words: Annotated[bool, typer.Option(help="count the words of the query too, not only their meaning")] = False,
    centred: Annotated[bool, typer.Option(help="take the gap between modalities out of the scores")] = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="compare texts with tiles, pictures with articles themselves, not by position")
    ] = False,
    apart: Annotated[float | None, typer.Option("--apart-km", help="least distance between hits")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="say of each hit what every part of the query adds, and which place it is near")
    ] = False,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="hits of each kind")] = 5,
    backend: Annotated[str, typer.Option(help="auto, exact, faiss or lancedb")] = "auto",
    export: Annotated[Path | None, typer.Option(help="write the hits to this .geojson, .parquet or .csv file")] = None,
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask with a text, an image, a place, records, or several of these; get places, articles and tiles, ranked by cosine."""
    from retrieval import Space
    from ui.cli.searching import how_to_search, query_of

    asked = query_of(text, image=image, lat=lat, lon=lon, like=like or (), unlike=unlike or (), either=either)
    how = how_to_search(
        {"bbox": bbox, "polygon": polygon, "near": near, "countries": country, "dates": dates, "where": where},
        words=words, centred=centred, direct=direct, apart_km=apart,
    )  # fmt: skip
    space = Space.open(checkpoint, catalogue, backend=backend)
    answer = space.search(query=asked, into=tuple(_modality(name) for name in into or ()), k=k, how=how)
    if explain:
        answer = space.explain(answer)
    if export:
        from retrieval.export import Origin, export_hits

        count = export_hits(answer, export, Origin(query=answer.query, model_digest=space.checkpoint.digest, dim=space.dim))
        err.print(f"{count} hits in {export}")
    if as_json:
        print_json(answer.as_dict())
    else:
        from ui.cli.tables import print_answer

        print_answer(answer)


@app.command()
def heat(
    out_file: Annotated[Path, typer.Option("--out", help="the map: a .tif with cosines and percentiles, or a .png to look at")],
    text: Annotated[str | None, typer.Argument(help="what to look for, in words")] = None,
    image: Annotated[Path | None, typer.Option(help="a picture to ask with: GeoTIFF, PNG, JPEG or WebP")] = None,
    lat: Annotated[float | None, typer.Option(help="latitude to ask with, WGS84 degrees")] = None,
    lon: Annotated[float | None, typer.Option(help="longitude to ask with, WGS84 degrees")] = None,
    width: Annotated[int, typer.Option(min=16, max=16384, help="pixels around the world; half as many from pole to pole")] = 2048,
    peaks: Annotated[int, typer.Option(min=1, max=100, help="best places to name, at least 500 km apart")] = 5,
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw how well every location on Earth fits a text, an image or a place."""
    from ui.cli.searching import draw_heat, query_of

    asked = query_of(text, image=image, lat=lat, lon=lon, like=(), unlike=(), either=False)
    draw_heat(asked, checkpoint, catalogue, out_file, width=width, count=peaks, as_json=as_json)


@app.command()
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
    tasks: Annotated[list[str] | None, typer.Option(help="a downstream task; may be repeated; default: all")] = None,
    split: Annotated[list[str] | None, typer.Option(help="random, block, continent or all; may be repeated; default: all")] = None,
    block_deg: Annotated[float, typer.Option(min=0.1, max=90, help="size of a block in degrees")] = 10.0,
    block_km: Annotated[
        float | None, typer.Option(min=1, max=10_000, help="size of a block in km instead: cells of equal area")
    ] = None,
    buffer_km: Annotated[
        float, typer.Option(min=0, max=10_000, help="training points so near to a held-out block or continent are left out")
    ] = 0.0,
    probe: Annotated[str, typer.Option(help="ridge (RANGE's), mlp (SatCLIP's) or knn")] = "ridge",
    labels: Annotated[Path | None, typer.Option(help="folder with tables of labels, found by their names")] = None,
    download: Annotated[bool, typer.Option("--download", help="fetch labels that are not here from their publishers")] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="folder for the results; default: 'evaluation' in the catalogue")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a core")] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Parquet file with lat and lon: places to answer with; default: the catalogue's locations")
    ] = None,
    only: Annotated[str | None, typer.Option(help="tasks or retrieval; default: both")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Probe what a model knows of places and ask it for them, beside floors and peers; a stopped run goes on where it stopped."""
    from train.shipped import checkpoint_for
    from ui.cli.evaluating import evaluate_models

    evaluate_models(
        checkpoint or [checkpoint_for(catalogue)], catalogue, out_folder or catalogue / "evaluation",
        peers=peer or (), tasks=tasks or ("all",), splits=split or ("all",),
        where={"folder": labels, "download": download},
        block={"size_deg": block_deg, "size_km": block_km, "buffer_km": buffer_km},
        probe=probe, workers=workers, gallery=gallery, only=only, as_json=as_json,
    )  # fmt: skip


@app.command()
def info(catalogue: CatalogueFlag = DEFAULT_CATALOGUE, as_json: JsonFlag = False) -> None:
    """What the catalogue holds, what its tiles measured, and what is indexed by which model."""
    from index.store.catalogue import Catalogue
    from index.store.inventory import waiting
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


@app.command()
def check(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    picture: Annotated[Path | None, typer.Option("--map", help="PNG file for a world map of the records and findings")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Look for wrong coordinates, duplicates and poor records in the catalogue; exit code 1 if there are errors among them."""
    from ui.cli.check import check as run

    if run(catalogue, as_json, picture):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Check that everything PlaceBind needs is installed and works; exit code 2 if not."""
    from ui.cli.doctor import check_all
    from ui.cli.tables import print_checks

    checks = check_all()
    if as_json:
        print_json([check.as_dict() for check in checks])
    else:
        print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise InputError("something that PlaceBind needs is missing; follow the remedies above")


@app.command(name="ui")
def open_map(
    catalogue: Annotated[
        list[str] | None,
        typer.Option(
            "--catalogue", "-c", help="folder of a catalogue, or NAME=FOLDER; repeat it to compare models", show_default=False
        ),
    ] = None,
    checkpoint: CheckpointFlag = None,
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0: everywhere, which wants a --token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0: any that is free")] = 8501,
    token: Annotated[str, typer.Option(envvar="PLACEBIND_TOKEN", help="what visitors must know: they come with ?token=…")] = "",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="open the page in the browser, where there is a screen")
    ] = True,
) -> None:
    """Open the map in the browser, and the HTTP API beside it at /api/docs."""
    from ui.server.serve import serve

    serve(catalogue or [_default_catalogue()], checkpoint=checkpoint, host=host, port=port, token=token, open_browser=open_browser)


@app.command()
def demo(catalogue: CatalogueFlag = DEFAULT_CATALOGUE) -> None:
    """Build a small real world (once), index it with the shipped model, and ask it three questions. Needs no network."""
    from ui.cli.demo import run_demo

    run_demo(catalogue)


@app.command()
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


def _used_model(catalogue: Path) -> tuple[Path | None, str]:
    """The folder of the model that is asked if none is named, None if there is none, and what to say about that."""
    from train.shipped import checkpoint_for, name_of

    try:
        folder = checkpoint_for(catalogue)
    except CheckpointError as error:
        return None, str(error)
    return folder, f"it is asked with {name_of(folder)}, unless --checkpoint names another"


def _default_catalogue() -> str:
    return os.environ.get("PLACEBIND_CATALOGUE") or str(DEFAULT_CATALOGUE)


def _print_estimate(source: Any, as_json: bool) -> None:
    """Sources that ask a server know what it will cost; of the others at most the number of records is known."""
    expected = source.estimate() if hasattr(source, "estimate") else {"records": source.total}
    if as_json:
        print_json(expected)
        return
    units = {"requests": "{:,.0f} requests", "bytes": "{:,.0f} bytes", "seconds": "{:,.0f} s", "records": "{:,.0f} records"}
    known = [units[name].format(value) for name, value in expected.items() if value is not None]
    out.print("about " + ", ".join(known) if known else "how much this source holds is not known before it is read")


def _modality(name: str) -> Modality:
    for modality in MODALITIES:
        if name == modality:
            return modality
    raise InputError(f"--in takes {', '.join(MODALITIES)}; got '{name}'")
