"""``placebind classify``: a class taught by labels, drawn for the whole Earth, with how far it can be believed."""

from pathlib import Path
from typing import Annotated

import typer

from index.errors import InputError
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag
from ui.console import out, print_json, remark


def classify(
    labels: Annotated[str, typer.Argument(help="a .geojson, .csv or .parquet with places and labels, or the name of saved labels")],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="the map: .tif (a band a class, and the uncertainty), .parquet or .png")
    ] = None,
    column: Annotated[str, typer.Option(help="the column with the class; default: label or class, else all are one")] = "",
    save: Annotated[str | None, typer.Option(help="keep the labels in the catalogue under this name")] = None,
    version: Annotated[int | None, typer.Option(help="an older version of saved labels")] = None,
    next_places: Annotated[int, typer.Option("--next", min=0, max=100, help="places to name where a label would tell most")] = 5,
    width: Annotated[int, typer.Option(min=16, max=16384, help="pixels around the world; half as many from pole to pole")] = 2048,
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Teach a class by labels and map it; says how often it is right where whole blocks of the globe are held out."""
    from retrieval import Space
    from retrieval.heat.grids import WorldGrid
    from retrieval.labels.files import check_ending, write_map
    from retrieval.labels.labels import read_labels
    from retrieval.labels.maps import teach
    from retrieval.labels.stored import checked_name, load_labels, save_labels

    if out_file:
        check_ending(out_file)
    if save:
        checked_name(save)
    is_file = Path(labels).suffix != ""
    if version is not None and is_file:
        raise InputError("a file has no versions; --version is for saved labels")
    space = Space.open(checkpoint, catalogue)
    given = read_labels(Path(labels), column) if is_file else load_labels(space.catalogue, labels, version)
    taught = teach(space.cells, space.embed_places, given)
    if out_file:
        write_map(taught, out_file, WorldGrid(width, width // 2))
    saved = save_labels(space.catalogue, save, given) if save else None
    suggested = taught.next_places(next_places) if next_places else []
    if as_json:
        print_json(
            {
                "labels": len(given), "classes": taught.classes, "notes": taught.notes, "verdict": taught.verdict.as_dict(),
                "file": str(out_file) if out_file else None, "version": saved,
                "next": [each.as_dict() for each in suggested],
            }
        )  # fmt: skip
        return
    for note in taught.notes:
        remark(note)
    out.print(f"{len(given)} labels of {' and '.join(dict.fromkeys(given.classes))}: {taught.verdict.sentence}", highlight=False)
    if out_file:
        out.print(f"{out_file}: {len(taught.cells):,} locations")
    if saved:
        out.print(f"saved as '{save}', version {saved}")
    if suggested:
        out.print("a label would tell most at:")
    for each in suggested:
        out.print(f"  {each.place}  {each.label} with {each.probability:.2f}", highlight=False)
