"""The loop: it learns, it keeps away from validation records, and a killed run goes on as if nothing had happened."""

import csv
import itertools
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from index.errors import CatalogueError, CheckpointError, ConfigError
from index.geo import great_circle_km
from index.records import Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.train.small_worlds import (
    REGIONS,
    TILES_PER_SENSOR,
    TRAIN_PER_REGION,
    Interrupted,
    ListSource,
    StopAfter,
    article,
    fill,
    region_articles,
    region_tiles,
    tiny_config,
)
from train.checkpoint import CARD_FILE, MODEL_FILE, TRAINING_FILE, Checkpoint
from train.config import TrainConfig
from train.curve.geolocation import encode_locations, nearest
from train.curve.history import HISTORY_FILE
from train.curve.validate import score, validate
from train.data import REPORT, VALIDATION, held_out_records
from train.image.tiles import read_tiles, tile_records
from train.loop import Result, _fabric, _optimizer, learning_rate_factor, train
from train.model import build_model
from train.objective.architectures.imagebind import ImageBind
from train.text.articles import article_records

CPU = torch.device("cpu")
FINISHED = {MODEL_FILE, HISTORY_FILE, CARD_FILE}
TRAIN_ARTICLES = TRAIN_PER_REGION * len(REGIONS)
TRAIN_TILES = 2 * TILES_PER_SENSOR * len(REGIONS)


