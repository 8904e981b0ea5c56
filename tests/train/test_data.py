"""Training data from a real catalogue: cached features, batches in order, mixed sensors, augmentation, what is left out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from index.catalogue import Catalogue
from index.errors import CatalogueError
from tests.train.small_worlds import Interrupted, LetterTower, article, fill, tile
from train.data import (
    TRAINING,
    VALIDATION,
    ArticleBatch,
    article_records,
    cached_features,
    group_tiles,
    tile_records,
    training_records,
    whole_text,
)
from train.encoders.image import multispectral

TEXTS = ["banana banana", "a", "oboe", "eel", "xyz", "koala bear", "pea"]


class Shade(nn.Module):
    """An image encoder to follow by hand: mean value of the first band and number of bands."""

    sensors = ("nasa_coarse", "sentinel2")

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(pixels.astype(np.float32)), torch.ones(len(bands))

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return torch.stack([pixels[:, 0].mean(dim=(1, 2)), present.sum(dim=1)], dim=1)


def letters(texts: list[str]) -> np.ndarray:
    return LetterTower().features(texts)


def some_articles(texts: list[str] = TEXTS, split: str = "") -> list[Any]:
    return [article(text, lat=10.0 * n - 30, lon=20.0 * n - 60, split=split) for n, text in enumerate(texts)]


def shaded(shade: int, lat: float, sensor: str = "nasa_coarse", split: str = "") -> Any:
    dtype, bands = (np.uint8, 4) if sensor == "nasa_coarse" else (np.uint16, 13)
    return tile(np.full((bands, 4, 4), shade, dtype), lat, lat * 2, sensor=sensor, split=split)


def forget_split(catalogue: Catalogue, lat: float) -> None:
    """Leave the split of one record open in the table, as no record of ours would but another program's may."""
    for modality in ("articles", "tiles"):
        if catalogue.has(modality):
            catalogue.table(modality).update(where=f"lat = {lat}", values_sql={"split": "NULL"})


