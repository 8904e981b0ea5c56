"""What the shipped model learns from, made from ../shared/data: sentences, a finer picture, tables of spectra and of chips.

Everything goes into a folder ``made`` and is made once. Sources are named as in index/sources, with their options.
"""

import io
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from benchmarks import shipped_colours
from index.geo import block_of
from index.sources.gazetteer import famous_places
from index.sources.names import BLOCK_DEG, blocks_with_validation

Sources = list[tuple[str, dict[str, Any]]]

TEXTS = (
    "located_texts",
    "located_texts_other_languages",
    "wikipedia_articles",
    "world_heritage",
    "ancient_places",
    "country_profiles",
)
CATEGORIES = {
    "city": "a town", "mountain": "a mountain", "railwaystation": "a railway station", "waterbody": "a body of water",
    "river": "a river", "isle": "an island", "airport": "an airport", "pass": "a mountain pass", "glacier": "a glacier",
    "forest": "a forest", "edu": "a school or university",
}  # fmt: skip
LAST_WORDS = (  # of titles
    "lighthouse", "glacier", "castle", "bridge", "volcano", "monastery", "falls", "waterfall", "desert", "mine", "dam", "beach",
    "stadium", "temple", "mosque", "reef", "fjord", "ranch", "cathedral", "abbey", "fort", "canyon", "cave", "harbour", "harbor",
    "plateau", "reservoir", "lagoon", "bay", "peninsula", "swamp", "marsh", "geyser", "crater", "dune", "park", "vineyard",
    "palace", "tower", "museum", "cemetery", "prison", "observatory", "windmill", "shrine", "pagoda", "island", "lake", "mountain",
    "hill", "valley", "forest", "peak", "strait",
)  # fmt: skip
KIND_ROWS = 400  # of each kind
SPECTRUM = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12"]
SPREAD_CHIPS = "eurosat_ms_100"  # the others are of one city or county each: they would teach that texture means Buenos Aires
TILES = "Sentinel-2 tiles of several sources"  # a few of each, which are too few to be told apart from each other
SCALES = "benchmarks.shipped_scales"  # the one source here that index/sources has not
FINE_PX = 14_080  # 110 columns for each of the 128 tiles around the globe
TILE_PX, TILES_AROUND = 256, 128


def texts(data: Path, made: Path, towns: int, *, strict: bool) -> Sources:
    """Articles, sentences about kinds of places, and names."""
    made.mkdir(parents=True, exist_ok=True)
    tables = tuple(data / f"text/{name}.parquet" for name in TEXTS)
    shut = np.array(sorted(blocks_with_validation(tables)))
    own = (
        dbpedia_places(data / "labels/world_place_dbpedia.parquet", made / "dbpedia_places.parquet", shut),
        own_descriptions(made / "descriptions.parquet", shut),
        kinds_of_places(data / "text/gazetteer_titles.parquet", made / "kinds.parquet"),
    )
    return [
        ("parquet_articles", {"paths": tables}),
        ("parquet_articles", {"paths": own}),
        ("names", {"towns": towns, "leave_out": tables if strict else ()}),
    ]


def tiles(data: Path, made: Path, towns: int, grid: int) -> Sources:
    """Spectra and colours as tiles of one pixel, Sentinel-2 chips and tiles, coarse NASA tiles."""
    chips, pixels = chip_table(data, made / "chips.csv"), data / "s2_pixels/s2_pixels.parquet"
    folder, shut = pictures(data / "coarse", made / "pictures"), held_out_blocks(data)
    land = shipped_colours.land(folder, pixels, made / "colours.parquet", shut)
    cities = shipped_colours.cities(folder, pixels, made / "cities.parquet", shut)
    return [
        ("spectra", {"paths": (pixels,), "dates": 4}),
        ("spectra", {"paths": (land,)}),
        ("spectra", {"paths": (cities,)}),
        ("geotiff_tiles", {"paths": tuple(data / "s2_chips" / name for name in chip_files(chips)), "table": chips}),
        ("geotiff_tiles", {"paths": (data / "s2_tiles/geotiff",), "table": tile_table(data, made / "s2_tiles.csv")}),
        ("blue_marble", {"towns": towns, "grid": grid}),
    ]


