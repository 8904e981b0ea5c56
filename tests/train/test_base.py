"""A run that starts from a checkpoint: one tower learns, all else stays bit for bit, and what does not fit is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from index.errors import CheckpointError, ConfigError, PlaceBindError
from index.records import Modality
from index.store.catalogue import Catalogue
from tests.train.small_worlds import Interrupted, StopAfter, fill, region_articles, tile, tiny_config
from train.base import ELSEWHERE, HIDDEN_SHARE, settings_from
from train.checkpoint import CARD_FILE, MODEL_FILE, Card, Checkpoint, TextConfidence, save_model
from train.config import TrainConfig
from train.loop import Result, train
from train.model import build_model
from train.probing.features import inputs, placebind

SMALL_TOWER = ("image.options.width=8", "image.options.hidden=16")
QUICK: dict[str, Any] = {"steps": 6, "tile_batch": 6, "article_batch": 12, "save_every": 2, "validate_every": 3, "device": "cpu"}
CONFIDENCE = TextConfidence(temperature=0.05, least_cosine=0.4, articles=4, texts=16)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(encoded_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Learnt from texts and tiles, in half precision, and calibrated."""
    folder = tmp_path_factory.mktemp("base") / "model"
    architecture = {"name": "imagebind", "options": {"target_falloff_km": 80.0, "matryoshka": [8]}}
    run = train(tiny_config(steps=4, half=True, architecture=architecture), Catalogue.open(encoded_regions), folder)
    return run.checkpoint.with_confidence(CONFIDENCE)


def config_from(base: Checkpoint, only: Modality, catalogue: Catalogue, *settings: str, **flags: Any) -> TrainConfig:
    defaults = settings_from(base, only, catalogue)
    small = SMALL_TOWER if only == "tiles" else ()
    return TrainConfig.load(settings=(*small, *settings), defaults=defaults, **{**QUICK, **flags})


