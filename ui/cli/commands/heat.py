"""``placebind heat``: how well every location on Earth fits a question, as a map."""

from pathlib import Path
from typing import Annotated

import typer

from index.errors import InputError
from ui.cli.asking import (
    EitherFlag,
    ImageFlag,
    LatFlag,
    LikeFlag,
    LonFlag,
    MeantFlag,
    NamesFlag,
    TextArgument,
    UnlikeFlag,
    VerbatimFlag,
    asked,
    say_if_names_are_prepared,
)
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag
from ui.console import out, print_json, remark


def heat(
    out_file: Annotated[Path, typer.Option("--out", help="the map: a .tif with cosines and percentiles, or a .png to look at")],
    text: TextArgument = None,
    image: ImageFlag = None,
    lat: LatFlag = None,
    lon: LonFlag = None,
    like: LikeFlag = None,
    unlike: UnlikeFlag = None,
    either: EitherFlag = False,
    verbatim: VerbatimFlag = False,
    names: NamesFlag = True,
    meant: MeantFlag = None,
    width: Annotated[int, typer.Option(min=16, max=16384, help="pixels around the world; half as many from pole to pole")] = 2048,
    peaks: Annotated[int, typer.Option(min=1, max=100, help="best places to name, at least 500 km apart")] = 5,
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw how well every location on Earth fits a text, an image, a place or records."""
    from retrieval import Space
    from retrieval.asking.names.lookup import distinct
    from retrieval.heat.grids import WorldGrid
    from retrieval.heat.heat_files import write_heat_geotiff, write_heat_png

    question = asked(
        text, image=image, lat=lat, lon=lon, like=like or (), unlike=unlike or (), either=either, verbatim=verbatim, names=names,
        meant=meant or (),
    )  # fmt: skip
    if out_file.suffix.lower() not in (".tif", ".tiff", ".png"):
        raise InputError(f"a heat map is a .tif or a .png, got '{out_file.name}'")
    space = Space.open(checkpoint, catalogue)
    say_if_names_are_prepared(names)
    heat = space.heat(question)
    notes = [*heat.notes, *(named.sentence for named in distinct(heat.names))]
    grid = WorldGrid(width, width // 2)
    if out_file.suffix.lower() == ".png":
        write_heat_png(heat, out_file, grid)
    else:
        write_heat_geotiff(heat, out_file, grid, query=question.label)
    best = [{"lat": peak.place.lat, "lon": peak.place.lon, "score": peak.cosine} for peak in heat.peaks(peaks)]
    if as_json:
        print_json({"file": str(out_file), "locations": len(heat.cells), "notes": notes, "peaks": best})
        return
    for note in notes:
        remark(note)
    out.print(f"{out_file}: {len(heat.cells):,} locations; the best places at least 500 km apart:")
    for peak in best:
        out.print(f"  {peak['score']:.3f}  {peak['lat']:.2f}, {peak['lon']:.2f}")