def test_features_are_computed_once_and_then_read_from_the_catalogue(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    ids = catalogue.column("articles", [])["id"].to_pylist()
    first, second = LetterTower(), LetterTower()
    features = cached_features(catalogue, first, ids)
    assert sorted(first.read) == sorted(TEXTS)
    np.testing.assert_array_equal(cached_features(catalogue, second, ids), features)
    assert second.calls == 0


def test_after_new_articles_came_only_they_are_computed(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    cached_features(catalogue, LetterTower(), catalogue.column("articles", [])["id"].to_pylist())
    fill(tmp_path / "c", [*some_articles(), article("a late addition", 1, 2)])
    tower = LetterTower()
    features = cached_features(catalogue, tower, catalogue.column("articles", [])["id"].to_pylist())
    assert tower.read == ["a late addition"]
    assert features.shape == (8, 4)


def test_another_tower_has_a_cache_of_its_own(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    ids = catalogue.column("articles", [])["id"].to_pylist()
    cached_features(catalogue, LetterTower(), ids)
    other = LetterTower()
    other.feature_key = "other_letters"
    cached_features(catalogue, other, ids)
    assert len(other.read) == len(TEXTS)


def test_a_tower_that_breaks_off_is_taken_up_behind_its_last_chunk(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    ids = catalogue.column("articles", [])["id"].to_pylist()
    with pytest.raises(Interrupted):
        cached_features(catalogue, LetterTower(breaks_at_call=3), ids, chunk=2)
    tower = LetterTower()
    features = cached_features(catalogue, tower, ids, chunk=2)
    assert len(tower.read) == len(TEXTS) - 4
    texts = catalogue.rows("articles", ids, ["text"])["text"].to_pylist()
    np.testing.assert_array_equal(features, letters(texts))


def test_progress_counts_every_text_once_whether_known_or_new(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    ids = catalogue.column("articles", [])["id"].to_pylist()
    cached_features(catalogue, LetterTower(), ids[:3])
    advances: list[int] = []
    cached_features(catalogue, LetterTower(), ids, advances.append, chunk=3)
    assert advances == [3, 3, 1]


def test_features_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles())
    ids = catalogue.column("articles", [])["id"].to_pylist()
    forwards = cached_features(catalogue, LetterTower(), ids)
    np.testing.assert_array_equal(cached_features(catalogue, LetterTower(), ids[::-1]), forwards[::-1])


def test_an_article_keeps_its_place_and_its_words_together_through_every_batch(tmp_path: Path) -> None:
    articles = some_articles()
    records = article_records(fill(tmp_path / "c", articles), LetterTower(), TRAINING)
    known = {each.id: each for each in articles}
    for rows in ([0, 1, 2, 3, 4, 5, 6], [6, 2], [3]):
        batch = records.batch(np.array(rows))
        assert batch.modality == "articles"
        for n, row in enumerate(rows):
            expected = known[records.ids[row]]
            assert (float(batch.lat[n]), float(batch.lon[n])) == (expected.place.lat, expected.place.lon)
            np.testing.assert_array_equal(batch.features[n].numpy(), letters([expected.text])[0])
        torch.testing.assert_close(batch.encode(nn.Identity()), batch.features)


def test_articles_weigh_by_the_root_of_their_block(tmp_path: Path) -> None:
    crowd = [article(f"crowd {n}", 1 + n / 10, 1) for n in range(4)]
    records = article_records(fill(tmp_path / "c", [*crowd, article("alone", 50, 50)]), LetterTower(), TRAINING)
    by_lat = dict(zip(records.lat.tolist(), records.weights.tolist(), strict=True))
    assert by_lat[50.0] == pytest.approx(1 / 3)
    assert by_lat[1.0] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("title", "text", "whole"),
    [
        ("Vienna", "A city.", "Vienna. A city."),
        ("Vienna", "Vienna is a city.", "Vienna is a city."),
        ("", "A city.", "A city."),
        (None, "A city.", "A city."),
    ],
)
def test_the_title_is_read_too_unless_the_text_begins_with_it(title: str | None, text: str, whole: str) -> None:
    assert whole_text(title, text) == whole


def test_tower_reads_title_and_text_of_an_article(tmp_path: Path) -> None:
    catalogue, tower = fill(tmp_path / "c", [article("A city.", 48, 16, title="Vienna"), article("No title.", 1, 1)]), LetterTower()
    article_records(catalogue, tower, TRAINING)
    assert sorted(tower.read) == ["No title.", "Vienna. A city."]


def test_records_of_the_training_split_or_of_none_are_trained_on_and_those_of_validation_and_test_are_not(tmp_path: Path) -> None:
    articles = [article(f"number {n}", n, n, split=split) for n, split in enumerate(["train", "", "train", "val", "test"])]
    tiles = [shaded(10 + n, float(n), split=split) for n, split in enumerate(["train", "", "train", "val", "test"])]
    catalogue = fill(tmp_path / "c", articles, tiles)
    forget_split(catalogue, lat=2)
    kept, held = (article_records(catalogue, LetterTower(), where) for where in (TRAINING, VALIDATION))
    assert (sorted(kept.lat), held.lat.tolist()) == ([0, 1, 2], [3])
    assert not set(kept.ids) & set(held.ids)
    kept_tiles, held_tiles = (tile_records(catalogue, Shade(), where) for where in (TRAINING, VALIDATION))
    assert (sorted(kept_tiles.lat), held_tiles.lat.tolist()) == ([0, 1, 2], [3])


def test_a_batch_of_mixed_sensors_keeps_its_order(tmp_path: Path) -> None:
    tiles = [shaded(10, 1), shaded(2000, 2, "sentinel2"), shaded(30, 3), shaded(4000, 4, "sentinel2"), shaded(50, 5)]
    records = tile_records(fill(tmp_path / "c", tiles=tiles), Shade(), TRAINING)
    shade_of = {1.0: (10, 4), 2.0: (2000, 13), 3.0: (30, 4), 4.0: (4000, 13), 5.0: (50, 4)}
    for rows in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3]):
        batch = records.batch(np.array(rows))
        assert batch.lat.tolist() == records.lat[rows].tolist()
        assert batch.lon.tolist() == (records.lat[rows] * 2).tolist()
        assert [tuple(vector) for vector in batch.encode(Shade()).tolist()] == [shade_of[lat] for lat in batch.lat.tolist()]


def test_the_order_also_holds_where_sensors_alternate_in_any_way() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        sensors = rng.choice(["nasa_coarse", "sentinel2"], 9)
        prepared = [(str(sensor), torch.full((4, 2, 2), float(n)), torch.ones(4)) for n, sensor in enumerate(sensors)]
        batch = group_tiles(prepared, np.zeros(9), np.zeros(9))
        assert batch.encode(Shade())[:, 0].tolist() == list(range(9))
        assert set(batch.groups) == set(sensors)


def test_order_and_gradient_survive_together() -> None:
    """Row 1 of the batch is asked for: only its pixels receive a gradient."""
    pixels = [torch.ones(4, 2, 2, requires_grad=True) for _ in range(3)]
    batch = group_tiles([(s, p, torch.ones(4)) for s, p in zip(("a", "b", "a"), pixels, strict=True)], np.zeros(3), np.zeros(3))
    batch.encode(Shade())[1, 0].backward()
    assert [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in pixels] == [False, True, False]


def test_tiles_of_a_sensor_that_the_tower_does_not_know_are_left_out(tmp_path: Path) -> None:
    fine = [shaded(2000, 2, "sentinel2"), shaded(4000, 4, "sentinel2")]
    catalogue = fill(tmp_path / "c", tiles=[shaded(10, 1), *fine, shaded(30, 3)])
    forget_split(catalogue, lat=3)
    forget_split(catalogue, lat=4)
    tower = multispectral.build(trunk="test_convnext", size_px=32, sensors=("nasa_coarse",))
    assert sorted(tile_records(catalogue, tower, TRAINING).lat) == [1, 3]


def test_pixels_bands_and_sensor_reach_the_tower_as_they_were_stored(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(1, 9000, (2, 40, 36)).astype(np.uint16)
    catalogue = fill(tmp_path / "c", tiles=[tile(pixels, 5, 6, sensor="sentinel2", bands=("B04", "B08"))])
    tower = multispectral.build(trunk="test_convnext", size_px=32)
    batch = tile_records(catalogue, tower, TRAINING).batch(np.array([0]))
    _, image, present = batch.groups["sentinel2"]
    expected_image, expected_present = tower.prepare(pixels, ("B04", "B08"), "sentinel2")
    torch.testing.assert_close(image[0], expected_image)
    torch.testing.assert_close(present[0], expected_present)


class CountingShade(Shade):
    def __init__(self) -> None:
        super().__init__()
        self.prepared = 0

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        self.prepared += 1
        return super().prepare(pixels, bands, sensor)


@pytest.mark.parametrize("kept", [0, 2, 5, 100])
def test_tiles_that_fit_into_memory_are_prepared_once_and_the_rest_again_for_each_batch(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tiles of 4 x 4 x 4 float32, 256 bytes each, drawn three times over: what is not kept is prepared three times."""
    monkeypatch.setattr("train.data.KEPT_TILES_BYTES", kept * 256)
    tower = CountingShade()
    records = tile_records(fill(tmp_path / "c", tiles=[shaded(10 * n + 10, n) for n in range(5)]), tower, TRAINING)
    for rows in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        batch = records.batch(np.array(rows), np.random.default_rng(0))
        assert batch.encode(tower)[:, 0].tolist() == (10 * records.lat[rows] + 10).tolist()
    assert tower.prepared == 5 + 2 * max(0, 5 - kept)


def test_a_tile_that_was_turned_for_one_batch_is_upright_in_the_next(tmp_path: Path) -> None:
    pixels = np.arange(1, 65, dtype=np.uint8).reshape(4, 4, 4)
    records = tile_records(fill(tmp_path / "c", tiles=[tile(pixels, 1, 2)]), Shade(), TRAINING)
    for seed in range(5):
        records.batch(np.array([0]), np.random.default_rng(seed)).groups["nasa_coarse"][1].zero_()
    upright = records.batch(np.array([0])).groups["nasa_coarse"][1][0]
    np.testing.assert_array_equal(upright.numpy(), pixels.astype(np.float32))


def test_augmentation_turns_and_mirrors_and_does_nothing_else() -> None:
    """An image of nine different pixels in two bands: each draw is one of its eight symmetries, and all eight come."""
    image = torch.stack([torch.arange(9.0).reshape(3, 3), 100 + torch.arange(9.0).reshape(3, 3)])
    turns = [np.rot90(image.numpy(), k, axes=(1, 2)) for k in range(4)]
    symmetries = {each.tobytes() for turn in turns for each in (np.ascontiguousarray(turn), np.ascontiguousarray(turn[:, :, ::-1]))}
    assert len(symmetries) == 8
    rng, seen = np.random.default_rng(0), set()
    for _ in range(40):
        _, images, present = group_tiles([("s", image, torch.tensor([1.0, 0.0]))] * 3, np.zeros(3), np.zeros(3), rng).groups["s"]
        assert present.tolist() == [[1, 0]] * 3
        seen |= {np.ascontiguousarray(each).tobytes() for each in images.numpy()}
    assert seen == symmetries


def test_without_a_generator_nothing_is_turned_and_with_the_same_one_all_is_turned_alike() -> None:
    prepared = [("s", torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(n)), torch.ones(2)) for n in range(5)]
    plain = group_tiles(prepared, np.zeros(5), np.zeros(5)).groups["s"][1]
    torch.testing.assert_close(plain, torch.stack([image for _, image, _ in prepared]), rtol=0, atol=0)
    turned = [group_tiles(prepared, np.zeros(5), np.zeros(5), np.random.default_rng(3)).groups["s"][1] for _ in range(2)]
    torch.testing.assert_close(turned[0], turned[1], rtol=0, atol=0)
    assert not torch.equal(turned[0], plain)


def test_a_batch_moves_to_another_device_whole() -> None:
    """The meta device stands for an accelerator: every tensor must have gone there."""
    meta = torch.device("meta")
    words = ArticleBatch(torch.ones(2, 4), torch.zeros(2), torch.zeros(2)).to(meta)
    images = group_tiles([("s", torch.ones(2, 4, 4), torch.ones(2))], np.zeros(1), np.zeros(1)).to(meta)
    assert {each.device.type for each in (words.features, words.lat, words.lon, images.lat, images.lon, *images.groups["s"])} == {
        "meta"
    }
    assert (words.modality, images.modality) == ("articles", "tiles")


def model_of(text: Any, image: Any) -> Any:
    return SimpleNamespace(encoders={"articles": text, "tiles": image})


@pytest.mark.parametrize(
    ("articles", "tiles", "found"), [(3, 3, ["articles", "tiles"]), (3, 0, ["articles"]), (0, 3, ["tiles"]), (3, 1, ["articles"])]
)
def test_whatever_modality_has_at_least_two_records_is_learnt(articles: int, tiles: int, found: list[str], tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles(TEXTS[:articles]), [shaded(20 * n + 10, n) for n in range(tiles)])
    records = training_records(catalogue, model_of(LetterTower(), Shade()), TRAINING)
    assert [each.modality for each in records] == found
    assert all(len(each) == 3 for each in records)


@pytest.mark.parametrize("split", ["one article", "validation only", "unknown sensor"])
def test_a_catalogue_with_nothing_to_learn_from_is_refused_with_the_remedy(split: str, tmp_path: Path) -> None:
    class Blind(Shade):
        sensors = ("nasa_coarse",)

    records = {
        "one article": (some_articles(["lonely"]), []),
        "validation only": (some_articles(split="val"), []),
        "unknown sensor": ([], [shaded(2000, 1, "sentinel2"), shaded(3000, 2, "sentinel2")]),
    }[split]
    catalogue = fill(tmp_path / "c", *records)
    with pytest.raises(CatalogueError, match="placebind ingest"):
        training_records(catalogue, model_of(LetterTower(), Blind()), TRAINING)
