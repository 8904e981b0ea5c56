"""Make the model that PlaceBind ships, from ../shared/data and the packages of the [demo] extra.

    python -m benchmarks.shipped_model WORK --geoclip FOLDER [--strict] [--data ../shared/data] [--set steps=2400 ...]

WORK gets a catalogue (articles, names, coarse NASA tiles) and the checkpoint; both steps resume where they were stopped. FOLDER is
the unpacked wheel of the PyPI package geoclip, whose location encoder is the teacher. With --strict, training uses nothing at all
from the 5 degree blocks of validation articles, names included; the figures of unseen blocks are measured with such a model. The
shipped model knows the names of towns there, but no article.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from index.geo import block_of
from index.registry import load
from index.sources.gazetteer import famous_places
from index.sources.names import BLOCK_DEG, blocks_with_validation
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from train.config import TrainConfig
from train.loop import train
from ui.console import ProgressBars

TEXTS = ("wikipedia_articles", "world_heritage", "ancient_places", "country_profiles")
SETTINGS = Path(__file__).with_suffix(".toml")
TOWN_TILES, GRID_TILES = 8_000, 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--geoclip", type=Path, required=True, help="the unpacked wheel of geoclip")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--strict", action="store_true", help="no names from the blocks of validation articles")
    parser.add_argument("--set", nargs="*", default=[], help="training settings, as in `placebind train --set`")
    parser.add_argument("--out", type=Path, help="folder of the checkpoint; default: WORK/checkpoint")
    asked = parser.parse_args()
    catalogue = Catalogue.open(asked.work / "world", create=True)
    with ProgressBars() as bars:
        if not (asked.work / "ingested").exists():
            ingest_all(catalogue, asked.data, asked.work, asked.strict, bars)
            (asked.work / "ingested").touch()
        own = (f"teacher.options.weights={asked.geoclip}", f"location.options.folder={asked.data / 'coarse'}", *asked.set)
        train(TrainConfig.load(SETTINGS, own), catalogue, asked.out or asked.work / "checkpoint", progress=bars)


def ingest_all(catalogue: Catalogue, data: Path, work: Path, strict: bool, bars: ProgressBars) -> None:
    texts = tuple(data / f"text/{name}.parquet" for name in TEXTS)
    shut = np.array(sorted(blocks_with_validation(texts)))
    dbpedia = dbpedia_places(data / "labels/world_place_dbpedia.parquet", work / "dbpedia_places.parquet", shut)
    descriptions = own_descriptions(work / "descriptions.parquet", shut)
    for name, options in (
        ("parquet_articles", {"paths": texts}),
        ("parquet_articles", {"paths": (dbpedia, descriptions)}),
        ("names", {"leave_out": texts if strict else ()}),
        ("blue_marble", {"towns": TOWN_TILES, "grid": GRID_TILES}),
    ):
        source = load("index.sources", name).build(**options)
        bars.start(f"ingest {name}", source.total)
        ingest(catalogue, source, bars.advance)


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


if __name__ == "__main__":
    main()
