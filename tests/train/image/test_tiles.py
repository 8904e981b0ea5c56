"""Tiles on their way into a batch: mixed sensors in order, augmentation by chance, memory, cached features of frozen towers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from index.store.catalogue import Catalogue
from tests.train.small_worlds import Interrupted, fill, tile
from train.data import TRAINING
from train.encoders.image import multispectral
from train.image.tiles import FEATURE_CHUNK, PreparedTile, cached_tile_features, group_tiles, tile_batch, tile_records


class Shade(nn.Module):
    """An image encoder to follow by hand: mean value of the first band and number of bands."""

    sensors = ("nasa_coarse", "sentinel2")
    feature_key = None

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(pixels.astype(np.float32)), torch.ones(len(bands))

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return torch.stack([pixels[:, 0].mean(dim=(1, 2)), present.sum(dim=1)], dim=1)


class CountingShade(Shade):
    def __init__(self) -> None:
        super().__init__()
        self.prepared = 0

    def prepare(self, pixels: Any, bands: tuple[str, ...], sensor: str) -> tuple[Tensor, Tensor]:
        self.prepared += 1
        return super().prepare(pixels, bands, sensor)


def shaded(shade: int, lat: float, sensor: str = "nasa_coarse", split: str = "") -> Any:
    dtype, bands = (np.uint8, 4) if sensor == "nasa_coarse" else (np.uint16, 13)
    return tile(np.full((bands, 4, 4), shade, dtype), lat, lat * 2, sensor=sensor, split=split)


def forget_split(catalogue: Catalogue, lat: float) -> None:
    """Leave the split of one record open in the table, as no record of ours would but another program's may."""
    for modality in ("articles", "tiles"):
        if catalogue.has(modality):
            catalogue.table(modality).update(where=f"lat = {lat}", values_sql={"split": "NULL"})


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
        prepared = [PreparedTile(str(sensor), torch.full((4, 2, 2), float(n)), torch.ones(4)) for n, sensor in enumerate(sensors)]
        batch = group_tiles(prepared, np.zeros(9), np.zeros(9))
        assert batch.encode(Shade())[:, 0].tolist() == list(range(9))
        assert [group.sensor for group in batch.groups] == list(dict.fromkeys(sensors))


def test_order_and_gradient_survive_together() -> None:
    """Row 1 of the batch is asked for: only its pixels receive a gradient."""
    pixels = [torch.ones(4, 2, 2, requires_grad=True) for _ in range(3)]
    prepared = [PreparedTile(s, p, torch.ones(4)) for s, p in zip(("a", "b", "a"), pixels, strict=True)]
    batch = group_tiles(prepared, np.zeros(3), np.zeros(3))
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
    (group,) = batch.groups
    assert group.sensor == "sentinel2"
    expected_image, expected_present = tower.prepare(pixels, ("B04", "B08"), "sentinel2")
    torch.testing.assert_close(group.pixels[0], expected_image)
    torch.testing.assert_close(group.present[0], expected_present)


