"""Clusters of three clumps of cells, and the articles that they are named by."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import InputError
from index.records import Article
from index.search.snapshot import Snapshot, open_snapshot
from retrieval.atlas.clusters import clusters_of, distinct_colours
from retrieval.heat.cells import Cells
from tests.worlds import article, catalogue_with, index_with, unit

SIZES = {"Africa": 6, "Asia": 4, "Pacific": 2}
LONS = {"Africa": 20.0, "Asia": 100.0, "Pacific": 180.0}
AXES = np.eye(8)


def three_clumps() -> Cells:
    """Cells 10 degrees apart on the equator northwards; the first of each clump has its direction, others lean to a side each."""
    vectors, places = [], []
    for number, (name, size) in enumerate(SIZES.items()):
        sides = [np.zeros(8), *(0.2 * sign * AXES[axis] for axis in (3, 4, 5) for sign in (1, -1))][:size]
        vectors += [AXES[number] + side for side in sides]
        places += [(10.0 * row, LONS[name]) for row in range(size)]
    return Cells(unit(vectors), np.array(places), reach_km=300)


def written(folder: Path, articles: Sequence[tuple[Article, npt.ArrayLike]]) -> Snapshot:
    """A snapshot of articles with a vector each."""
    catalogue = catalogue_with(folder, articles=[each for each, _ in articles])
    vectors = {each.id: unit([vector])[0] for each, vector in articles}
    index_with(catalogue, "articles", np.stack([vectors[id_] for id_ in sorted(vectors)]))
    return open_snapshot(catalogue, "articles")


def test_clumps_are_found_and_told_from_the_largest_area_to_the_smallest() -> None:
    clusters = clusters_of(three_clumps(), None, 3)
    assert clusters.labels.tolist() == [0] * 6 + [1] * 4 + [2] * 2
    assert [each.cells for each in clusters.each] == [6, 4, 2]
    np.testing.assert_allclose([each.area_share for each in clusters.each], [1 / 2, 1 / 3, 1 / 6], atol=0.03)
    assert clusters.each[2].alike == pytest.approx(np.cos(np.arctan(0.2) / 2), abs=1e-4)  # two cells, each half the angle away


def test_the_medoid_is_the_cell_in_the_middle_of_the_others() -> None:
    # Of the six in Africa one has the direction that the others lean away from, to five sides.
    africa = clusters_of(three_clumps(), None, 3).each[0]
    assert (africa.medoid.lat, africa.medoid.lon) == (0, 20)


def test_a_cluster_is_named_by_the_articles_on_its_ground_nearest_first(tmp_path: Path) -> None:
    articles = written(
        tmp_path,
        [
            (article("Less like it", lat=11, lon=20, country="Chad"), AXES[0] + AXES[6]),
            (article("Most like it", lat=1, lon=21, country="Chad"), AXES[0] + 0.1 * AXES[6]),
            (article("More alike but in Asia", lat=1, lon=100, country="Laos"), AXES[0]),
            (article("More alike but at sea", lat=0, lon=60), AXES[0]),
            (article("In Niger", lat=19, lon=20, country="Niger"), AXES[7]),
        ],
    )
    africa, asia, _ = clusters_of(three_clumps(), articles, 3).each
    assert africa.named.titles == ("Most like it", "Less like it", "In Niger")
    assert africa.named.countries == (("Chad", 2), ("Niger", 1))
    assert (africa.named.articles, africa.named.borrowed) == (3, False)
    assert asia.named.titles == ("More alike but in Asia",)


def test_a_cluster_without_articles_borrows_their_names_and_says_so(tmp_path: Path) -> None:
    far = article("An island elsewhere", lat=0, lon=-60, country="Nowhere")
    articles = written(tmp_path, [(far, AXES[2]), (article("Other", lat=1, lon=20), AXES[0])])
    pacific = clusters_of(three_clumps(), articles, 3).each[2]
    assert pacific.named.titles[0] == "An island elsewhere"
    assert (pacific.named.borrowed, pacific.named.articles, pacific.named.countries) == (True, 0, ())
    assert clusters_of(three_clumps(), None, 3).each[0].named.titles == ()


def test_every_cell_has_the_colour_of_its_cluster_and_no_two_clusters_share_one() -> None:
    clusters = clusters_of(three_clumps(), None, 3)
    assert clusters.colours[[0, 5, 6, 11]].tolist() == [list(clusters.each[number].colour) for number in (0, 0, 1, 2)]
    colours = distinct_colours(64).astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert apart[~np.eye(64, dtype=bool)].min() > 40


def test_the_same_seed_gives_the_same_clusters_and_empty_ones_are_left_out() -> None:
    again = [clusters_of(three_clumps(), None, 5, seed=3).labels.tolist() for _ in range(2)]
    assert again[0] == again[1]
    twins = Cells(unit([AXES[0]] * 5 + [AXES[1]] * 5), three_clumps().places[:10], reach_km=300)
    assert [each.cells for each in clusters_of(twins, None, 4).each] == [5, 5]


@pytest.mark.parametrize("count", [1, 13, 65])
def test_too_few_and_too_many_clusters_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"2 to 12 clusters, got {count}"):
        clusters_of(three_clumps(), None, count)
