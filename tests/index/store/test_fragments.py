"""So many rows are read at once that they fit into memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.records import Tile
from index.store import fragments
from index.store.fragments import MOST_ROWS, bytes_of, rows_at_once
from index.store.upkeep import optimize_table
from tests.worlds import articles, catalogue_with, tile


def tiles(count: int, side_px: int) -> list[Tile]:
    """Of noise, which no packing makes much smaller."""
    rng = np.random.default_rng(0)
    plain = [tile(side=side_px, lat=float(number)) for number in range(count)]
    return [replace(each, pixels=rng.integers(1, 9000, each.pixels.shape).astype(np.uint16)) for each in plain]


def test_of_large_rows_few_are_read_at_once_and_of_small_ones_a_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = catalogue_with(tmp_path / "small", articles=articles(20)).table("articles").to_lance()
    assert rows_at_once(small) == MOST_ROWS
    large = catalogue_with(tmp_path / "large", tiles=tiles(6, 64)).table("tiles").to_lance()
    one = sum(map(bytes_of, large.get_fragments())) / 6
    assert one > 2 * 64 * 64
    monkeypatch.setattr(fragments, "AT_ONCE_BYTES", int(2.5 * one))
    assert rows_at_once(large) == 2
    monkeypatch.setattr(fragments, "AT_ONCE_BYTES", 10)
    assert rows_at_once(large) == 1


def test_files_are_merged_in_bites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lance.dataset import DatasetOptimizer

    catalogue = catalogue_with(tmp_path, tiles=tiles(6, 64))
    bites, merge = [], DatasetOptimizer.compact_files
    monkeypatch.setattr(fragments, "AT_ONCE_BYTES", 10)
    monkeypatch.setattr(
        DatasetOptimizer, "compact_files", lambda self, **how: bites.append(how["batch_size"]) or merge(self, **how)
    )
    optimize_table(catalogue, "tiles")
    assert set(bites) == {1}
    assert catalogue.count("tiles") == 6
