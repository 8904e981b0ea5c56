"""The loop: it learns, it keeps away from validation records, and a killed run goes on as if nothing had happened."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from index.catalogue import Catalogue
from index.errors import CatalogueError, CheckpointError
from index.geo import great_circle_km
from tests.train.small_worlds import (
    REGIONS,
    TILES_PER_SENSOR,
    TRAIN_PER_REGION,
    Interrupted,
    StopAfter,
    fill,
    region_articles,
    region_tiles,
    tiny_config,
)
from train.architectures.imagebind import ImageBind
from train.checkpoint import MODEL_FILE, TRAINING_FILE, Checkpoint
from train.data import VALIDATION, article_records, tile_records
from train.evaluate import encode_locations, geolocation_figures, nearest
from train.loop import Result, _optimizer, learning_rate_factor, train, validate
from train.model import build_model

CPU = torch.device("cpu")
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
        assert ("val_median_km" in figures) == (figures["step"] in (3, 7))


def test_the_card_tells_what_was_learnt_from_and_how_well(uninterrupted: Result) -> None:
    card = Checkpoint.open(uninterrupted.checkpoint.path.parent).card
    assert card == uninterrupted.checkpoint.card
    assert card.config == tiny_config()
    assert card.trained_on == {"articles": TRAIN_ARTICLES, "tiles": TRAIN_TILES}
    assert card.sensors == ("sentinel2", "nasa_coarse")
    assert card.figures == {name: value for name, value in uninterrupted.history[-1].items() if name != "step"}
    assert card.placebind_version


def test_the_last_validation_can_be_repeated_from_the_checkpoint(uninterrupted: Result, encoded_regions: Path, minilm: Any) -> None:
    model = build_model(tiny_config())
    model.load_state_dict(load_file(uninterrupted.checkpoint.path))
    held_out = article_records(Catalogue.open(encoded_regions), minilm, VALIDATION)
    figures = {f"val_{name}": value for name, value in validate(model, held_out).items()}
    assert set(figures) == {f"val_{name}" for name in geolocation_figures(*[np.zeros(1)] * 4)}
    for name, value in figures.items():
        assert uninterrupted.history[-1][name] == pytest.approx(value, rel=1e-6)


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
    saved = {(1,): 0, (3,): 3, (5,): 3, (7,): 6, (8,): 6, (4, 1, 2): 3}[killed_after]
    assert [figures["step"] for figures in result.history] == list(range(saved, 8))
    for ours, theirs in zip(result.history, uninterrupted.history[saved:], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)
    assert same_weights(out, uninterrupted.checkpoint.path.parent)
    assert [path.name for path in out.iterdir()] == [MODEL_FILE]


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
    assert diary.said[0] == ("encode texts", None)
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
    assert [path.name for path in out.iterdir()] == [MODEL_FILE]


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
    assert [figures["step"] for figures in result.history] == [3, 4, 5, 6, 7]
    assert result.checkpoint.digest == uninterrupted.checkpoint.digest
    assert [path.name for path in out.iterdir()] == [MODEL_FILE]


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

    def spy(self: ImageBind, batches: list[Any]) -> Any:
        for batch in batches:
            seen[batch.modality] |= set(zip(batch.lat.tolist(), batch.lon.tolist(), strict=True))
        return forward(self, batches)

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
    assert set(result.history[0]) == set(result.history[-1]) == {"step", "tiles", "total"}
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
    for name in ("log_scale.articles", "log_scale.tiles"):
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
    assert all(
        value == 0 for name, value in decay.items() if name.endswith("bias") or "norm" in name or name.startswith("log_scale")
    )
    assert {decay[name] for name in ("encoders.tiles.head.weight", "encoders.locations.network.head.weight")} == {0.25}
    assert sum(p.numel() for p in model.parameters() if decay[names[id(p)]] == 0.25) > 0.95 * sum(
        p.numel() for p in model.parameters()
    )