@pytest.mark.parametrize("kept", [0, 2, 5, 100])
def test_tiles_that_fit_into_memory_are_prepared_once_and_the_rest_again_for_each_batch(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tiles of 4 x 4 x 4 float32, 256 bytes each, drawn three times over: what is not kept is prepared three times."""
    monkeypatch.setattr("train.image.tiles.KEPT_TILES_BYTES", kept * 256)
    tower = CountingShade()
    records = tile_records(fill(tmp_path / "c", tiles=[shaded(10 * n + 10, n) for n in range(5)]), tower, TRAINING)
    for rows in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        batch = records.batch(np.array(rows), np.random.default_rng(0).random((len(rows), 2)))
        assert batch.encode(tower)[:, 0].tolist() == (10 * records.lat[rows] + 10).tolist()
    assert tower.prepared == 5 + 2 * max(0, 5 - kept)


def test_a_tile_that_was_turned_for_one_batch_is_upright_in_the_next(tmp_path: Path) -> None:
    pixels = np.arange(1, 65, dtype=np.uint8).reshape(4, 4, 4)
    records = tile_records(fill(tmp_path / "c", tiles=[tile(pixels, 1, 2)]), Shade(), TRAINING)
    for seed in range(5):
        records.batch(np.array([0]), np.array([[(seed + 2) / 8, 0.0]])).groups[0].pixels.zero_()
    upright = records.batch(np.array([0])).groups[0].pixels[0]
    np.testing.assert_array_equal(upright.numpy(), pixels.astype(np.float32))


def chances(*first: float) -> Any:
    """[B, 2] with these numbers in the first column."""
    return np.array([[each, 0.5] for each in first])


def symmetries(image: Tensor) -> list[bytes]:
    """The eight of a square: four turns, and each of them mirrored."""
    turns = [np.rot90(image.numpy(), k, axes=(1, 2)) for k in range(4)]
    return [np.ascontiguousarray(each).tobytes() for each in (*turns, *(turn[:, :, ::-1] for turn in turns))]


def test_augmentation_turns_and_mirrors_and_does_nothing_else() -> None:
    """An image of nine different pixels in two bands: each eighth of chance is one of its eight symmetries."""
    image = torch.stack([torch.arange(9.0).reshape(3, 3), 100 + torch.arange(9.0).reshape(3, 3)])
    expected = symmetries(image)
    assert len(set(expected)) == 8
    drawn = chances(*(each / 8 for each in range(8)), *((each + 0.999) / 8 for each in range(8)))
    tiles = [PreparedTile("s", image, torch.tensor([1.0, 0.0]))] * 16
    (group,) = group_tiles(tiles, np.zeros(16), np.zeros(16), drawn).groups
    assert group.present.tolist() == [[1, 0]] * 16
    assert [np.ascontiguousarray(each).tobytes() for each in group.pixels.numpy()] == expected * 2


def test_without_chances_nothing_is_turned() -> None:
    prepared = [PreparedTile("s", torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(n)), torch.ones(2)) for n in range(5)]
    plain = group_tiles(prepared, np.zeros(5), np.zeros(5)).groups[0].pixels
    torch.testing.assert_close(plain, torch.stack([tile.pixels for tile in prepared]), rtol=0, atol=0)


def test_chance_follows_the_row_of_the_batch_so_a_batch_may_be_made_in_parts() -> None:
    """Sensors in turn: what is done to a tile must not depend on who else is there."""
    prepared = [
        PreparedTile(f"s{n % 2}", torch.rand(1, 3, 3, generator=torch.Generator().manual_seed(n)), torch.ones(1)) for n in range(6)
    ]
    drawn = chances(0.0, 0.2, 0.4, 0.6, 0.8, 0.99)
    whole = group_tiles(prepared, np.zeros(6), np.zeros(6), drawn).encode(Corner())
    for cut in (slice(0, 1), slice(1, 4), slice(4, 6)):
        part = group_tiles(prepared[cut], np.zeros(6)[cut], np.zeros(6)[cut], drawn[cut]).encode(Corner())
        torch.testing.assert_close(part, whole[cut], rtol=0, atol=0)
    assert not torch.equal(whole, group_tiles(prepared, np.zeros(6), np.zeros(6)).encode(Corner()))


class Corner(nn.Module):
    """An image encoder that tells how a tile is turned: two of its pixels."""

    def forward(self, pixels: Tensor, present: Tensor, sensor: str) -> Tensor:
        return torch.stack([pixels[:, 0, 0, 0], pixels[:, 0, 0, 1]], dim=1)


class FrozenShade(CountingShade):
    """A frozen tower under a head that doubles; its features are those of Shade."""

    feature_key: Any = "shades"
    feature_dim = 2

    def __init__(self, breaks_at_call: int = 0) -> None:
        super().__init__()
        self.calls, self.breaks_at_call = 0, breaks_at_call
        self.head = Doubled()

    def features(self, pixels: Tensor, present: Tensor, sensor: str, context: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.breaks_at_call:
            raise Interrupted
        return self.forward(pixels, present, sensor)


class Doubled(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return 2 * features


def mixed(folder: Path) -> Catalogue:
    """Tiles of two sensors that take turns; each has a shade of its own, which follows from its latitude."""
    tiles = [shaded(10 * n + 10, n, "nasa_coarse") if n % 2 else shaded(1000 * n + 1000, n, "sentinel2") for n in range(6)]
    return fill(folder / "c", tiles=tiles)


def test_tiles_of_a_frozen_tower_come_as_cached_features_under_its_head(tmp_path: Path) -> None:
    catalogue, tower = mixed(tmp_path), FrozenShade()
    records = tile_records(catalogue, tower, TRAINING)
    assert tower.prepared == 6
    pixels = tile_records(catalogue, Shade(), TRAINING)
    for rows in ([0, 1, 2, 3, 4, 5], [5, 2], [3]):
        batch, seen = records.batch(np.array(rows)), pixels.batch(np.array(rows))
        assert batch.modality == "tiles"
        assert (batch.lat.tolist(), batch.lon.tolist()) == (seen.lat.tolist(), seen.lon.tolist())
        torch.testing.assert_close(batch.encode(tower), 2 * seen.encode(Shade()))
    assert tower.prepared == 6


def test_features_of_tiles_are_computed_once_and_chance_does_not_touch_them(tmp_path: Path) -> None:
    catalogue, tower = mixed(tmp_path), FrozenShade()
    tile_records(catalogue, FrozenShade(), TRAINING)
    records = tile_records(catalogue, tower, TRAINING)
    assert tower.calls == 0
    rows = np.arange(6)
    torch.testing.assert_close(records.batch(rows, chances(*rows / 6)).features, records.batch(rows).features, rtol=0, atol=0)


def test_a_frozen_tower_that_breaks_off_is_taken_up_behind_its_last_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.image.tiles.FEATURE_CHUNK", 2)
    catalogue = fill(tmp_path / "c", tiles=[shaded(10 * n + 10, n) for n in range(5)])
    ids = catalogue.column("tiles", [])["id"].to_pylist()
    with pytest.raises(Interrupted):
        cached_tile_features(catalogue, FrozenShade(breaks_at_call=2), ids)
    tower, advances = FrozenShade(), []
    features = cached_tile_features(catalogue, tower, ids, advances.append)
    assert tower.prepared == 3
    assert advances == [2, 2, 1]
    lat = catalogue.rows("tiles", ids, ["lat"])["lat"].to_numpy()
    assert features[:, 0].tolist() == (10 * lat + 10).tolist()
    assert FEATURE_CHUNK > 2


@pytest.mark.parametrize("tower", [Shade(), FrozenShade()], ids=["learning", "frozen"])
def test_tiles_by_id_come_as_they_are_in_the_order_that_is_asked_for(tower: Any, tmp_path: Path) -> None:
    catalogue = mixed(tmp_path)
    ids = catalogue.column("tiles", [])["id"].to_pylist()[::-1]
    lat = catalogue.rows("tiles", ids, ["lat"])["lat"].to_numpy()
    batch = tile_batch(catalogue, tower, ids, lat, lat)
    shades = [10 * n + 10 if n % 2 else 1000 * n + 1000 for n in lat]
    assert (batch.encode(tower)[:, 0] / (2 if tower.feature_key else 1)).tolist() == shades
    assert batch.lat.tolist() == lat.tolist()


def test_a_batch_moves_to_another_device_whole(tmp_path: Path) -> None:
    """The meta device stands for an accelerator: every tensor must have gone there."""
    meta = torch.device("meta")
    images = group_tiles([PreparedTile("s", torch.ones(2, 4, 4), torch.ones(2))], np.zeros(1), np.zeros(1)).to(meta)
    features = tile_records(mixed(tmp_path), FrozenShade(), TRAINING).batch(np.array([0, 1])).to(meta)
    tensors = (images.lat, images.lon, *vars(images.groups[0]).values(), features.features, features.lat, features.lon)
    assert {each.device.type for each in tensors if each != "s"} == {"meta"}
    assert (images.modality, features.modality) == ("tiles", "tiles")
