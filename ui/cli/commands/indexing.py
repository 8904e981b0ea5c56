"""``placebind index``: the life of the index, from the first vector to a restored version."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag, kind_named
from ui.console import ProgressBars, out, print_json, remark

BackendFlag = Annotated[str, typer.Option(help="auto, exact, faiss, int8 or lancedb")]
TableFlag = Annotated[str | None, typer.Option("--in", help="articles, tiles or locations; default: all")]
TagArgument = Annotated[str, typer.Argument(help="the name of the tag")]
EngineFlag = Annotated[str, typer.Option(help="what embeds: local (this process) or ray (a cluster; needs the extra scale)")]

app = typer.Typer(
    help="Fill the catalogue with a model's vectors and maintain them: build, append, check, restore.", no_args_is_help=True
)


@app.command()
def build(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    rebuild: Annotated[bool, typer.Option(help="replace the vectors of another model")] = False,
    backend: BackendFlag = "auto",
    engine: EngineFlag = "local",
    as_json: JsonFlag = False,
) -> None:
    """Embed every record that has no vector of this model, and build the search indexes; an interrupted build resumes."""
    from retrieval.building.build import build_index

    _embed(build_index, catalogue, checkpoint, engine, as_json, rebuild=rebuild, backend=backend)


@app.command()
def append(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    engine: EngineFlag = "local",
    as_json: JsonFlag = False,
) -> None:
    """Add records that were ingested after the build: only these are embedded, and the search indexes are extended."""
    from retrieval.building.build import append_to_index

    _embed(append_to_index, catalogue, checkpoint, engine, as_json)


@app.command()
def optimize(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    keep_days: Annotated[float, typer.Option(min=0, help="remove versions older than this that have no tag")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Put the tables in order: fewer files, indexes rebuilt where appends had extended them, old versions removed."""
    from index.store.catalogue import Catalogue
    from retrieval.building.build import optimize_index

    with ProgressBars() as bars:
        tidied = optimize_index(Catalogue.open(catalogue), timedelta(days=keep_days), progress=bars)
    if as_json:
        print_json({modality: vars(each) for modality, each in tidied.items()})
        return
    for modality, each in tidied.items():
        removed = f"{each.versions_removed} versions removed ({decimal(each.bytes_removed)})"
        out.print(f"{modality}: {each.fragments_before} fragments merged into {each.fragments}, {removed}", highlight=False)


@app.command()
def info(catalogue: CatalogueFlag = DEFAULT_CATALOGUE, as_json: JsonFlag = False) -> None:
    """Show the index: model, rows with and without vectors, indexes and their sizes, versions."""
    from index.store.catalogue import Catalogue
    from index.store.inventory import inventory_of
    from index.store.versions import versions_of
    from ui.cli.index_tables import print_inventory

    opened = Catalogue.open(catalogue)
    found = [(inventory_of(opened, modality), versions_of(opened, modality)) for modality in _tables(opened, None)]
    if as_json:
        print_json([{**each.as_dict(), "versions": [version.as_dict() for version in versions]} for each, versions in found])
        return
    for each, versions in found:
        print_inventory(each, versions)


@app.command()
def verify(
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    backend: BackendFlag = "auto",
    queries: Annotated[int, typer.Option(min=1, help="stored vectors to search with")] = 100,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="hits per query")] = 10,
    at_least: Annotated[float, typer.Option(min=0, max=1, help="the least mean recall")] = 0.95,
    as_json: JsonFlag = False,
) -> None:
    """Compare the search's answers with exact ones, without a filter and under boxes; exit code 2 where recall is too low."""
    from index.errors import CatalogueError
    from index.store.catalogue import Catalogue
    from retrieval.building.verify import verify as recalls_of
    from ui.cli.index_tables import print_recalls

    recalls = recalls_of(Catalogue.open(catalogue), backend=backend, queries=queries, k=k)
    if as_json:
        print_json([each.as_dict() for each in recalls])
    else:
        print_recalls(recalls)
    worst = min(recalls, key=lambda each: each.recall)
    if worst.recall < at_least:
        raise CatalogueError(
            f"recall@{worst.k} of the {worst.modality} is {worst.recall:.3f}, expected at least {at_least:g}; run "
            "`placebind index optimize`, and if that does not help, search with --backend exact"
        )


@app.command()
def export(
    out_file: Annotated[Path, typer.Option("--out", help="the file, ending in .parquet")],
    table: Annotated[str, typer.Option("--in", help="articles, tiles or locations")],
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    as_json: JsonFlag = False,
) -> None:
    """Save a table's vectors, with the ids and places of their records, as a GeoParquet file that names the model."""
    from index.search.snapshot import open_snapshot
    from index.store.catalogue import Catalogue
    from retrieval.building.export_index import export_index

    opened = Catalogue.open(catalogue)
    (modality,) = _tables(opened, table)
    count = export_index(open_snapshot(opened, modality), out_file)
    if as_json:
        print_json({"table": modality, "rows": count, "file": str(out_file)})
    else:
        out.print(f"{count} vectors of the {modality} in {out_file}", markup=False, soft_wrap=True)