@pytest.fixture(scope="module")
def uninterrupted(encoded_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Eight steps without a break: what every resumed run is measured against."""
    return train(tiny_config(), Catalogue.open(encoded_regions), tmp_path_factory.mktemp("uninterrupted"))


def same_weights(a: Path, b: Path, tolerance: float = 1e-6) -> bool:
    first, second = load_file(a / MODEL_FILE), load_file(b / MODEL_FILE)
    assert first.keys() == second.keys()
    return all(torch.allclose(first[name], second[name], rtol=0, atol=tolerance) for name in first)


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def read_curve(folder: Path) -> list[dict[str, float]]:
    """``history.csv`` as any tool reads it; empty cells are left out."""
    with (folder / HISTORY_FILE).open(newline="") as stream:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]


def same_curve(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> None:
    """The same figures at the same steps, none left out and none twice."""
    assert [row["step"] for row in ours] == list(range(len(theirs)))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, rel=1e-6, abs=1e-6)


def test_a_model_of_the_four_regions_learns_where_words_and_colours_belong(regions: Catalogue, tmp_path: Path) -> None:
    result = train(tiny_config(steps=40, learning_rate=3e-3, validate_every=40), regions, tmp_path / "run")
    for modality in ("articles", "tiles", "total"):
        curve = [figures[modality] for figures in result.history]
        assert len(curve) == 40
        assert np.mean(curve[-5:]) < 0.75 * np.mean(curve[:5]), modality
    centres = np.array([(lat, lon) for lat, lon, _ in REGIONS.values()])
    places = encode_locations(result.checkpoint.encoder("locations", CPU), centres[:, 0], centres[:, 1])
    model = build_model(result.checkpoint.card.config)
    held_out = [
        article_records(regions, model.encoders["articles"], VALIDATION),
        tile_records(regions, model.encoders["tiles"], VALIDATION),
    ]
    for records in held_out:
        batch = records.batch(np.arange(len(REGIONS)))
        with torch.inference_mode():
            vectors = batch.encode(result.checkpoint.encoder(records.modality, CPU))
        own_region = great_circle_km(records.lat, records.lon, centres[:, 0], centres[:, 1]).argmin(axis=1)
        assert sorted(own_region) == [0, 1, 2, 3]
        assert nearest(vectors, places).tolist() == own_region.tolist(), records.modality


def test_every_step_leaves_its_losses_and_validation_comes_when_it_should(uninterrupted: Result) -> None:
    assert [figures["step"] for figures in uninterrupted.history] == list(range(8))
    for figures in uninterrupted.history:
        assert figures["total"] == pytest.approx(figures["articles"] + figures["tiles"], rel=1e-6)
        for name in ("val_articles_median_km", "val_articles_recall_at_10", "val_tiles_median_km", "val_tiles_recall_at_10"):
            assert (name in figures) == (figures["step"] in (3, 7))


def test_a_run_sees_as_many_tiles_in_a_few_bands_as_it_is_told(encoded_regions: Path, tmp_path: Path) -> None:
    """The same first batch by the same first weights: what it costs tells whether bands were hidden."""
    cost = {}
    for share in (0.0, 1.0):
        config = tiny_config(steps=1, few_bands_share=share)
        cost[share] = train(config, Catalogue.open(encoded_regions), tmp_path / str(share)).history[0]
    assert cost[0.0]["articles"] == pytest.approx(cost[1.0]["articles"], rel=1e-6)
    assert cost[0.0]["tiles"] != pytest.approx(cost[1.0]["tiles"], rel=1e-4)


def test_the_card_tells_what_was_learnt_from_and_how_well(uninterrupted: Result) -> None:
    card = Checkpoint.open(uninterrupted.checkpoint.path.parent).card
    assert card == uninterrupted.checkpoint.card
    assert card.config == tiny_config()
    assert card.trained_on == {"articles": TRAIN_ARTICLES, "tiles": TRAIN_TILES}
    assert card.sensors == ("sentinel2", "nasa_coarse")
    assert card.figures == {name: value for name, value in uninterrupted.history[-1].items() if name != "step"}
    assert card.placebind_version
    assert {(origin.modality, origin.records) for origin in card.origins} == {("articles", TRAIN_ARTICLES), ("tiles", TRAIN_TILES)}


def test_the_last_validation_can_be_repeated_from_the_checkpoint(uninterrupted: Result, encoded_regions: Path) -> None:
    model = build_model(tiny_config())
    model.load_state_dict(load_file(uninterrupted.checkpoint.path))
    held_out = held_out_records(Catalogue.open(encoded_regions), model.encoders, ("articles", "tiles"))
    figures = validate(model, held_out)
    assert {name for name in uninterrupted.history[-1] if name.startswith("val_")} == set(figures)
    for name, value in figures.items():
        assert uninterrupted.history[-1][name] == pytest.approx(value, rel=1e-6)


def test_the_curve_is_left_beside_the_model_to_the_last_digit(uninterrupted: Result) -> None:
    assert read_curve(uninterrupted.checkpoint.path.parent) == uninterrupted.history


@pytest.mark.parametrize("killed_after", [(1,), (3,), (5,), (7,), (8,), (4, 1, 2)], ids=str)
def test_a_killed_and_resumed_run_follows_the_same_curve_to_the_same_weights(
    killed_after: tuple[int, ...], regions: Catalogue, tmp_path: Path, uninterrupted: Result
) -> None:
    """States are saved after steps 3 and 6. Killed after 1, nothing is saved; after 8, the last step is repeated from 6."""
    out = tmp_path / "run"
    for steps in killed_after:
        with pytest.raises(Interrupted):
            train(tiny_config(), regions, out, progress=StopAfter(steps))
        assert not (out / MODEL_FILE).exists()
    result = train(tiny_config(), regions, out)
    same_curve(result.history, uninterrupted.history)
    assert read_curve(out) == result.history
    assert same_weights(out, uninterrupted.checkpoint.path.parent)
    assert left_in(out) == FINISHED


RUNS: dict[str, dict[str, Any]] = {
    "fused": {"architecture": "fused"},
    "imagebind, queue, further negatives, patience": {
        "architecture": {"name": "imagebind", "options": {"gps_queue": 20, "uniform_negatives": 9}},
        "patience": 5,
        "validate_every": 2,
    },
    "cyclic, teacher, queue, a turn of two steps": {
        "architecture": {"name": "cyclic", "options": {"teacher_decay": 0.9, "gps_queue": 20, "swap_every": 2}},
        "patience": 9,
    },
    "cyclic, fixed after the first turn": {
        "architecture": {"name": "cyclic", "options": {"location": "fixed_after_first", "swap_every": 2}}
    },
    "fused, in parts, queue": {
        "architecture": {"name": "fused", "options": {"gps_queue": 7, "uniform_negatives": 3, "matryoshka": (8,), "loss_chunk": 5}},
        "encode_chunk": 5,
    },
}


@pytest.mark.parametrize("run", RUNS)
def test_killed_after_each_of_its_steps_a_run_of_any_kind_ends_the_same(run: str, regions: Catalogue, tmp_path: Path) -> None:
    config = tiny_config(steps=6, save_every=1, **RUNS[run])
    whole = train(config, regions, tmp_path / "whole")
    for step in range(1, 7):
        with pytest.raises(Interrupted):
            train(config, regions, tmp_path / "run", progress=StopAfter(1))
        assert [row["step"] for row in read_curve(tmp_path / "run")] == list(range(min(step, 5)))  # the last is not saved
    resumed = train(config, regions, tmp_path / "run")
    same_curve(resumed.history, whole.history)
    assert read_curve(tmp_path / "run") == resumed.history
    assert same_weights(tmp_path / "run", tmp_path / "whole")
    assert resumed.checkpoint.card.figures == pytest.approx(whole.checkpoint.card.figures, rel=1e-6, abs=1e-6)


def test_a_run_killed_between_its_curve_and_its_state_repeats_no_row(
    regions: Catalogue, tmp_path: Path, uninterrupted: Result
) -> None:
    """The curve is written first: then it goes to step 5, and the state is still the one after step 2."""
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        train(tiny_config(), regions, out, progress=StopAfter(3))
    older = (out / TRAINING_FILE).read_bytes()
    with pytest.raises(Interrupted):
        train(tiny_config(), regions, out, progress=StopAfter(3))
    assert [row["step"] for row in read_curve(out)] == [0, 1, 2, 3, 4, 5]
    (out / TRAINING_FILE).write_bytes(older)
    same_curve(train(tiny_config(), regions, out).history, uninterrupted.history)


def test_a_run_whose_process_is_killed_goes_on_in_another(tmp_path: Path) -> None:
    """SIGKILL at whatever the command is doing, once there is a state to go on from."""
    catalogue = fill(tmp_path / "world", region_articles())
    settings = (
        "dim=8", "location.options={degrees=4, hidden=16}", "text.options.hidden=16", "article_batch=12", "steps=150",
        "save_every=4", "validate_every=50", "device=cpu",
    )  # fmt: skip
    out, flags = tmp_path / "run", [flag for each in settings for flag in ("--set", each)]
    command = [sys.executable, "-m", "ui", "train", "-c", str(tmp_path / "world"), "--out", str(out), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (out / TRAINING_FILE).exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (out / MODEL_FILE).exists()
    config = TrainConfig.load(settings=settings)
    resumed, whole = train(config, catalogue, out), train(config, catalogue, tmp_path / "whole")
    same_curve(resumed.history, whole.history)
    assert same_weights(out, tmp_path / "whole")
    assert left_in(out) == FINISHED


@pytest.mark.parametrize("split", ["", "val"])
def test_a_run_does_not_go_on_with_other_records_than_it_began_with(split: str, regions: Catalogue, tmp_path: Path) -> None:
    """Neither to learn from nor to be judged by: the curve would be of two worlds."""
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        train(tiny_config(), regions, out, progress=StopAfter(4))
    before = (out / TRAINING_FILE).read_bytes()
    ingest(regions, ListSource("articles", [article("A lighthouse by the sea.", 50.0, -5.0, split=split)]))
    with pytest.raises(CheckpointError, match=r"records of the catalogue differ.*--overwrite") as caught:
        train(tiny_config(), regions, out)
    assert "\n" not in str(caught.value)
    assert (out / TRAINING_FILE).read_bytes() == before
    again = train(tiny_config(), regions, out, overwrite=True)
    assert [row["step"] for row in again.history] == list(range(8))
    assert left_in(out) == FINISHED
    fresh = train(tiny_config(), regions, tmp_path / "fresh")
    assert again.checkpoint.digest == fresh.checkpoint.digest


def test_what_parts_start_from_is_read_again_when_a_run_begins_anew_on_other_records(regions: Catalogue, tmp_path: Path) -> None:
    """Its state is not taken up, so the location encoder is to come from the checkpoint, as in any new run."""
    train(tiny_config(steps=1, seed=9), regions, tmp_path / "first")
    options = {"location": "fixed", "location_checkpoint": str(tmp_path / "first")}
    config = tiny_config(steps=4, architecture={"name": "cyclic", "options": options})
    with pytest.raises(Interrupted):
        train(config, regions, tmp_path / "run", progress=StopAfter(3))
    ingest(regions, ListSource("articles", [article("A lighthouse by the sea.", 50.0, -5.0)]))
    train(config, regions, tmp_path / "run", overwrite=True)
    first, second = load_file(tmp_path / "first" / MODEL_FILE), load_file(tmp_path / "run" / MODEL_FILE)
    locations = [name for name in first if name.startswith("encoders.locations.")]
    assert locations
    assert all(torch.equal(first[name], second[name]) for name in locations)


def getting_worse(**flags: Any) -> TrainConfig:
    """Learns wildly, so that its validations go up and down; looks and saves each step."""
    return tiny_config(
        **{"steps": 30, "learning_rate": 0.05, "warmup_steps": 0, "validate_every": 1, "save_every": 1, "patience": 3, **flags}
    )


@pytest.fixture(scope="module")
def stopped_early(encoded_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return train(getting_worse(), Catalogue.open(encoded_regions), tmp_path_factory.mktemp("stopped_early"))


def test_a_run_ends_when_it_has_not_been_better_for_as_long_as_patience(stopped_early: Result) -> None:
    """The geometric mean of the two medians, by hand: the best stands exactly ``patience`` validations before the end."""
    scores = [math.sqrt(row["val_articles_median_km"] * row["val_tiles_median_km"]) for row in stopped_early.history]
    assert len(scores) < 30
    assert int(np.argmin(scores)) == len(scores) - 1 - 3
    for end in range(4, len(scores)):  # and nowhere before had three in a row been no better
        assert min(scores[end - 3 : end]) < min([*scores[: end - 3], math.inf])


def test_a_run_that_ended_early_keeps_the_weights_and_figures_of_its_best_validation(
    stopped_early: Result, encoded_regions: Path
) -> None:
    best = stopped_early.history[-4]
    figures = stopped_early.checkpoint.card.figures
    assert {name: value for name, value in figures.items() if name.startswith("val_")} == {
        name: value for name, value in best.items() if name.startswith("val_")
    }
    model = build_model(getting_worse())
    model.load_state_dict(load_file(stopped_early.checkpoint.path))
    held_out = held_out_records(Catalogue.open(encoded_regions), model.encoders, ("articles", "tiles"))
    assert validate(model, held_out) == pytest.approx(
        {name: figures[name] for name in figures if name.startswith("val_")}, rel=1e-6
    )


def test_a_run_that_would_end_early_ends_the_same_when_it_was_killed_while_it_waited(
    stopped_early: Result, regions: Catalogue, tmp_path: Path
) -> None:
    """Killed two steps before the end, and again one before it: it goes on with one and two of three waited already."""
    for left in (len(stopped_early.history) - 2, 1):
        with pytest.raises(Interrupted):
            train(getting_worse(), regions, tmp_path / "run", progress=StopAfter(left))
    resumed = train(getting_worse(), regions, tmp_path / "run")
    same_curve(resumed.history, stopped_early.history)
    assert resumed.checkpoint.digest == stopped_early.checkpoint.digest
    assert resumed.checkpoint.card == stopped_early.checkpoint.card


def test_with_patience_to_spare_the_best_weights_are_kept_all_the_same(regions: Catalogue, tmp_path: Path) -> None:
    """To the last step, whose weights are not the best."""
    result = train(getting_worse(patience=100, save_every=100, steps=12), regions, tmp_path / "run")
    assert len(result.history) == 12
    medians = {name: value for name, value in result.checkpoint.card.figures.items() if name.endswith("median_km")}
    scores = [score(row) for row in result.history]
    assert score(medians) == min(scores) < scores[-1]


def test_patience_without_anything_to_judge_by_is_refused(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", [each for each in region_articles() if each.split != "val"])
    with pytest.raises(ConfigError, match=r"patience.*'val'"):
        train(tiny_config(patience=2), catalogue, tmp_path / "run")
    train(tiny_config(steps=1), catalogue, tmp_path / "run")


def test_cyclic_training_is_validated_at_the_end_of_every_turn(regions: Catalogue, tmp_path: Path) -> None:
    """Turns of three steps: texts 0-2, tiles 3-5, texts 6-7, of which the last step ends the run. Both modalities are looked at."""
    config = tiny_config(architecture={"name": "cyclic", "options": {"swap_every": 3}}, validate_every=100)
    history = train(config, regions, tmp_path / "run").history
    assert [row["step"] for row in history if "val_articles_median_km" in row] == [2, 5, 7]
    assert [row["step"] for row in history if "val_tiles_recall_at_10" in row] == [2, 5, 7]
    assert ["articles" if "articles" in row else "tiles" for row in history] == ["articles"] * 3 + ["tiles"] * 3 + ["articles"] * 2


def test_processes_that_torchrun_started_do_not_each_train_the_whole(
    regions: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into one folder, over each other. The number is said twice because batches are shared among so many."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "any")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="--devices 2"):
        train(tiny_config(), regions, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_that_the_machine_does_not_have_is_refused_in_one_line(regions: Catalogue, tmp_path: Path) -> None:
    nowhere = 99
    with pytest.raises(ConfigError, match=f"cuda:{nowhere}") as caught:
        train(tiny_config(device=f"cuda:{nowhere}"), regions, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_resuming_tells_the_progress_bar_where_it_stands(regions: Catalogue, tmp_path: Path) -> None:
    class Diary(StopAfter):
        def __init__(self) -> None:
            super().__init__(10**6)
            self.said: list[tuple[str, int | None]] = []

        def start(self, title: str, total: int | None) -> None:
            super().start(title, total)
            self.said.append((title, total))

        def advance(self, n: int, **figures: float) -> None:
            self.said.append(("advance", n))

    with pytest.raises(Interrupted):
        train(tiny_config(), regions, tmp_path / "run", progress=StopAfter(4))
    diary = Diary()
    train(tiny_config(), regions, tmp_path / "run", progress=diary)
    begun = diary.said.index(("train", 8))
    assert diary.said[0] == ("encode texts and tiles", None)
    assert sum(n or 0 for _, n in diary.said[1:begun]) >= TRAIN_ARTICLES + 4  # and their sentences
    assert diary.said[begun + 1 :] == [("advance", 3)] + [("advance", 1)] * 5


def test_a_run_with_other_settings_refuses_to_go_on_from_the_first(regions: Catalogue, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        train(tiny_config(), regions, out, progress=StopAfter(4))
    before = (out / TRAINING_FILE).read_bytes()
    with pytest.raises(CheckpointError, match="other settings"):
        train(tiny_config(learning_rate=5e-4), regions, out)
    assert (out / TRAINING_FILE).read_bytes() == before
    other = train(tiny_config(steps=2, learning_rate=5e-4), regions, out, overwrite=True)
    assert [figures["step"] for figures in other.history] == [0, 1]
    assert read_curve(out) == other.history
    assert left_in(out) == FINISHED


def test_a_finished_checkpoint_is_replaced_only_on_request(regions: Catalogue, tmp_path: Path) -> None:
    out = tmp_path / "run"
    digest = train(tiny_config(steps=2), regions, out).checkpoint.digest
    for config in (tiny_config(steps=2), tiny_config(steps=2, seed=1)):
        with pytest.raises(CheckpointError, match=r"finished checkpoint.*--overwrite"):
            train(config, regions, out)
    assert Checkpoint.open(out).digest == digest
    assert train(tiny_config(steps=2, seed=1), regions, out, overwrite=True).checkpoint.digest != digest


def test_a_finished_checkpoint_stays_until_the_run_that_replaces_it_is_finished_too(
    regions: Catalogue, tmp_path: Path, uninterrupted: Result
) -> None:
    """Killed while it replaces, the old model can still be opened; asked again, the new run goes on where it was."""
    out = tmp_path / "run"
    old = train(tiny_config(steps=2), regions, out).checkpoint
    with pytest.raises(Interrupted):
        train(tiny_config(), regions, out, overwrite=True, progress=StopAfter(5))
    assert Checkpoint.open(out) == old
    result = train(tiny_config(), regions, out, overwrite=True)
    assert [figures["step"] for figures in result.history] == list(range(8))
    assert result.checkpoint.digest == uninterrupted.checkpoint.digest
    assert left_in(out) == FINISHED


def test_the_same_seed_gives_the_same_file_and_another_seed_does_not(
    copy_regions: Callable[[str], Catalogue], tmp_path: Path, uninterrupted: Result
) -> None:
    torch.manual_seed(31415)  # what the process did before must not matter
    np.random.seed(27182)  # noqa: NPY002
    again = train(tiny_config(), copy_regions("again"), tmp_path / "again")
    assert again.checkpoint.digest == uninterrupted.checkpoint.digest
    assert again.history == uninterrupted.history
    other = train(tiny_config(seed=1), copy_regions("other"), tmp_path / "other")
    assert not same_weights(tmp_path / "other", uninterrupted.checkpoint.path.parent, tolerance=1e-3)
    assert other.history[0]["total"] != again.history[0]["total"]


def test_no_batch_ever_holds_a_validation_record(regions: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record of the world has its own place; all batches that reach the architecture are looked through."""
    seen: dict[str, set[tuple[float, float]]] = {"articles": set(), "tiles": set()}
    forward = ImageBind.forward

    def spy(self: ImageBind, batches: list[Any], step: int) -> Any:
        for batch in batches:
            seen[batch.modality] |= set(zip(batch.lat.tolist(), batch.lon.tolist(), strict=True))
        return forward(self, batches, step)

    monkeypatch.setattr(ImageBind, "forward", spy)
    train(tiny_config(steps=10, article_batch=15, tile_batch=12), regions, tmp_path / "run")
    for modality, records in (("articles", region_articles()), ("tiles", region_tiles())):
        held_out = {(each.place.lat, each.place.lon) for each in records if each.split == "val"}
        allowed = {(each.place.lat, each.place.lon) for each in records if each.split != "val"}
        assert held_out
        assert not held_out & allowed
        assert seen[modality] == allowed  # ten batches of three quarters: every other record was there


def test_what_validation_articles_say_moves_no_weight(regions: Catalogue, tmp_path: Path, uninterrupted: Result) -> None:
    other = fill(tmp_path / "other", region_articles(val_text="Something completely different about finance"), region_tiles())
    result = train(tiny_config(), other, tmp_path / "run")
    assert same_weights(tmp_path / "run", uninterrupted.checkpoint.path.parent, tolerance=1e-5)
    assert [f["total"] for f in result.history] == pytest.approx([f["total"] for f in uninterrupted.history], rel=1e-4)


def test_articles_without_tiles_are_learnt(tmp_path: Path) -> None:
    result = train(tiny_config(steps=3), fill(tmp_path / "c", region_articles()), tmp_path / "run")
    assert result.checkpoint.card.trained_on == {"articles": TRAIN_ARTICLES}
    assert result.checkpoint.card.sensors == ()
    assert set(result.history[0]) == {"step", "articles", "total"}
    with pytest.raises(CheckpointError, match="without tiles"):
        result.checkpoint.encoder("tiles", CPU)


def test_the_card_names_only_the_sensors_that_were_seen_in_training(tmp_path: Path) -> None:
    """The model has a stem for Sentinel-2, but the only such tiles are held out."""
    coarse = [each for each in region_tiles() if each.sensor == "nasa_coarse"]
    held_out = [replace(each, split="val") for each in region_tiles() if each.sensor == "sentinel2"]
    result = train(tiny_config(steps=1), fill(tmp_path / "c", tiles=coarse + held_out), tmp_path / "run")
    assert result.checkpoint.card.sensors == ("nasa_coarse",)


def test_tiles_without_articles_are_learnt(tmp_path: Path) -> None:
    result = train(tiny_config(steps=3), fill(tmp_path / "c", tiles=region_tiles()), tmp_path / "run")
    assert result.checkpoint.card.trained_on == {"tiles": TRAIN_TILES}
    assert set(result.history[0]) == {"step", "tiles", "total"}
    assert {name.split("_")[1] for name in result.history[-1] if name.startswith("val_")} == {"tiles"}
    with pytest.raises(CheckpointError, match="without articles"):
        result.checkpoint.encoder("articles", CPU)


def test_a_run_on_articles_alone_can_be_killed_and_resumed_too(tmp_path: Path) -> None:
    """The image tower then has no optimiser state, and must not need one."""
    catalogue = fill(tmp_path / "c", region_articles())
    whole = train(tiny_config(), catalogue, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(tiny_config(), catalogue, tmp_path / "run", progress=StopAfter(5))
    resumed = train(tiny_config(), catalogue, tmp_path / "run")
    assert resumed.checkpoint.digest == whole.checkpoint.digest


def test_an_empty_catalogue_is_refused_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="placebind ingest"):
        train(tiny_config(steps=2), fill(tmp_path / "empty"), tmp_path / "run")
    assert not (tmp_path / "run" / MODEL_FILE).exists()


def test_batches_larger_than_the_world_take_all_of_it(tmp_path: Path) -> None:
    articles = [each for each in region_articles() if each.split != "val"][:3]
    result = train(tiny_config(steps=2, article_batch=1000), fill(tmp_path / "c", articles), tmp_path / "run")
    assert result.checkpoint.card.trained_on == {"articles": 3}
    assert all(np.isfinite(figures["total"]) for figures in result.history)


def test_the_learning_rate_rises_in_a_line_and_falls_along_half_a_cosine() -> None:
    """Four steps up, eight down: by hand 1/4, 1/2, 3/4, 1, then (1 + cos(pi k/8)) / 2."""
    config = tiny_config(warmup_steps=4, steps=12)
    factors = [learning_rate_factor(step, config) for step in range(12)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[8] == pytest.approx(0.5)
    assert factors[6] == pytest.approx((1 + 2**-0.5) / 2)
    assert factors[11] == pytest.approx(0.0380602, abs=1e-7)
    assert all(a > b for a, b in itertools.pairwise(factors[4:]))


def test_without_a_warm_up_the_first_step_is_at_full_rate() -> None:
    config = tiny_config(warmup_steps=0, steps=10)
    assert learning_rate_factor(0, config) == 1.0
    assert learning_rate_factor(5, config) == pytest.approx(0.5)


def test_a_run_that_is_all_warm_up_never_leaves_the_line() -> None:
    config = tiny_config(warmup_steps=20, steps=5)
    assert [learning_rate_factor(step, config) for step in range(5)] == [0.05, 0.1, 0.15, 0.2, 0.25]


@pytest.mark.parametrize(("warmup", "share"), [(0, 1.0), (4, 0.25)])
def test_the_loop_steps_at_that_rate(warmup: int, share: float, regions: Catalogue, tmp_path: Path) -> None:
    """Adam's first step is the rate in the direction of the sign, and temperatures are not decayed: each moves by exactly that."""
    config = tiny_config(steps=1, warmup_steps=warmup, learning_rate=0.02, weight_decay=0.5)
    train(config, regions, tmp_path / "run")
    before, after = build_model(config).state_dict(), load_file(tmp_path / "run" / MODEL_FILE)
    for name in ("contrasts.articles.log_scale", "contrasts.tiles.log_scale"):
        assert abs(float(after[name] - before[name])) == pytest.approx(0.02 * share, rel=1e-3)


def test_only_matrices_and_kernels_decay() -> None:
    model = build_model(tiny_config())
    names = {id(p): name for name, p in model.named_parameters()}
    decay = {
        names[id(p)]: group["weight_decay"]
        for group in _optimizer(model, tiny_config(weight_decay=0.25)).param_groups
        for p in group["params"]
    }
    assert decay.keys() == set(names.values())
    assert all(value == 0 for name, value in decay.items() if name.endswith(("bias", "log_scale")) or "norm" in name)
    assert {decay[name] for name in ("encoders.tiles.head.weight", "encoders.locations.network.head.weight")} == {0.25}
    assert sum(p.numel() for p in model.parameters() if decay[names[id(p)]] == 0.25) > 0.95 * sum(
        p.numel() for p in model.parameters()
    )


def test_tiles_of_the_next_step_are_decoded_beside_the_training_thread(encoded_regions, tmp_path, monkeypatch) -> None:
    """The first batch is waited for; all later ones are read ahead. That nothing else depends on it the tests of resuming show."""
    threads = []

    def watched(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return read_tiles(*arguments)

    monkeypatch.setattr("train.image.tiles.read_tiles", watched)
    config = tiny_config(steps=4, validate_every=100)
    train(config, Catalogue.open(encoded_regions), tmp_path / "run")
    ahead = [name for name in threads if name.startswith("batches")]
    assert len(ahead) == config.steps - 1


def test_the_other_processes_wait_for_days_while_the_first_encodes() -> None:
    """torch gives up after 30 minutes, in which a million articles are not encoded."""
    assert _fabric(tiny_config(devices=2)).strategy._timeout > timedelta(days=1)


@pytest.mark.slow
def test_compiled_encoders_learn_what_others_do(encoded_regions: Path, tmp_path: Path) -> None:
    losses = []
    for compiled in (False, True):
        result = train(tiny_config(steps=3, compile=compiled), Catalogue.open(encoded_regions), tmp_path / str(compiled))
        losses.append([row["total"] for row in result.history])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    Checkpoint.open(tmp_path / "True").encoder("tiles", CPU)  # its names are those of encoders that are not compiled


def opposite(place: Place) -> Place:
    return Place(lat=-place.lat, lon=place.lon)


def test_what_is_held_out_to_report_is_read_by_no_training(tmp_path: Path, uninterrupted: Result) -> None:
    """Beside the validation records lie others that would spoil any loss or figure: not even their features are computed."""
    articles = [replace(each, place=opposite(each.place), split="report") for each in region_articles()]
    tiles = [
        replace(each, place=opposite(each.place), pixels=np.full_like(each.pixels, 1), split="report") for each in region_tiles()
    ]
    other = fill(tmp_path / "other", [*region_articles(), *articles], [*region_tiles(), *tiles])
    assert (other.count("articles", REPORT), other.count("tiles", REPORT)) == (len(articles), len(tiles))
    result = train(tiny_config(), other, tmp_path / "run")
    assert same_weights(tmp_path / "run", uninterrupted.checkpoint.path.parent)
    assert [f["total"] for f in result.history] == pytest.approx([f["total"] for f in uninterrupted.history], rel=1e-4)
    assert result.checkpoint.card.origins == uninterrupted.checkpoint.card.origins
    (features,) = [other.db.open_table(name) for name in other.db.list_tables().tables if name.startswith("features_")]
    assert not set(features.to_arrow()["id"].to_pylist()) & {each.id for each in articles}
