"""The flags of ``placebind search`` made into a query and the way to answer it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.errors import InputError
from index.records import MODALITIES, Place
from index.search.filters import Filter
from retrieval.asking.parts import Item, Part, Subject
from retrieval.asking.query import Query
from retrieval.ranking.diversify import Diversity
from retrieval.ranking.search import How
from ui.console import out, print_json


def query_of(
    text: str | None,
    *,
    image: Path | None,
    lat: float | None,
    lon: float | None,
    like: Sequence[str],
    unlike: Sequence[str],
    either: bool,
) -> Query:
    """Everything that was asked with, each counting the same. Raises ``InputError`` if it was nothing."""
    if (lat is None) != (lon is None):
        raise InputError("a place needs both --lat and --lon")
    wanted: list[Subject] = [each for each in (text, image) if each is not None]
    if lat is not None and lon is not None:
        wanted.append(Place(lat=lat, lon=lon))
    wanted += [_item(each) for each in like]
    if not wanted:
        raise InputError("ask with a text, an image (--image), a place (--lat and --lon) or a record (--like)")
    avoided: list[Subject] = [_item(each) if _names_item(each) else each for each in unlike]
    parts = (*(Part(each) for each in wanted), *(Part(each, -1.0) for each in avoided))
    return Query(parts, combine="max" if either else "mean")


def how_to_search(filters: dict[str, Any], *, words: bool, centred: bool, direct: bool, apart_km: float | None) -> How:
    given = {name: value for name, value in filters.items() if value}
    return How(
        filter=Filter.parse(given, where="search"), diversity=Diversity(apart_km=apart_km),
        words=words, centred=centred, direct=direct,
    )  # fmt: skip


def draw_heat(query: Query, checkpoint: Path | None, catalogue: Path, file: Path, *, width: int, count: int, as_json: bool) -> None:
    """Write the map and name its peaks. Raises ``InputError`` for a file that is neither .tif nor .png."""
    from retrieval import Space
    from retrieval.heat.grids import WorldGrid
    from retrieval.heat.heat_files import write_heat_geotiff, write_heat_png

    if file.suffix.lower() not in (".tif", ".tiff", ".png"):
        raise InputError(f"a heat map is a .tif or a .png, got '{file.name}'")
    heat = Space.open(checkpoint, catalogue).heat(query)
    grid = WorldGrid(width, width // 2)
    if file.suffix.lower() == ".png":
        write_heat_png(heat, file, grid)
    else:
        write_heat_geotiff(heat, file, grid, query=query.label)
    peaks = [{"lat": peak.place.lat, "lon": peak.place.lon, "score": peak.cosine} for peak in heat.peaks(count)]
    if as_json:
        print_json({"file": str(file), "locations": len(heat.cells), "peaks": peaks})
        return
    out.print(f"{file}: {len(heat.cells):,} locations; the best places at least 500 km apart:")
    for peak in peaks:
        out.print(f"  {peak['score']:.3f}  {peak['lat']:.2f}, {peak['lon']:.2f}")


def _names_item(text: str) -> bool:
    return text.partition(":")[0] in MODALITIES


def _item(text: str) -> Item:
    modality, _, id_ = text.partition(":")
    for known in MODALITIES:
        if modality == known:
            return Item(known, id_)
    raise InputError(f"a record is named as articles:ID, tiles:ID or locations:ID, got '{text[:60]}'; copy the ID from --json")
