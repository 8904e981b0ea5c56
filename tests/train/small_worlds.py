"""Small worlds to learn from: four regions that differ in word and colour, the quickest settings, and runs that are stopped."""

from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.imagery.sensors import SENSORS
from index.records import Article, Modality, Place, Record, Tile
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from train.config import TrainConfig

REGIONS = {
    "ice": (70.0, -41.0, "A glacier on the Greenland ice sheet, snow, frost and crevasses in the polar cold"),
    "sand": (22.0, 16.0, "A dune field in the Sahara desert, hot, dry and sandy, crossed by camels"),
    "forest": (-6.0, -62.0, "Rainforest in the Amazon basin, humid jungle full of parrots beside a wide river"),
    "town": (33.0, 137.0, "A Japanese city with temples, a shinkansen station and a crowded harbour"),
}
SHADES = {"ice": (240, 245, 250, 200), "sand": (210, 180, 120, 90), "forest": (20, 80, 30, 60), "town": (120, 110, 115, 140)}
TRAIN_PER_REGION, VAL_PER_REGION, TILES_PER_SENSOR = 5, 1, 2
VAL_LON_SHIFT = 0.125  # validation records lie at longitudes that no training record has


class ListSource:
    """Records from a list, as any source gives them."""

    key = ""

    def __init__(self, modality: Modality, records: Sequence[Record]) -> None:
        self.modality, self.total = modality, len(records)
        self._records = records

    def records(self, finished: Container[str] = frozenset()) -> Iterator[Record]:
        return iter(self._records)


def fill(folder: Path, articles: Sequence[Article] = (), tiles: Sequence[Tile] = ()) -> Catalogue:
    """A real Lance catalogue in ``folder`` with these records."""
    catalogue = Catalogue.open(folder, create=True)
    for modality, records in (("articles", articles), ("tiles", tiles)):
        if records:
            ingest(catalogue, ListSource(modality, records))
    return catalogue


def article(text: str, lat: float, lon: float, title: str = "", split: str = "") -> Article:
    return Article(place=Place(lat=lat, lon=lon), title=title, text=text, split=split)


def tile(
    pixels: npt.NDArray[Any], lat: float, lon: float, sensor: str = "nasa_coarse", bands: tuple[str, ...] = (), split: str = ""
) -> Tile:
    bounds = (lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1)
    bands = bands or SENSORS[sensor].bands
    return Tile(
        place=Place(lat=lat, lon=lon), pixels=pixels, bands=bands, sensor=sensor, crs="EPSG:4326", bounds=bounds, split=split
    )


def region_articles(val_text: str | None = None) -> list[Article]:
    """Five training articles and one validation article a region; ``val_text`` replaces what the latter say."""
    found = []
    for name, (lat, lon, words) in REGIONS.items():
        for n in range(TRAIN_PER_REGION):
            found.append(
                article(f"{words}. Number {n}.", lat + n / 4, lon - n / 4, title=f"{name} {n}", split="train" if n % 2 else "")
            )
        found.append(article(val_text or f"{words}. Number nine.", lat, lon + VAL_LON_SHIFT, title=f"{name} val", split="val"))
    return found


def region_tiles() -> list[Tile]:
    """Two training tiles of each of both sensors and one validation tile a region, noisy around the region's colour."""
    rng, found = np.random.default_rng(7), []
    for name, (lat, lon, _) in REGIONS.items():
        shade = np.array(SHADES[name])
        for n in range(TILES_PER_SENSOR + VAL_PER_REGION):
            split, shift = ("train", n / 4) if n < TILES_PER_SENSOR else ("val", -VAL_LON_SHIFT)
            coarse = np.clip(shade[:, None, None] + rng.integers(-5, 6, (4, 32, 32)), 1, 255).astype(np.uint8)
            found.append(tile(coarse, lat + n / 4, lon - shift, split=split))
            if split == "train":
                fine = (np.resize(shade, 13)[:, None, None] * 12 + rng.integers(0, 200, (13, 40, 40)) + 1).astype(np.uint16)
                found.append(tile(fine, lat - n / 4, lon - shift - 0.0625, sensor="sentinel2", split=split))
    return found


def tiny_config(**flags: Any) -> TrainConfig:
    """The smallest network of every kind; ``flags`` override."""
    settings = (
        "location.name=sh_siren",
        "location.options={degrees=6, hidden=32}",
        "text.name=minilm",
        "text.options={hidden=32}",
        "image.name=multispectral",
        "image.options={trunk='test_convnext', size_px=32}",
    )
    small = {
        "dim": 16,
        "steps": 8,
        "article_batch": 12,
        "tile_batch": 6,
        "warmup_steps": 2,
        "validate_every": 4,
        "save_every": 3,
        "device": "cpu",
    }
    return TrainConfig.load(settings=settings, **{**small, **flags})


class Interrupted(Exception):
    """Stands for the power cut."""


class StopAfter:
    """A progress observer that ends a run by an exception once ``steps`` steps of training are done."""

    def __init__(self, steps: int) -> None:
        self.left: float = steps
        self.training = False

    def start(self, title: str, total: int | None) -> None:
        self.training = title == "train"

    def advance(self, n: int, **figures: float) -> None:
        if self.training and figures:
            self.left -= n
            if self.left <= 0:
                raise Interrupted


class LetterTower:
    """A frozen tower to follow by hand: a text's length and its shares of a, e and o. Remembers what it read."""

    feature_key = "letters"
    feature_dim = 4

    def __init__(self, breaks_at_call: int = 0, passages: int = 1) -> None:
        self.read: list[str] = []
        self.calls, self.breaks_at_call, self.passages = 0, breaks_at_call, passages

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.calls += 1
        if self.calls == self.breaks_at_call:
            raise Interrupted
        self.read += texts
        return np.array([[len(text), *(text.count(letter) / len(text) for letter in "aeo")] for text in texts], dtype=np.float32)
