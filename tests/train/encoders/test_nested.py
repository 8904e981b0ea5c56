"""Two nested parts: a prefix that never reads the longitude, raw inputs that are passed on, textures of finer pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from index.errors import CheckpointError, ConfigError
from train.encoders.location import nested
from train.encoders.location.nested import Nested
from train.nets.harmonics import real_harmonics
from train.nets.pictures import GAIN, read_spread
from train.nets.zonal import ZONAL, zonal
from train.protocols import HasAppearance, LooksAtPictures, StartsFromFiles

GREY = np.random.default_rng(6).integers(0, 256, (32, 64)).astype(np.uint8)
STRIPES = np.repeat(np.arange(32, dtype=np.uint8)[:, None] * 8, 64, axis=1)  # each latitude looks the same all around
LON = torch.tensor([-180.0, -20.0, 0.0, 77.7, 180.0]).double()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    Image.fromarray(STRIPES).save(tmp_path / "stripes.png")
    return tmp_path


def small(folder: Path, picture: str = "grey.png", seed: int = 0, **options: Any) -> Nested:
    torch.manual_seed(seed)
    pictures = ({"file": picture, "mode": "L"},)
    built = {"folder": folder, "pictures": pictures, "width_px": 64, "degrees": 10, "hidden": 16, "dim": 7}
    built |= {"fixed": 4, "appearance": 5 + ZONAL + 4 + 12, "fixed_identity": 3}
    encoder = nested.build(**{**built, **options}).eval()
    encoder.load_pretrained()
    return encoder


def places(count: int = 40) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    uniform = torch.rand(2, count, generator=random, dtype=torch.float64)
    return 180 * uniform[0] - 90, 360 * uniform[1] - 180


def test_the_hidden_layer_is_raw_inputs_then_appearance_then_identity(folder: Path) -> None:
    encoder = small(folder)
    hidden = encoder.hidden(*places())
    assert encoder.appearance_columns == 5 + ZONAL + 4 + 12
    assert hidden.shape == (40, encoder.appearance_columns + 100 + 3 + 16)
    torch.testing.assert_close(hidden[:, :5], encoder.look(*places()))
    torch.testing.assert_close(hidden[:, 5 : 5 + ZONAL], zonal(places()[0]).float())
    harmonics = real_harmonics(*places(), 10).float()
    torch.testing.assert_close(hidden[:, encoder.appearance_columns :][:, :100], harmonics)


def test_the_fixed_features_stay_as_they_are_while_the_others_learn(folder: Path) -> None:
    encoder = small(folder).train()
    before = encoder.hidden(*places()).detach()
    optimizer = torch.optim.SGD([each for each in encoder.parameters() if each.requires_grad], lr=0.1)
    encoder(*places()).square().sum().backward()
    optimizer.step()
    after, columns = encoder.hidden(*places()), encoder.appearance_columns
    moved = (after - before).abs().amax(dim=0) > 1e-4
    learnt = torch.zeros_like(moved)
    learnt[columns - 12 : columns] = learnt[-16:] = True
    assert moved.tolist() == learnt.tolist()


def test_where_the_longitude_is_hidden_the_identity_reads_no_harmonics(folder: Path) -> None:
    encoder = small(folder, "stripes.png", hidden_longitude_share=0.5).train()
    lon = torch.arange(-170.0, 180.0, 5).double()
    waves = encoder.hidden(torch.full_like(lon, 33.0), lon)[:, encoder.appearance_columns :][:, :100]
    shown = waves.abs().sum(dim=1) > 0
    assert 15 < int(shown.sum()) < 57
    assert (
        encoder.eval().hidden(torch.full_like(lon, 33.0), lon)[:, encoder.appearance_columns :][:, :100].abs().sum(dim=1) > 0
    ).all()


def test_fewer_columns_than_the_inputs_need_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="appearance is 20 columns, of which 20 are not learnt; give more"):
        small(folder, appearance=20)


def test_where_the_earth_looks_the_same_all_around_only_the_identity_knows_the_longitude(folder: Path) -> None:
    encoder = small(folder, "stripes.png")
    lon = torch.arange(-170.0, 180.0, 10).double()
    lat = torch.full_like(lon, 33.0)
    hidden, out = encoder.hidden(lat, lon), encoder(lat, lon)
    assert isinstance(encoder, HasAppearance)
    assert encoder.appearance_dim == 3
    for shows in (hidden[:, : encoder.appearance_columns], out[:, :3]):
        torch.testing.assert_close(shows, shows[:1].expand(len(lon), -1), rtol=0, atol=1e-5)
    for place in (hidden[:, encoder.appearance_columns :], out[:, 3:]):
        assert torch.cdist(place, place)[~torch.eye(len(lon), dtype=torch.bool)].min() > 1e-3


def test_a_loss_on_the_appearance_of_the_output_never_reaches_the_identity(folder: Path) -> None:
    encoder = small(folder).train()
    encoder(*places())[:, : encoder.appearance_dim].square().sum().backward()
    reached = {name.split(".")[0] for name, each in encoder.named_parameters() if each.grad is not None and each.grad.any()}
    assert reached == {"appearance", "first"}


def test_a_loss_on_the_identity_of_the_output_leaves_the_appearance_as_it_is(folder: Path) -> None:
    encoder = small(folder).train()
    encoder(*places())[:, encoder.appearance_dim :].square().sum().backward()
    reached = {name.split(".")[0] for name, each in encoder.named_parameters() if each.grad is not None and each.grad.any()}
    assert reached == {"identity", "second"}


@pytest.mark.parametrize("lat", [90.0, -90.0])
def test_a_pole_is_one_place(folder: Path, lat: float) -> None:
    found = small(folder)(torch.full_like(LON, lat), LON)
    torch.testing.assert_close(found, found[:1].expand(5, -1), rtol=0, atol=1e-5)


def test_nothing_jumps_across_the_antimeridian(folder: Path) -> None:
    encoder = small(folder)
    lat = torch.tensor([-89.0, -33.0, 0.0, 47.0, 88.0]).double()
    east, west = (encoder.hidden(lat, torch.full_like(lat, lon)) for lon in (180.0, -180.0))
    torch.testing.assert_close(east, west, rtol=0, atol=1e-6)
    before, behind = (encoder.hidden(lat, torch.full_like(lat, lon)) for lon in (179.999999, -179.999999))
    torch.testing.assert_close(before, behind, rtol=0, atol=1e-4)


def test_it_starts_from_files_can_be_looked_through_and_a_saved_model_needs_no_picture(folder: Path, tmp_path: Path) -> None:
    encoder = small(folder)
    assert isinstance(encoder, StartsFromFiles)
    assert isinstance(encoder, LooksAtPictures)
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    other = small(folder, "stripes.png", seed=1)
    before = other(*places())
    other.load_state_dict(load_file(tmp_path / "encoder.safetensors"))
    assert torch.equal(other(*places()), encoder(*places()))
    assert not torch.equal(before, other(*places()))


def test_a_texture_is_the_spread_of_the_finer_pixels_by_hand(folder: Path) -> None:
    """Each pixel of 64 x 32 is a square of four; a half of black and a half of white is the most that there is."""
    fine = np.random.default_rng(2).integers(0, 256, (64, 128)).astype(np.uint8)
    fine[:2, :2], fine[:2, 2:4] = [[0, 255], [255, 0]], 77
    Image.fromarray(fine).save(folder / "fine.png")
    found = read_spread(folder / "fine.png", "L", 64)
    assert found.shape == (1, 32, 64)
    assert found[0, 0, :2].tolist() == [255, 0]
    by_hand = 2 * fine.reshape(32, 2, 64, 2).transpose(0, 2, 1, 3).reshape(32, 64, 4).std(axis=2)
    np.testing.assert_allclose(found[0].numpy(), by_hand, atol=0.51)


def test_textures_are_read_after_the_pictures_at_every_level(folder: Path) -> None:
    Image.fromarray(np.kron(GREY, np.ones((2, 2), np.uint8))).save(folder / "smooth.png")
    encoder = small(folder, textures=({"file": "smooth.png", "mode": "L"},))
    seen = encoder.look(*places())
    assert seen.shape == (40, 10)
    torch.testing.assert_close(seen[:, ::2], small(folder).look(*places()))
    torch.testing.assert_close(seen[:, 1::2], torch.full((40, 5), -0.3 * GAIN))  # nothing varies within a pixel


def test_textures_are_for_what_is_learnt_only(folder: Path) -> None:
    Image.fromarray(np.kron(GREY, np.ones((2, 2), np.uint8))).save(folder / "smooth.png")
    encoder = small(folder, textures=({"file": "smooth.png", "mode": "L"},))
    before, columns = encoder.hidden(*places()), encoder.appearance_columns
    encoder.pixels[1] = torch.from_numpy(GREY)
    encoder.load_state_dict(encoder.state_dict())  # which looks at the pictures anew
    moved = (encoder.hidden(*places()) - before).abs().amax(dim=0) > 1e-4
    learnt = torch.zeros_like(moved)
    learnt[columns - 12 : columns] = learnt[-16:] = True
    assert moved.tolist() == learnt.tolist()


def test_a_texture_that_has_no_finer_pixels_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="64 px wide; a texture has to be wider than width_px, here 64"):
        small(folder, textures=({"file": "grey.png", "mode": "L"},))