@pytest.fixture(scope="module")
def on_tiles(base: Checkpoint, encoded_regions: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    catalogue = Catalogue.open(encoded_regions)
    return train(config_from(base, "tiles", catalogue), catalogue, tmp_path_factory.mktemp("tiles") / "model")


def tensors(folder: Path, *beginnings: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in load_file(folder / MODEL_FILE).items() if name.startswith(beginnings)}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """To the bit: value, shape and type."""
    return a.keys() == b.keys() and all(a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("half", [True, False])
def test_all_but_the_tower_that_learns_stays_bit_for_bit(half: bool, base: Checkpoint, regions: Catalogue, tmp_path: Path) -> None:
    """Also where the new tower is in another precision than the kept ones."""
    train(config_from(base, "tiles", regions, half=half), regions, tmp_path / "run")
    kept = ("encoders.locations.", "encoders.articles.", "contrasts.articles.")
    assert same(tensors(tmp_path / "run", *kept), tensors(base.path.parent, *kept))
    assert len(tensors(tmp_path / "run", *kept)) > 6
    learnt = tensors(tmp_path / "run", "encoders.tiles.head.")
    assert {tensor.dtype for tensor in learnt.values()} == {torch.float16 if half else torch.float32}


def test_the_tower_that_learns_is_new_and_moves(on_tiles: Result) -> None:
    config = on_tiles.checkpoint.card.config
    assert config.image.name == "spectral"
    start, end = build_model(config).encoders["tiles"].state_dict(), on_tiles.checkpoint.weights("encoders.tiles.")
    assert start.keys() == end.keys()
    assert not any(torch.equal(start[name].half(), end[name]) for name in start if name.endswith("weight"))


def test_texts_and_places_have_the_vectors_that_they_had(on_tiles: Result, base: Checkpoint) -> None:
    lat, lon = torch.tensor([48.0, -77.0]), torch.tensor([16.0, 180.0])
    words, present = torch.randn(3, 1, 384), torch.ones(3, 1, dtype=torch.bool)
    for modality, given in (("locations", (lat, lon)), ("articles", (words, present))):
        now, then = (model.encoder(modality, CPU)(*given) for model in (on_tiles.checkpoint, base))  # type: ignore[call-overload]
        assert torch.equal(now, then)


def test_articles_alone_can_learn_as_well(base: Checkpoint, regions: Catalogue, tmp_path: Path) -> None:
    """They go on from what they were; a changed text tower has no confidence, and the card still says what tiles there were."""
    card = train(config_from(base, "articles", regions), regions, tmp_path / "run").checkpoint.card
    kept = ("encoders.locations.", "encoders.tiles.", "contrasts.tiles.")
    assert same(tensors(tmp_path / "run", *kept), tensors(base.path.parent, *kept))
    assert not same(tensors(tmp_path / "run", "encoders.articles."), tensors(base.path.parent, "encoders.articles."))
    assert (card.confidence, card.sensors, card.trained_on) == (None, base.card.sensors, base.card.trained_on)


def test_the_card_tells_what_was_kept_and_what_was_learnt(on_tiles: Result, base: Checkpoint) -> None:
    card = on_tiles.checkpoint.card
    assert card.trained_on == {"articles": 20, "tiles": 16}
    assert list(card.trained_on) == ["articles", "tiles"]
    assert [origin.modality for origin in card.origins] == ["articles", "tiles"]
    assert card.confidence == CONFIDENCE
    assert card.figures["val_articles_median_km"] == base.card.figures["val_articles_median_km"]
    assert card.figures["val_tiles_median_km"] == on_tiles.history[-1]["val_tiles_median_km"]
    assert card.figures["total"] == on_tiles.history[-1]["total"]
    assert card.config.base is not None
    assert card.config.base.digest == base.digest
    text = (on_tiles.checkpoint.path.parent / CARD_FILE).read_text()
    assert f"only the encoder of tiles was trained here; all else is that of model `{base.digest[:8]}`" in text


def test_the_temperature_of_texts_is_the_base_s(on_tiles: Result, base: Checkpoint) -> None:
    assert on_tiles.checkpoint.learnt_temperature == base.learnt_temperature
    assert on_tiles.checkpoint.temperature == CONFIDENCE.temperature


def test_an_encoder_that_was_kept_goes_by_the_digest_of_the_first_model_that_had_it(
    on_tiles: Result, base: Checkpoint, regions: Catalogue, tmp_path: Path
) -> None:
    first = on_tiles.checkpoint
    assert [first.digest_of(each) for each in ("locations", "articles", "tiles")] == [base.digest, base.digest, first.digest]
    second = train(config_from(first, "articles", regions), regions, tmp_path / "run").checkpoint
    assert [second.digest_of(each) for each in ("locations", "articles", "tiles")] == [base.digest, second.digest, first.digest]
    assert second.card.base_digests["articles"] == base.digest
    for features in (placebind, inputs):
        assert features.build(checkpoint=second.path.parent).digest == features.build(checkpoint=base.path.parent).digest


def test_the_same_tower_starts_from_the_weights_and_the_temperature_that_it_had(
    on_tiles: Result, regions: Catalogue, tmp_path: Path
) -> None:
    again = config_from(on_tiles.checkpoint, "tiles", regions)
    model = build_model(again)
    for name, tensor in on_tiles.checkpoint.weights("encoders.tiles.").items():
        assert torch.equal(model.encoders["tiles"].state_dict()[name], tensor.float())
    learnt = on_tiles.checkpoint.weights("contrasts.tiles.")["log_scale"].float()
    assert torch.equal(model.contrasts["tiles"].log_scale.detach(), learnt)
    other = build_model(config_from(on_tiles.checkpoint, "tiles", regions, "image.options.width=4"))
    assert other.encoders["tiles"].options.width == 4
    assert not torch.equal(other.contrasts["tiles"].log_scale.detach(), learnt)


def test_a_run_from_a_checkpoint_that_was_killed_ends_the_same(on_tiles: Result, base: Checkpoint, regions: Catalogue) -> None:
    out = Path(regions.uri).parent / "run"
    for steps in (3, 2):
        with pytest.raises(Interrupted):
            train(config_from(base, "tiles", regions), regions, out, progress=StopAfter(steps))
    resumed = train(config_from(base, "tiles", regions), regions, out)
    assert same(tensors(out, ""), tensors(on_tiles.checkpoint.path.parent, ""))
    assert resumed.checkpoint.digest == on_tiles.checkpoint.digest


def test_a_run_does_not_go_on_from_another_checkpoint_in_the_same_folder(
    base: Checkpoint, regions: Catalogue, tmp_path: Path
) -> None:
    before = train(tiny_config(steps=1), regions, tmp_path / "model").checkpoint
    config = config_from(before, "tiles", regions)
    with pytest.raises(Interrupted):
        train(config, regions, tmp_path / "run", progress=StopAfter(3))
    other = train(tiny_config(steps=1, seed=5), regions, tmp_path / "model", overwrite=True).checkpoint
    with pytest.raises(CheckpointError, match=rf"is {other.digest[:8]}….*from {before.digest[:8]}….*--overwrite") as caught:
        train(config, regions, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_model_may_take_the_place_of_the_one_that_it_started_from(base: Checkpoint, regions: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    before = train(tiny_config(steps=1), regions, folder)
    kept = tensors(folder, "encoders.locations.", "encoders.articles.")
    after = train(config_from(before.checkpoint, "tiles", regions), regions, folder, overwrite=True)
    assert same(tensors(folder, "encoders.locations.", "encoders.articles."), kept)
    assert after.checkpoint.digest_of("locations") == before.checkpoint.digest


def test_the_files_that_a_kept_encoder_once_started_from_are_not_read_again(regions: Catalogue, tmp_path: Path) -> None:
    """A model that comes from elsewhere names pictures and weights on the disk of who trained it."""
    pictures = {"pictures": [{"file": "gone.png", "mode": "L"}], "folder": str(tmp_path / "gone"), "width_px": 64}
    config = tiny_config(location={"name": "mosaic", "options": {**pictures, "degrees": 10, "hidden": 8}})
    model, card = build_model(config, pretrained=False), Card(config=config, trained_on={"articles": 3}, placebind_version="0.1")
    save_model(tmp_path / "foreign", model.state_dict(), card)
    foreign = Checkpoint.open(tmp_path / "foreign")
    run = train(config_from(foreign, "tiles", regions, steps=1), regions, tmp_path / "run").checkpoint
    assert run.card.trained_on == {"articles": 3, "tiles": 16}


def test_the_settings_of_such_a_run_are_the_base_s_where_they_have_to_be(base: Checkpoint, regions: Catalogue) -> None:
    config = config_from(base, "tiles", regions)
    of = base.card.config
    assert (config.dim, config.half, config.location, config.text) == (of.dim, True, of.location, of.text)
    assert (config.architecture.name, config.architecture.options["location"]) == ("cyclic", "fixed")
    assert (config.architecture.options["target_falloff_km"], config.architecture.options["matryoshka"]) == (80.0, [8])
    assert (config.few_bands_share, config.hidden_context_share) == (HIDDEN_SHARE, HIDDEN_SHARE)
    assert config.architecture.options["uniform_negatives"] == ELSEWHERE
    assert settings_from(base, "articles", regions).few_bands_share == of.few_bands_share


@pytest.mark.parametrize(("sources", "occasions"), [((16, 16), "source"), ((17, 15), "mixed"), ((32,), "mixed")], ids=str)
def test_a_batch_is_of_one_source_where_two_have_enough_tiles(
    sources: tuple[int, ...], occasions: str, base: Checkpoint, tmp_path: Path
) -> None:
    tiles = [
        replace(tile(np.full((4, 2, 2), 10 + n, np.uint8), n, 10.0 * source), source=f"source {source}")
        for source, count in enumerate(sources)
        for n in range(count)
    ]
    assert settings_from(base, "tiles", fill(tmp_path / "c", tiles=tiles)).sampling.occasions == occasions


def test_what_is_given_goes_before_what_such_a_run_usually_has(base: Checkpoint, regions: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("few_bands_share = 0.5\n[sampling]\npower = 0.25\n[image]\nname = 'multispectral'\n")
    config = TrainConfig.load(
        file, ("image.options.trunk=test_convnext",), defaults=settings_from(base, "tiles", regions), half=False
    )
    assert (config.few_bands_share, config.hidden_context_share, config.half) == (0.5, HIDDEN_SHARE, False)
    assert (config.sampling.power, config.sampling.occasions) == (0.25, "mixed")
    assert (config.image.name, config.image.options["trunk"], config.image.options["dim"]) == ("multispectral", "test_convnext", 16)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("dim=8",), ("dim is 8", "16 dimensions", "leave dim out")),
        (("location.options.degrees=4",), ("location", "encoder of locations is kept")),
        (("location.name=voronoi",), ("location", "leave them out")),
        (("text.options.hidden=8",), ("text", "encoder of articles is kept")),
        (("architecture.name=fused",), ("cyclic", "--architecture")),
        (("architecture.options.location=trained",), ("stay as they are", "leave out")),
        (("modalities=['articles', 'tiles']",), ("one tower", "--only tiles")),
        (("modalities=[]",), ("one tower",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_settings_with_which_nothing_could_be_kept_are_refused_in_one_line(
    settings: tuple[str, ...], words: tuple[str, ...], base: Checkpoint, regions: Catalogue, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(config_from(base, "tiles", regions, *settings), regions, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (tmp_path / "run").exists()


def test_without_records_of_the_modality_nothing_is_trained(base: Checkpoint, tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", region_articles())
    with pytest.raises(PlaceBindError, match="no tiles to learn from"):
        train(config_from(base, "tiles", catalogue), catalogue, tmp_path / "run")