def scales(data: Path, towns: int, grid: int) -> Sources:
    """Coarse NASA tiles, and those of further scales and another edition."""
    return [("blue_marble", {"towns": towns, "grid": grid}), (SCALES, {"data": data})]


def files_of_teachers(data: Path, made: Path, geoclip: Path) -> dict[str, str]:
    """What the settings name -> where it lies: the folder of pictures and the teachers' files."""
    return {
        "pictures": str(pictures(data / "coarse", made / "pictures")),
        "geoclip": str(geoclip),
        "gazetteer_titles.parquet": str(data / "text/gazetteer_titles.parquet"),
        "spectra.parquet": str(spectra(data / "s2_pixels/s2_pixels.parquet", made / "spectra.parquet")),
    }


def dbpedia_places(table: Path, out: Path, shut: np.ndarray) -> Path:
    """A sentence for each place of the table outside these blocks, without those that the table keeps for tests."""
    places = pq.read_table(table).to_pandas().query("country_agrees and not is_test")
    places = places[~np.isin(block_of(places["lat"], places["lon"], BLOCK_DEG), shut)]
    kind = places["entity_subtype"].str.replace(r"(?<=[a-z])(?=[A-Z])", " ", regex=True).str.lower()
    country = places["country"].str.replace("_", " ")
    rows = places[["lat", "lon"]].assign(
        title=places["name"], text=places["name"] + " is a " + kind + " in " + country + ".", country=country,
        source="DBpedia places", license="CC-BY-SA-3.0", split="train",
    )  # fmt: skip
    rows.to_parquet(out, index=False)
    return out


