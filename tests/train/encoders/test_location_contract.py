"""What every location encoder promises, asked of each file in train/encoders/location/ by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from index.registry import load, names

PACKAGE = "train.encoders.location"
EVERY = pytest.mark.parametrize("name", names(PACKAGE))


def build(name: str, *, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    return load(PACKAGE, name).build(**options).eval()


def places(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Evenly over the sphere: lat, lon [n] in float64 degrees."""
    random = torch.Generator().manual_seed(seed)
    uniform = torch.rand(2, n, generator=random, dtype=torch.float64)
    return torch.rad2deg(torch.asin(2 * uniform[0] - 1)), 360 * uniform[1] - 180


def edges() -> tuple[Tensor, Tensor]:
    """Both poles, both sides of the antimeridian, the origin and where they meet."""
    lat, lon = torch.meshgrid(torch.tensor([-90.0, 0, 90]), torch.tensor([-180.0, 0, 180]), indexing="ij")
    return lat.flatten().double(), lon.flatten().double()


@EVERY
def test_it_builds_with_its_defaults_and_answers_in_the_dimension_asked_for(name: str) -> None:
    for options, dim in (({}, 256), ({"dim": 12}, 12)):
        encoder = build(name, **options)
        out = encoder(*places(3))
        assert encoder.dim == dim
        assert out.shape == (3, dim)
        assert out.dtype == torch.float32


@EVERY
def test_the_output_is_a_linear_layer_of_the_hidden_one(name: str) -> None:
    """Found by least squares on more places than there are hidden units: nothing else fits exactly."""
    encoder = build(name, dim=12).double()
    size = encoder.hidden(*places(1)).shape[1]
    lat, lon = places(size + 300)
    with torch.no_grad():
        hidden, out = encoder.hidden(lat, lon), encoder(lat, lon)
    with_constant = torch.cat([hidden, torch.ones(len(lat), 1)], dim=1)
    fitted = with_constant @ torch.linalg.lstsq(with_constant, out, driver="gelsd").solution
    assert hidden.ndim == 2
    assert (fitted - out).norm() < 1e-6 * (out - out.mean(dim=0)).norm()


@EVERY
def test_a_place_alone_has_the_vector_that_it_has_in_a_batch(name: str) -> None:
    encoder = build(name).double()
    lat, lon = places(9)
    together = encoder(lat, lon)
    for row in (0, 4, 8):
        torch.testing.assert_close(encoder(lat[row : row + 1], lon[row : row + 1]), together[row : row + 1], rtol=1e-9, atol=1e-9)


@EVERY
def test_latitude_comes_first_and_places_apart_differ(name: str) -> None:
    encoder = build(name)
    out = encoder(torch.tensor([48.0, 16.0, -60.0]), torch.tensor([16.0, 48.0, 100.0]))
    distances = torch.cdist(out, out) / out.norm(dim=1).mean()
    assert distances[~torch.eye(3, dtype=torch.bool)].min() > 1e-3


@EVERY
def test_poles_and_antimeridian_have_finite_vectors_and_gradients(name: str) -> None:
    encoder = build(name)
    assert torch.isfinite(encoder.hidden(*edges())).all()
    out = encoder(*edges())
    assert torch.isfinite(out).all()
    out.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


@EVERY
def test_gradients_reach_every_parameter(name: str) -> None:
    encoder = build(name).train()
    encoder(*places(64)).square().sum().backward()
    still = [key for key, p in encoder.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.abs().max() > 0)]
    assert any(p.requires_grad for p in encoder.parameters())
    assert still == []


@EVERY
def test_saved_and_loaded_into_another_it_is_the_same_function(name: str, tmp_path: Path) -> None:
    encoder, other = build(name), build(name, seed=1)
    lat, lon = places(5)
    assert not torch.equal(encoder(lat, lon), other(lat, lon))
    save_file({key: tensor.contiguous() for key, tensor in encoder.state_dict().items()}, tmp_path / "encoder.safetensors")
    other.load_state_dict(load_file(tmp_path / "encoder.safetensors"))
    assert torch.equal(encoder(lat, lon), other(lat, lon))


@EVERY
def test_no_two_layers_share_their_weights(name: str) -> None:
    """`[Linear, ReLU] * n` is one layer applied n times: counted by call, it is used more often than it is there."""
    encoder = build(name)
    linear = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    called: list[nn.Module] = []
    for module in linear:
        module.register_forward_hook(lambda module, *_: called.append(module))
    encoder(*places(2))
    assert len(called) == len(set(called)) == len(linear)
    pointers = [p.data_ptr() for _, p in encoder.named_parameters(remove_duplicate=False)]
    assert len(pointers) == len(set(pointers))
