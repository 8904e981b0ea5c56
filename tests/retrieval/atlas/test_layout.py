"""The sheet of all items: whose places and titles they have, how many of each, and that like ones lie together."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from index.errors import InputError
from index.records import MODALITIES, Modality
from index.search.snapshot import Snapshot, open_snapshot
from retrieval.atlas import layout
from retrieval.atlas.layout import layout_of
from tests.worlds import articles, catalogue_with, index_with, locations, unit


def two_kinds(folder: Path, *, of_articles: int = 12, of_locations: int = 40) -> Mapping[Modality, Snapshot]:
    """Records in two groups, by the parity of their row; articles all lean to one side, which is the gap."""
    catalogue = catalogue_with(folder, articles=articles(of_articles), locations=locations(of_locations))
    rng = np.random.default_rng(0)
    for modality, count, lean in (("articles", of_articles, 3.0), ("locations", of_locations, 0.0)):
        vectors = 0.05 * rng.normal(size=(count, 8))
        vectors[::2, 0] += 1
        vectors[1::2, 1] += 1
        vectors[:, 7] += lean
        index_with(catalogue, modality, unit(vectors))
    return {modality: open_snapshot(catalogue, modality) for modality in ("articles", "locations")}


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_like_items_of_both_kinds_lie_together_in_spite_of_the_gap(tmp_path: Path, method: layout.Method) -> None:
    made = layout_of(two_kinds(tmp_path), method)
    group = np.concatenate([np.arange(40) % 2, np.arange(12) % 2])
    apart = np.linalg.norm(made.xy[:, None] - made.xy[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(axis=1)] == group).mean() > 0.95
    centres = [
        made.xy[(group == each) & (made.modalities == kind)].mean(axis=0) for each in (0, 1) for kind in np.unique(made.modalities)
    ]
    across = np.linalg.norm(centres[0] - centres[2])
    assert max(np.linalg.norm(centres[0] - centres[1]), np.linalg.norm(centres[2] - centres[3])) < across / 2


def test_every_item_has_the_title_and_place_of_its_record(tmp_path: Path) -> None:
    made = layout_of(two_kinds(tmp_path), "pca")
    for title, (lat, lon) in zip(made.titles, made.places, strict=True):
        number = int(title.removeprefix("place "))
        assert (lat, lon) == (number % 120 - 60, number % 360 - 180)
    assert [MODALITIES[kind] for kind in made.modalities] == ["locations"] * 40 + ["articles"] * 12  # the many are drawn first


def test_the_sheet_is_filled_from_edge_to_edge(tmp_path: Path) -> None:
    made = layout_of(two_kinds(tmp_path), "pca")
    assert np.abs(made.xy).max() == pytest.approx(1)
    assert made.xy.min() == pytest.approx(-1)


def test_what_a_small_kind_leaves_goes_to_the_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = two_kinds(tmp_path, of_articles=5)
    for most, expected in ((30, [5, 25]), (8, [4, 4]), (500, [5, 40])):
        monkeypatch.setattr(layout, "MOST", {"pca": most})
        made = layout_of(snapshots, "pca")
        assert [int((made.modalities == MODALITIES.index(kind)).sum()) for kind in snapshots] == expected


def test_the_same_seed_gives_the_same_sheet_and_another_other_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = two_kinds(tmp_path)
    monkeypatch.setattr(layout, "MOST", {"pca": 20})
    one, same, other = (layout_of(snapshots, "pca", seed=seed) for seed in (0, 0, 1))
    assert one.titles == same.titles
    np.testing.assert_array_equal(one.xy, same.xy)
    assert one.titles != other.titles


def test_too_few_items_for_a_sheet_are_refused(tmp_path: Path) -> None:
    snapshots = two_kinds(tmp_path, of_articles=3, of_locations=4)
    with pytest.raises(InputError, match="8 records or more, got 7"):
        layout_of(snapshots, "tsne")
    with pytest.raises(InputError, match="got 0"):
        layout_of({}, "pca")
