"""The model that comes with PlaceBind: found where a catalogue has none of its own, and small enough to travel in the wheel."""

from pathlib import Path

import numpy as np
import pytest
import torch

from index.errors import CheckpointError
from index.imagery.sensors import SENTINEL2, UNNAMED_SENTINEL2
from train import checkpoint, shipped
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.image.tiles import PreparedTile, group_tiles
from train.shipped import CARD_FILE, checkpoint_for, is_shipped, name_of, shipped_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the shipped model's."""
    monkeypatch.setattr(shipped, "FOLDER", with_file(tmp_path / "shipped", checkpoint.MODEL_FILE))
    return tmp_path / "shipped"


def with_file(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    (folder / name).touch()
    return folder


def test_the_model_of_a_catalogue_comes_before_the_shipped_one(folder: Path, tmp_path: Path) -> None:
    own = with_file(tmp_path / "world" / "checkpoint", checkpoint.MODEL_FILE)
    assert checkpoint_for(tmp_path / "world") == checkpoint_for(str(tmp_path / "world")) == own
    assert checkpoint_for(tmp_path) == folder
    assert (is_shipped(own), is_shipped(folder)) == (False, True)
    assert (name_of(own), name_of(folder)) == (f"the model in {own}", f"the shipped model in {folder}")


def test_a_training_that_was_stopped_is_no_model_yet(folder: Path, tmp_path: Path) -> None:
    with_file(tmp_path / "world" / "checkpoint", checkpoint.TRAINING_FILE)
    assert checkpoint_for(tmp_path / "world") == folder


def test_a_catalogue_in_an_object_store_has_the_shipped_model(folder: Path) -> None:
    assert checkpoint_for("s3://bucket/world") == folder


def test_where_neither_is_there_the_remedy_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / checkpoint.MODEL_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"comes with PlaceBind is not in .*shipped; run `pip install .*--checkpoint"):
        checkpoint_for(tmp_path)


def test_what_is_shipped_can_be_opened_and_says_what_it_is() -> None:
    model = Checkpoint.open(shipped_model())
    assert model.path.stat().st_size <= 60_000_000
    assert set(model.card.trained_on) == {"articles", "tiles"}
    assert len((shipped_model() / CARD_FILE).read_text(encoding="utf-8")) > 1000


@pytest.mark.parametrize("bands", [*UNNAMED_SENTINEL2.values(), *SENTINEL2.often], ids=lambda bands: str(len(bands)))
@pytest.mark.parametrize("side", [1, 2, 63, 2048])
def test_any_tile_of_sentinel2_is_read(bands: tuple[str, ...], side: int) -> None:
    tower = Checkpoint.open(shipped_model()).encoder("tiles", torch.device("cpu"))
    random = np.random.default_rng(side)
    vectors = []
    for brightness in (300, 4000):
        pixels = random.integers(brightness, 2 * brightness, (len(bands), side, side)).astype(np.uint16)
        prepared = PreparedTile(SENTINEL2.name, *tower.prepare(pixels, bands, SENTINEL2.name))
        with torch.no_grad():
            vectors.append(group_tiles([prepared], np.zeros(1), np.zeros(1)).encode(tower)[0])
    assert torch.isfinite(torch.stack(vectors)).all()
    assert torch.cosine_similarity(*vectors, dim=0) < 0.99


def test_the_teacher_that_an_older_header_names_is_the_only_one_of_the_teachers() -> None:
    older = {"teacher": {"name": "geoclip", "weight": 0.3, "points": 150_000, "batch": 768, "options": {"weights": "geoclip"}}}
    (teacher,) = TrainConfig.parse(older, where="an older header").teachers
    assert (teacher.name, teacher.weight, teacher.points, teacher.batch) == ("geoclip", 0.3, 150_000, 768)
    assert (teacher.loss, teacher.prefix) == ("mse", None)