versions = typer.Typer(help="The earlier versions of the tables: list, tag, restore.", no_args_is_help=True)
app.add_typer(versions, name="versions")


@versions.command("list")
def list_versions(catalogue: CatalogueFlag = DEFAULT_CATALOGUE, table: TableFlag = None, as_json: JsonFlag = False) -> None:
    """List the versions that can be restored, with their tags."""
    from index.store.catalogue import Catalogue
    from index.store.versions import versions_of
    from ui.cli.index_tables import print_versions

    opened = Catalogue.open(catalogue)
    found = {modality: versions_of(opened, modality) for modality in _tables(opened, table)}
    if as_json:
        print_json({modality: [each.as_dict() for each in each_of] for modality, each_of in found.items()})
        return
    for modality, each_of in found.items():
        print_versions(modality, each_of)


@versions.command()
def tag(name: TagArgument, catalogue: CatalogueFlag = DEFAULT_CATALOGUE, table: TableFlag = None) -> None:
    """Keep the newest version of every table (or of one) under a name, so it is never cleaned up."""
    from index.store.versions import tag_version

    def work(opened: Any, modality: Any) -> str:
        return f"version {tag_version(opened, modality, name)} is tagged {name}"

    _each_table(work, catalogue, table)


@versions.command()
def untag(name: TagArgument, catalogue: CatalogueFlag = DEFAULT_CATALOGUE, table: TableFlag = None) -> None:
    """Remove a tag."""
    from index.store.versions import untag_version

    def work(opened: Any, modality: Any) -> str:
        untag_version(opened, modality, name)
        return f"no version has the tag {name} any more"

    _each_table(work, catalogue, table)


@versions.command()
def restore(
    version: Annotated[str, typer.Argument(help="a tag, or with --in the number of a version")],
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    table: TableFlag = None,
) -> None:
    """Make an earlier version of every table (or of one) the newest; the same command can undo that."""
    from index.errors import InputError
    from index.store.versions import restore_version

    if version.isdecimal() and table is None:
        raise InputError(f"each table numbers its own versions; name the table of version {version} with --in")

    def work(opened: Any, modality: Any) -> str:
        return f"restored from {version}, now version {restore_version(opened, modality, version)}"

    _each_table(work, catalogue, table)


def _each_table(work: Any, catalogue: Path, table: str | None) -> None:
    """Do this to one table, or to all, and print the results."""
    from index.store.catalogue import Catalogue

    opened = Catalogue.open(catalogue)
    for modality in _tables(opened, table):
        out.print(f"{modality}: {work(opened, modality)}", markup=False, soft_wrap=True)


def _tables(catalogue: Any, table: str | None) -> list[Any]:
    """The table of this name, or all of the catalogue's tables."""
    from index.records import MODALITIES

    return [kind_named(table)] if table else [modality for modality in MODALITIES if catalogue.has(modality)]


def _embed(work: Any, catalogue: Path, checkpoint: Path | None, engine: str, as_json: bool, **options: Any) -> None:
    from index.store.catalogue import Catalogue
    from retrieval.building.inherited import about_inherited, inherited
    from retrieval.building.unlearnt import about_unlearnt, unlearnt_tiles
    from train.checkpoint import Checkpoint
    from train.shipped import checkpoint_for, name_of

    model = Checkpoint.open(checkpoint or checkpoint_for(catalogue))
    opened = Catalogue.open(catalogue)
    same = [] if options.get("rebuild") else inherited(model, opened)
    with ProgressBars() as bars:
        added = work(model, opened, progress=bars, engine=_engine(engine), **options)
    if unchanged := about_inherited(same):
        remark(unchanged)
    if left_out := about_unlearnt(model, opened):
        remark(left_out)
    if as_json:
        print_json({"model": model.digest, "added": added, "inherited": same, "left_out": unlearnt_tiles(model, opened)})
    else:
        counts = ", ".join(f"{n} {modality}" for modality, n in added.items())
        out.print(f"new vectors: {counts}, by {name_of(model.path.parent)}", markup=False, soft_wrap=True)


def _engine(name: str) -> Any:
    from index.errors import ConfigError

    if name == "local":
        from retrieval.building.build import LocalEngine

        return LocalEngine()
    if name == "ray":
        from retrieval.building.ray_engine import RayEngine

        return RayEngine()
    raise ConfigError(f"--engine takes local or ray, got '{name}'")
