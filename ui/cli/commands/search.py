"""``placebind search``: hits for a question."""

from pathlib import Path
from typing import Annotated

import typer

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
from ui.cli.flags import DEFAULT_CATALOGUE, CatalogueFlag, CheckpointFlag, JsonFlag, kind_named
from ui.console import err, print_json, remark


def search(
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
    kinds: Annotated[
        list[str] | None, typer.Option("--in", help="articles, tiles or locations; may be repeated; default: all")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="only within south,west,north,east; west > east crosses 180")] = None,
    polygon: Annotated[Path | None, typer.Option(help="only within the polygons of this GeoJSON file")] = None,
    near: Annotated[str | None, typer.Option(help="only within lat,lon,km")] = None,
    inside: Annotated[list[str] | None, typer.Option(help="only in this continent or country; may be repeated")] = None,
    outside: Annotated[list[str] | None, typer.Option(help="not in this continent or country; may be repeated")] = None,
    coast_km: Annotated[float | None, typer.Option(help="only so near to the sea")] = None,
    elevation_m: Annotated[
        str | None, typer.Option(help="only where the ground is so high: least/most metres, as 2000/ or 500/1500")
    ] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="only of this country, by what the records say; may be repeated")
    ] = None,
    dates: Annotated[str | None, typer.Option(help="only tiles of these days, as 2021-06-01/2021-08-31")] = None,
    where: Annotated[str | None, typer.Option(help="only records that match this SQL condition, as \"kind = 'town'\"")] = None,
    words: Annotated[bool, typer.Option(help="search the words of the query too, not only its meaning")] = False,
    centred: Annotated[bool, typer.Option(help="remove the gap between modalities from the scores")] = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="compare texts with tiles, pictures with articles directly, not by position")
    ] = False,
    apart: Annotated[float | None, typer.Option("--apart-km", help="least distance between hits")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="say for each hit what every part of the query adds, and which place it is near")
    ] = False,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="hits of each kind")] = 5,
    backend: Annotated[str, typer.Option(help="auto, exact, faiss, int8 or lancedb")] = "auto",
    export: Annotated[Path | None, typer.Option(help="write the hits to this .geojson, .parquet or .csv file")] = None,
    catalogue: CatalogueFlag = DEFAULT_CATALOGUE,
    checkpoint: CheckpointFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask with a text, an image, a place, records, or several of these; get places, articles and tiles, ranked by cosine."""
    from retrieval import Space
    from retrieval.export import Origin, check_ending, export_hits

    if export:
        check_ending(export)
    filters = {
        "bbox": bbox,
        "polygon": polygon,
        "near": near,
        "inside": inside,
        "outside": outside,
        "coast_km": coast_km,
        "elevation_m": elevation_m,
        "countries": country,
        "dates": dates,
        "where": where,
    }
    question = asked(
        text, image=image, lat=lat, lon=lon, like=like or (), unlike=unlike or (), either=either,
        kinds=tuple(kind_named(name) for name in kinds or ()), k=k,
        filter={name: value for name, value in filters.items() if value},
        verbatim=verbatim, names=names, meant=meant or (), words=words, centred=centred, direct=direct, apart_km=apart,
    )  # fmt: skip
    space = Space.open(checkpoint, catalogue, backend=backend)
    say_if_names_are_prepared(names)
    answer = space.search(question)
    if explain:
        answer = space.explain(answer)
        remark(f"the encoders run by {space.runs_by}")
    if export:
        count = export_hits(answer, export, Origin(query=answer.query, model_digest=space.checkpoint.digest, dim=space.dim))
        err.print(f"{count} hits in {export}")
    if as_json:
        print_json(answer.as_dict())
    else:
        from ui.cli.tables import print_answer

        print_answer(answer)
