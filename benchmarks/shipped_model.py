"""Make the model that PlaceBind ships, from ../shared/data and the packages of the [demo] extra.

    python -m benchmarks.shipped_model WORK --geoclip FOLDER [--strict] [--data ../shared/data] [--set steps=2400 ...]

First positions and texts are learnt together, beside teachers that know places everywhere; then a tower for each sensor is bound to
these positions (`placebind train --from … --only tiles`), and the towers are put together as `by_sensor`. The tower of coarse NASA
tiles goes on with further scales, in two steps. WORK gets the catalogues `texts`, `tiles` and `scales`, a checkpoint for each
training (`positions`, `sentinel2`, `nasa_coarse`, those of scales named as their settings) and `checkpoint`, the model; each step
resumes where it was stopped. At last `placebind calibrate --checkpoint WORK/checkpoint --catalogue WORK/texts --overwrite` fits its
confidence. FOLDER is the unpacked wheel of the PyPI package geoclip, whose location encoder is one of the teachers.
benchmarks/shipped_data.py makes what is needed from ../shared/data.

Nothing is read from the held-out 5 degree blocks but names of towns, with --strict not even these, and the coarse tiles of 7.4 km a
pixel, which are of the whole Earth. The figures of unseen blocks are measured with such a model.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks import shipped_data
from benchmarks.shipped_scales import Scales
from index.registry import load
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from train.base import settings_from
from train.checkpoint import Checkpoint, save_model
from train.config import Component, TrainConfig
from train.loop import train
from ui.console import ProgressBars

SETTINGS = Path(__file__).with_suffix(".toml")
TOWERS = {  # sensor -> the settings of its tower's training
    "sentinel2": Path(__file__).with_name("shipped_model_tiles.toml"),
    "nasa_coarse": Path(__file__).with_name("shipped_model_coarse.toml"),
}
SCALES = [  # with which the tower of nasa_coarse goes on, one after the other
    Path(__file__).with_name(f"{name}.toml") for name in ("shipped_model_scales", "shipped_model_scales_last")
]
TOWER = "encoders.tiles."
TOWNS = 105_000  # with 45,000 whole American articles were placed worse (docs/experiments.md)
TOWN_TILES, GRID_TILES = 8_000, 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--geoclip", type=Path, required=True, help="the unpacked wheel of geoclip")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--strict", action="store_true", help="no names from the blocks of held-out articles")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the first training, as in `placebind train --set`")
    parser.add_argument("--set-tiles", nargs="*", default=[], help="settings of the towers' trainings")
    parser.add_argument("--only", choices=["positions", "tiles"], help="stop after the first training, or do the others alone")
    asked = parser.parse_args()
    work: Path = asked.work
    with ProgressBars() as bars:
        if asked.only != "tiles":
            texts = _catalogue(work / "texts", shipped_data.texts(asked.data, work / "made", TOWNS, strict=asked.strict), bars)
            where = shipped_data.files_of_teachers(asked.data, work / "made", asked.geoclip)
            filled_in = work / "made/positions.toml"
            filled_in.write_text(_filled_in(SETTINGS.read_text(), where))
            train(TrainConfig.load(filled_in, tuple(asked.set)), texts, work / "positions", progress=bars)
        if asked.only != "positions":
            tiles = _catalogue(work / "tiles", shipped_data.tiles(asked.data, work / "made", TOWN_TILES, GRID_TILES), bars)
            base = settings_from(Checkpoint.open(work / "positions"), "tiles", tiles)
            for sensor, file in TOWERS.items():
                train(TrainConfig.load(file, tuple(asked.set_tiles), defaults=base), tiles, work / sensor, progress=bars)
            scales = _catalogue(work / "scales", shipped_data.scales(asked.data, TOWN_TILES, GRID_TILES), bars)
            coarse = work / "nasa_coarse"
            for file in SCALES:
                base, coarse = settings_from(Checkpoint.open(coarse), "tiles", scales), work / file.stem
                train(TrainConfig.load(file, tuple(asked.set_tiles), defaults=base), scales, coarse, progress=bars)
            towers = {"sentinel2": work / "sentinel2", "nasa_coarse": coarse}
            put_together({sensor: Checkpoint.open(folder) for sensor, folder in towers.items()}, work / "checkpoint")


def put_together(towers: Mapping[str, Checkpoint], out: Path) -> None:
    """One model `by_sensor` of models that differ in their towers only. Its other settings are those of the first."""
    cards = [model.card for model in towers.values()]
    first = next(iter(towers.values()))
    parts = {sensor: dict(model.card.config.image) for sensor, model in towers.items()}
    image = Component(name="by_sensor", options={"towers": parts})
    config = TrainConfig.parse({**dict(first.card.config), "image": image}, where="towers").resolved()
    weights = {name: each for name, each in first.weights().items() if not name.startswith(TOWER)}
    for sensor, model in towers.items():
        weights |= {f"{TOWER}towers.{sensor}.{name}": each for name, each in model.weights(TOWER).items()}
    tiles = [origin for card in cards for origin in card.origins if origin.modality == "tiles"]
    card = first.card.model_copy(
        update={
            "config": config,
            "sensors": tuple(sensor for card in cards for sensor in card.sensors),
            "trained_on": {**first.card.trained_on, "tiles": sum(card.trained_on["tiles"] for card in cards)},
            "origins": (*(origin for origin in first.card.origins if origin.modality != "tiles"), *tiles),
        }
    )
    save_model(out, weights, card)
    Checkpoint.open(out).encoder("tiles", torch.device("cpu"))  # it fits its settings


def _filled_in(settings: str, where: dict[str, str]) -> str:
    """With the places of the files that the settings name as "MADE/…"."""
    for name, path in where.items():
        settings = settings.replace(f'"MADE/{name}"', f'"{path}"')
    return settings


def _catalogue(folder: Path, sources: shipped_data.Sources, bars: ProgressBars) -> Catalogue:
    """Filled once; what was ingested before is not read again."""
    catalogue, done = Catalogue.open(folder, create=True), folder / "ingested.txt"
    finished = done.read_text().splitlines() if done.is_file() else []
    for number, (name, options) in enumerate(sources):
        if f"{number} {name}" in finished:
            continue
        source = Scales(**options) if name == shipped_data.SCALES else load("index.sources", name).build(**options)
        bars.start(f"ingest {name}", source.total)
        ingest(catalogue, source, bars.advance)
        finished.append(f"{number} {name}")
        done.write_text("\n".join(finished))
    return catalogue


if __name__ == "__main__":
    main()
