"""A small trained world that the tests of retrieval/ and ui/ share: a hot south, a cold north, articles, tiles and a gallery."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from index.records import Article, Location, Place, Tile
from index.sources.geotiff_tiles import write_tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from train.config import TrainConfig

settings.register_profile("placebind", deadline=None)  # a busy machine is no failure
settings.load_profile("placebind")

TINY = {
    "steps": 60,
    "article_batch": 32,
    "tile_batch": 16,
    "dim": 32,
    "save_every": 10,
    "location": {"name": "sh_siren", "options": {"degrees": 4, "hidden": 32}},
    "text": {"name": "minilm", "options": {"hidden": 64}},
    "image": {"name": "multispectral", "options": {"trunk": "test_convnext", "size_px": 32}},
}
NORTH, SOUTH = "Ice, snow and tundra at {}, far in the north.", "Palm trees and hot sand at {}, in the tropics."


@dataclass(frozen=True)
class World:
    """``folder`` holds the catalogue, ``folder/checkpoint`` the model, ``tile_file`` a white tile of the north."""

    folder: Path
    tile_file: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"


class Records:
    """A source of given records."""

    def __init__(self, modality, records):
        self.modality, self.total, self.key, self._records = modality, len(records), "", records

    def records(self, finished=frozenset()):
        yield from self._records


def coarse_tile(place: Place, brightness: int, seed: int = 0) -> Tile:
    """A NASA-like tile, white (snow) or brown (sand) with a little noise."""
    noise = np.random.default_rng(seed).integers(0, 20, size=(4, 32, 32))
    pixels = np.clip(brightness + noise, 1, 255).astype(np.uint8)
    bounds = (place.lon - 1, place.lat - 1, place.lon + 1, place.lat + 1)
    return Tile(
        place=place, pixels=pixels, bands=("red", "green", "blue", "relief"), sensor="nasa_coarse", crs="EPSG:4326", bounds=bounds,
        title=f"tile {seed}",
    )  # fmt: skip


def fill(folder: Path) -> Catalogue:
    """48 articles, 24 tiles and 200 locations, half in the north (70 N), half in the tropics (5 N)."""
    catalogue = Catalogue.open(folder, create=True)
    lons = np.linspace(-180, 180, 24, endpoint=False)
    articles, tiles = [], []
    for number, lon in enumerate(lons.tolist()):
        north, south = Place(lat=70.0, lon=lon), Place(lat=5.0, lon=lon)
        articles.append(Article(place=north, title=f"North {number}", text=NORTH.format(f"station {number}")))
        articles.append(Article(place=south, title=f"South {number}", text=SOUTH.format(f"village {number}")))
        tiles.append(coarse_tile(north if number % 2 else south, 230 if number % 2 else 90, number))
    ingest(catalogue, Records("articles", articles))
    ingest(catalogue, Records("tiles", tiles))
    grid = [Place(lat=float(lat), lon=float(lon)) for lat in (5.0, 70.0) for lon in np.linspace(-180, 176.4, 100)]
    ingest(catalogue, Records("locations", [Location(place=place, title=f"at {place.lat:.0f}, {place.lon:.1f}") for place in grid]))
    return catalogue


@pytest.fixture(scope="session")
def _trained(tmp_path_factory) -> World:
    import torch

    from retrieval.building.build import build_index
    from train.checkpoint import Checkpoint
    from train.loop import train

    torch.set_num_threads(1)  # a small model on a busy machine trains many times faster than on threads that wait for each other
    folder = tmp_path_factory.mktemp("world")
    catalogue = fill(folder)
    train(TrainConfig.parse(TINY, where="tests").resolved(), catalogue, folder / "checkpoint")
    build_index(Checkpoint.open(folder / "checkpoint"), catalogue)
    tile_file = folder / "snow.tif"
    write_tile(coarse_tile(Place(lat=70.0, lon=10.0), 230, 99), tile_file)
    return World(folder, tile_file)


@pytest.fixture
def world(_trained: World) -> World:
    """The shared world, to be read only."""
    return _trained


@pytest.fixture
def own_world(_trained: World, tmp_path: Path) -> World:
    """A copy that a test may change."""
    shutil.copytree(_trained.folder, tmp_path / "world")
    return World(tmp_path / "world", tmp_path / "world" / "snow.tif")
