"""Recall as it is measured: right for a backend that loses a known share, boxes that hold what they should."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import CatalogueError
from index.records import BBox, Embeddings
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from retrieval.building import verify as module
from retrieval.building.verify import box_around, recall_of, verify
from retrieval.ranking.search import Searcher
from tests.worlds import catalogue_with, clustered, index_with, locations, one_hot


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = catalogue_with(tmp_path, locations=locations(300))
    index_with(catalogue, "locations", clustered(300, 16))
    return catalogue


class Forgetful:
    """Finds all but the best of the true hits, and one that is none in its stead."""

    def __init__(self, planner: Any) -> None:
        self.planner = planner

    def search(self, queries: Any, k: int, rows: Any = None) -> Any:
        found = self.planner.search(queries, k + 1, rows)
        return type(found)(found.rows[:, 1:], found.cosines[:, 1:], "forgetful")


def test_exact_search_finds_everything(catalogue: Catalogue) -> None:
    found = verify(catalogue, backend="exact", queries=20)
    assert [(each.modality, each.share, each.queries, each.recall, each.worst) for each in found] == [
        ("locations", share, 20, 1.0, 1.0) for share in module.SHARES
    ]
    assert [each.rows for each in found] == [300, pytest.approx(90, abs=5), 3, 1], "several places lie at the edge of some boxes"


def test_a_hit_of_ten_that_is_lost_is_a_tenth_of_recall(catalogue: Catalogue) -> None:
    searcher = Searcher(open_snapshot(catalogue, "locations"), "exact")
    searcher.planner = Forgetful(searcher.planner)  # type: ignore[assignment]
    found = recall_of(searcher, np.array(searcher.snapshot.vectors[::30]), 1.0, 10, np.random.default_rng(0))
    assert (found.recall, found.worst, found.queries, found.way) == (pytest.approx(0.9), pytest.approx(0.9), 10, "forgetful")


def test_equals_are_as_good_as_each_other(tmp_path: Path) -> None:
    """All rows have one vector: any of them is a right answer, also another than the exact search chooses."""
    world = catalogue_with(tmp_path, locations=locations(50))
    index_with(world, "locations", one_hot(*[0] * 50))
    searcher = Searcher(open_snapshot(world, "locations"), "exact")
    searcher.planner = Forgetful(searcher.planner)  # type: ignore[assignment]
    assert recall_of(searcher, one_hot(0, 0), 1.0, 10, np.random.default_rng(0)).recall == 1.0


def snapshot_at(places: npt.ArrayLike) -> Snapshot:
    places = np.array(places, dtype=np.float64)
    vectors = one_hot(*[0] * len(places))
    ids = [str(row) for row in range(len(places))]
    return Snapshot.in_memory(Embeddings(ids=ids, vectors=vectors, modality="locations", model_digest="3fa1", places=places))


def test_a_box_is_the_smallest_around_its_row_that_holds_the_share() -> None:
    world = snapshot_at([[0, 0], [1, 1], [0, 3], [20, 0], [0, 50]])
    assert box_around(world, 0, 0.6) == BBox(south=-3, west=-3, north=3, east=3)


def test_a_box_across_the_antimeridian_holds_its_share_too() -> None:
    world = snapshot_at([[0, 179], [0, -179], [0, 170], [0, 0]])
    box = box_around(world, 0, 0.5)
    assert box.contains(*world.places.T).tolist() == [True, True, False, False]
    assert box.crosses_antimeridian


@pytest.mark.parametrize("share", [0.0003, 0.01, 0.3, 0.99])
def test_boxes_over_the_whole_globe_hold_about_their_share(share: float) -> None:
    rng = np.random.default_rng(0)
    places = np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, 4000))), rng.uniform(-180, 180, 4000)], axis=1)
    world = snapshot_at([*places, [90, 0], [-90, 0], [0, 180]])
    for row in (0, 5, 1000, 4000, 4001, 4002):
        inside = int(box_around(world, row, share).contains(*world.places.T).sum())
        assert inside == pytest.approx(max(1, share * len(world)), rel=0.02, abs=1.5)


def test_where_nothing_is_indexed_the_remedy_is_named(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path, locations=locations(3))
    with pytest.raises(CatalogueError, match="is indexed; run `placebind index build"):
        verify(world)


def test_queries_come_from_every_table(world: Any) -> None:
    catalogue = Catalogue.open(world.folder)
    found = verify(catalogue, queries=30)
    assert {each.modality for each in found} == {"articles", "tiles", "locations"}
    assert {each.queries for each in found} == {30}
    assert {each.recall for each in found} == {1.0}