def own_descriptions(out: Path, shut: np.ndarray) -> Path:
    """PlaceBind's descriptions of well-known places outside these blocks, which the demo shows as articles."""
    rows = [
        {"lat": each.place.lat, "lon": each.place.lon, "title": each.title, "text": each.text, "country": each.country,
         "source": each.source, "license": each.licence, "split": "train"}
        for each in famous_places()
        if block_of([each.place.lat], [each.place.lon], BLOCK_DEG)[0] not in shut
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(out, index=False)
    return out


def kinds_of_places(titles: Path, out: Path) -> Path:
    """Two sentences of at most ``KIND_ROWS`` places of each kind, evenly over blocks of 2 degrees: "A glacier." and with its name.
    The kind is the gazetteer's category or the last word of the title."""
    rows = pq.read_table(titles).to_pandas().query("split == 'train'")
    last = rows["title"].str.lower().str.extract(r"([a-z]+)$")[0]
    an = {word: f"{'an' if word[0] in 'aeio' else 'a'} {word}" for word in LAST_WORDS}
    rows = rows.assign(kind=last.map(an).fillna(rows["category"].map(CATEGORIES))).dropna(subset=["kind"])
    rows["block"] = block_of(rows["lat"], rows["lon"], 2.0)
    order = rows.sample(frac=1, random_state=0)
    order = order.assign(turn=order.groupby(["kind", "block"]).cumcount()).sort_values("turn", kind="stable")
    chosen = order.groupby("kind").head(KIND_ROWS)
    common = {"lat": chosen["lat"], "lon": chosen["lon"], "source": "kinds of places", "license": "CC-BY-SA-3.0", "split": "train"}
    plain = pd.DataFrame({**common, "title": "", "text": chosen["kind"].str.capitalize() + "."})
    named = pd.DataFrame({**common, "title": chosen["title"], "text": chosen["title"] + " is " + chosen["kind"] + "."})
    pd.concat([plain, named]).to_parquet(out, index=False)
    return out


def spectra(pixels: Path, out: Path) -> Path:
    """What a place's pixels reflect, over its dates: a teacher. Rows of L2A without cloud or snow."""
    rows = pq.read_table(pixels).to_pandas().query("split == 'train' and not bright")
    rows = rows[rows["level"].str.contains("L2A")]
    for name, one, other in (("ndvi", "B08", "B04"), ("ndmi", "B08", "B11"), ("ndwi", "B03", "B08")):
        rows[name] = (rows[one] - rows[other]) / (rows[one] + rows[other]).clip(lower=0.02)
    places = rows.groupby(["source", "place"])
    table = places[["lat", "lon", *SPECTRUM, "ndvi", "ndmi", "ndwi"]].mean()
    table["ndvi_most"], table["ndvi_least"] = places["ndvi"].max(), places["ndvi"].min()
    table.reset_index(drop=True).to_parquet(out, index=False)
    return out


def pictures(coarse: Path, folder: Path) -> Path:
    """A folder with the coarse pictures, and Blue Marble at 2.8 km a pixel, as plate carree, from the tiles of 1.2 km."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in coarse.glob("*.jpg"):
        if not (folder / picture.name).exists():
            (folder / picture.name).symlink_to(picture.resolve())
    fine = folder / "bluemarble_fine.jpg"
    if not fine.is_file():
        with Image.open(coarse / "bmng_summer_5400x2700.jpg") as picture:  # the sea has no tiles
            globe = picture.convert("RGB").resize((FINE_PX, FINE_PX // 2), Image.Resampling.BILINEAR)
        _paste_tiles(globe, coarse / "bluemarble_z7_land.mbtiles")
        globe.save(fine, quality=92)
    return folder


def _paste_tiles(globe: Image.Image, mbtiles: Path) -> None:
    """Web mercator -> plate carree. Within one tile rows are spread evenly, which is off by less than a pixel."""
    around, side = TILES_AROUND * TILE_PX, globe.width // TILES_AROUND
    down = down_in_mercator(90 - np.arange(globe.height + 1) * 180 / globe.height) * around  # pixel row of each edge
    centre = (down[:-1] + down[1:]) / 2
    with opened_tiles(mbtiles) as tiles:
        for column, row, body in tiles.execute("select tile_column, tile_row, tile_data from tiles where zoom_level = 7"):
            top = (TILES_AROUND - 1 - row) * TILE_PX
            rows = np.flatnonzero((centre >= top) & (centre < top + TILE_PX))
            if not len(rows):
                continue
            box = (0.0, max(0.0, down[rows[0]] - top), float(TILE_PX), min(float(TILE_PX), down[rows[-1] + 1] - top))
            with Image.open(io.BytesIO(body)) as tile:
                small = tile.convert("RGB").resize((side, len(rows)), Image.Resampling.BOX, box=box)
            globe.paste(small, (column * side, int(rows[0])))


def opened_tiles(mbtiles: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{mbtiles}?mode=ro", uri=True)


def down_in_mercator(lat: np.ndarray) -> np.ndarray:
    """How far down a web mercator map these latitudes are, 0 its northern and 1 its southern edge."""
    sine = np.sin(np.radians(np.clip(lat, -85.05, 85.05)))
    return np.asarray(0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi))


def chip_table(data: Path, out: Path) -> Path:
    """What the files of s2_chips do not say themselves. Their split is that of their block of 5 degrees in all other tables."""
    rows = pd.read_csv(data / "s2_chips/index.csv")
    rows = rows[rows["folder"] == SPREAD_CHIPS]
    held_out = np.isin(block_of(rows["lat"], rows["lon"], BLOCK_DEG), held_out_blocks(data))
    table = rows[["file", "bands"]].assign(
        source=TILES, licence=rows["license"], level="L1C", split=np.where(held_out, "val", "train"), scale=1e-4, offset=0
    )
    table.to_csv(out, index=False)
    return out


def held_out_blocks(data: Path) -> np.ndarray:
    """Blocks of 5 degrees of which spectra or texts are held out."""
    tables = tuple(data / each for each in ("s2_pixels/s2_pixels.parquet", *(f"text/{name}.parquet" for name in TEXTS[:3])))
    return np.array(sorted(blocks_with_validation(tables)))


def chip_files(table: Path) -> list[str]:
    return pd.read_csv(table)["file"].tolist()


def tile_table(data: Path, out: Path) -> Path:
    """The same for s2_tiles, whose index has a split."""
    rows = pd.read_csv(data / "s2_tiles/index.csv")
    rows = rows.assign(file=rows["file"].map(lambda name: Path(name).name), source=TILES, licence=rows["license"])
    rows["level"] = rows["level"].str.slice(0, 3)
    rows[["file", "bands", "level", "date", "split", "source", "licence", "crs"]].to_csv(out, index=False)
    return out
