"""Comparisons: every cell is trained once, on the same records, and the table says what came of each."""

import csv
import statistics
from pathlib import Path
from typing import Any

import pytest

from index.errors import CheckpointError
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.train.small_worlds import Interrupted, ListSource, StopAfter, article, tiny_config
from train.checkpoint import MODEL_FILE, TRAINING_FILE, Checkpoint
from train.compare import TABLE_FILE, Outcome, Variant, compare, matrix
from train.config import TrainConfig
from train.loop import train

IMAGEBIND = Variant("imagebind", "sh_siren", ("articles",))
FUSED = Variant("fused", "sh_siren", ("articles",))


def cells(*variants: Variant, seeds: tuple[int, ...] = (0,), **flags: Any) -> dict[Variant, list[TrainConfig]]:
    settings = {"steps": 2, "validate_every": 9, **flags}
    return {
        variant: [
            tiny_config(architecture={"name": variant.architecture}, modalities=variant.modalities, seed=seed, **settings)
            for seed in seeds
        ]
        for variant in variants
    }


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE_FILE).open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_matrix_is_every_combination() -> None:
    variants = list(matrix(("imagebind", "fused"), ("sh_siren", "voronoi"), [("articles",), ("articles", "tiles")]))
    assert len(set(variants)) == len(variants) == 8
    assert len({variant.name for variant in variants}) == 8
    assert variants[0] == Variant("imagebind", "sh_siren", ("articles",))
    assert variants[-1].name == "fused-voronoi-articles+tiles"
    assert Variant("fused", "voronoi", ()).name == "fused-voronoi-all"


def test_the_summary_is_mean_and_standard_deviation_over_the_seeds() -> None:
    """100 and 120 km: 110 and, of a sample of two, 10 sqrt(2). A figure that only one seed has has no spread."""
    outcome = Outcome(FUSED, {0: {"km": 100.0, "rare": 1.0}, 7: {"km": 120.0}})
    assert outcome.summary() == {"km": (110.0, pytest.approx(10 * 2**0.5)), "rare": (1.0, None)}
    assert Outcome(FUSED, {0: {"km": 100.0}}).summary() == {"km": (100.0, None)}


def test_every_cell_is_trained_as_it_would_be_alone_and_stands_in_the_table(regions: Catalogue, tmp_path: Path) -> None:
    asked = cells(IMAGEBIND, FUSED, seeds=(0, 3))
    outcomes = compare(asked, regions, tmp_path / "all")
    assert [outcome.variant for outcome in outcomes] == [IMAGEBIND, FUSED]
    alone = train(asked[FUSED][1], regions, tmp_path / "alone")
    assert Checkpoint.open(tmp_path / "all" / "fused-sh_siren-articles-seed3").digest == alone.checkpoint.digest
    assert outcomes[1].seeds[3] == alone.checkpoint.card.figures
    rows = table(tmp_path / "all")
    assert [(row["architecture"], row["location"], row["modalities"], row["seed"]) for row in rows] == [
        ("imagebind", "sh_siren", "articles", "0"),
        ("imagebind", "sh_siren", "articles", "3"),
        ("fused", "sh_siren", "articles", "0"),
        ("fused", "sh_siren", "articles", "3"),
    ]
    for row, figures in zip(rows, [each for outcome in outcomes for each in outcome.seeds.values()], strict=True):
        assert {name: float(row[name]) for name in figures} == figures
    losses = [outcomes[0].seeds[seed]["total"] for seed in (0, 3)]
    assert outcomes[0].summary()["total"] == pytest.approx((statistics.mean(losses), statistics.stdev(losses)))


def test_finished_trainings_are_not_repeated_and_an_interrupted_one_goes_on(regions: Catalogue, tmp_path: Path) -> None:
    """Killed in the fourth step, of which the first two were the first cell's. The second cell then has a state of one step."""
    asked = cells(IMAGEBIND, FUSED, steps=3, save_every=1)
    with pytest.raises(Interrupted):
        compare(asked, regions, tmp_path / "all", StopAfter(5))
    first, second = (tmp_path / "all" / f"{variant.name}-seed0" for variant in (IMAGEBIND, FUSED))
    assert not (second / MODEL_FILE).exists()
    assert (second / TRAINING_FILE).exists()
    written = (first / MODEL_FILE).stat().st_mtime_ns
    outcomes = compare(asked, regions, tmp_path / "all", StopAfter(2))  # two steps would be too many
    assert (first / MODEL_FILE).stat().st_mtime_ns == written
    assert [row["architecture"] for row in table(tmp_path / "all")] == ["imagebind", "fused"]
    assert compare(asked, regions, tmp_path / "all", StopAfter(1)) == outcomes  # nothing is left to do


def test_a_comparison_can_be_made_larger(regions: Catalogue, tmp_path: Path) -> None:
    (small,) = compare(cells(FUSED), regions, tmp_path / "all")
    larger = compare(cells(FUSED, seeds=(0, 1)), regions, tmp_path / "all")
    assert larger[0].seeds[0] == small.seeds[0]
    assert len(table(tmp_path / "all")) == 2


def test_a_folder_with_a_model_of_other_settings_is_refused_by_name(regions: Catalogue, tmp_path: Path) -> None:
    compare(cells(FUSED), regions, tmp_path / "all")
    with pytest.raises(CheckpointError, match=r"fused-sh_siren-articles-seed0.*other settings.*--out") as caught:
        compare(cells(FUSED, learning_rate=0.5), regions, tmp_path / "all")
    assert "\n" not in str(caught.value)


def test_models_that_learnt_from_different_records_are_not_put_into_one_table(regions: Catalogue, tmp_path: Path) -> None:
    compare(cells(IMAGEBIND), regions, tmp_path / "all")
    ingest(regions, ListSource("articles", [article("A lighthouse by the sea.", 50.0, -5.0)]))
    with pytest.raises(CheckpointError, match=r"fused-sh_siren-articles-seed0.*other records.*--out"):
        compare(cells(IMAGEBIND, FUSED), regions, tmp_path / "all")
    assert [row["architecture"] for row in table(tmp_path / "all")] == ["imagebind"]


def test_different_modalities_are_different_records_and_may_stand_side_by_side(regions: Catalogue, tmp_path: Path) -> None:
    variants = [Variant("imagebind", "sh_siren", modalities) for modalities in (("articles",), ("tiles",), ())]
    compare(cells(*variants, steps=1), regions, tmp_path / "all")
    rows = table(tmp_path / "all")
    assert [row["modalities"] for row in rows] == ["articles", "tiles", "all"]
    assert [bool(row["val_articles_median_km"]) for row in rows] == [True, False, True]
    assert [bool(row["val_tiles_median_km"]) for row in rows] == [False, True, True]
