"""The embedded default: a small real world that any machine can build, then three questions to it.

Every step is skipped if an earlier start finished it, and goes on where an earlier start was interrupted.
"""

from pathlib import Path
from typing import Any

from index.catalogue import Catalogue
from index.records import MODALITIES, Place
from index.registry import load
from index.sources.blue_marble import example_tile
from index.sources.gazetteer import famous_places
from index.sources.geotiff_tiles import write_tile
from index.vectors import manifest_of
from retrieval import Space
from retrieval.build import build_index
from train.checkpoint import MODEL_FILE, Checkpoint
from train.config import TrainConfig
from train.loop import train
from ui.console import ProgressBars, out
from ui.tables import print_answer

SOURCES = ("gazetteer", "blue_marble", "grid")
EXAMPLE_TILE = "example-nile-delta.tif"
EXAMPLE_PLACE = Place(lat=30.9, lon=31.1)

# Under three minutes on two cores. The tiles are cut from 32 pixels, so the network need not see more.
TRAINING: dict[str, Any] = {
    "steps": 300,
    "article_batch": 768,
    "tile_batch": 256,
    "sentence_share": 0.5,
    "image": {"name": "multispectral", "options": {"size_px": 32}},
}


def run_demo(folder: Path) -> None:
    """Build what is missing in ``folder`` and answer one query of each kind in the terminal."""
    catalogue = Catalogue.open(folder, create=True)
    if not _is_ready(folder, catalogue):
        _build(folder, catalogue)
    space = Space.open(folder / "checkpoint", folder)
    _say_what_is_real(space)
    print_answer(space.search("salt flat in the Andes", k=3))
    print_answer(space.search(image=folder / EXAMPLE_TILE, into=("articles",), k=3))
    print_answer(space.search(place=Place(lat=48.2, lon=16.4), into=("tiles",), k=3))
    out.print(f'\nAsk your own: [bold]placebind search "coral island in the Pacific" --catalogue {folder}[/]')


def _is_ready(folder: Path, catalogue: Catalogue) -> bool:
    """Whether an earlier start came to its end: every table is indexed by the model in the folder."""
    if not (folder / "checkpoint" / MODEL_FILE).is_file() or not (folder / EXAMPLE_TILE).is_file():
        return False
    return _models_of_index(catalogue) == [Checkpoint.open(folder / "checkpoint").digest] * len(MODALITIES)


def _models_of_index(catalogue: Catalogue) -> list[str]:
    """The digest of the model behind each finished index."""
    manifests = [manifest_of(catalogue, modality) for modality in MODALITIES if catalogue.has(modality)]
    return [manifest.model_digest for manifest in manifests if manifest]


def _build(folder: Path, catalogue: Catalogue) -> None:
    out.print(f"Building the demo world in {folder}: a few minutes, once.")
    with ProgressBars() as bars:
        for name in SOURCES:
            source = load("index.sources", name).build()
            bars.start(f"ingest {name}", source.total)
            catalogue.ingest(source, bars.advance)
        write_tile(example_tile(EXAMPLE_PLACE), folder / EXAMPLE_TILE)
        if not (folder / "checkpoint" / MODEL_FILE).is_file():
            train(TrainConfig.parse(TRAINING, where="demo").resolved(), catalogue, folder / "checkpoint", progress=bars)
        model = Checkpoint.open(folder / "checkpoint")
        stale = any(digest != model.digest for digest in _models_of_index(catalogue))
        build_index(model, catalogue, rebuild=stale, progress=bars)


def _say_what_is_real(space: Space) -> None:
    count = {modality: f"{manifest.rows:,}" for modality, manifest in space.manifests.items()}
    out.print(
        f"[bold]What is in here.[/] Real: {count['tiles']} coarse tiles cut from NASA Blue Marble and NOAA ETOPO1 (7.4 km a pixel, "
        "not Sentinel-2); the facts in the articles (GeoNames, airportsdata, Köppen classes); "
        f"{count['locations']} points on land. Written by PlaceBind: the sentences of the {count['articles']} articles, among them "
        f"{len(famous_places())} descriptions of well-known places. Nothing is from Wikipedia. The model was trained on this "
        "machine in minutes: expect the right region, not the valley.\n"
    )
