"""Wrap: its four features, and what wraps and what does not."""

import math

import pytest
import torch
from torch import Tensor

from index.errors import ConfigError
from train.encoders.location import wrap


@pytest.fixture
def encoder() -> wrap.Wrap:
    torch.manual_seed(0)
    return wrap.build(hidden=16, blocks=2, dim=6).double()


def at(encoder: wrap.Wrap, *places: tuple[float, float]) -> Tensor:
    with torch.no_grad():
        return encoder(*torch.tensor(places, dtype=torch.float64).T)


def test_it_is_the_residual_network_of_four_sines_and_cosines(encoder: wrap.Wrap) -> None:
    places = [(0.0, 0.0), (48.2, 16.4), (-33.9, 151.2), (90.0, -70.0)]
    by_hand = [
        [math.sin(math.pi * lon / 180), math.cos(math.pi * lon / 180), math.sin(math.pi * lat / 90), math.cos(math.pi * lat / 90)]
        for lat, lon in places
    ]
    torch.testing.assert_close(at(encoder, *places), encoder.network(torch.tensor(by_hand, dtype=torch.float64)).detach())


@pytest.mark.parametrize("lat", [-60.0, 0.0, 71.0])
def test_there_is_no_seam_at_the_antimeridian(encoder: wrap.Wrap, lat: float) -> None:
    west, east = at(encoder, (lat, -180), (lat, 180))
    torch.testing.assert_close(west, east)


def test_the_poles_of_a_meridian_are_the_same_but_not_those_of_two_as_published(encoder: wrap.Wrap) -> None:
    """What the docstring warns of: latitude wraps around as longitude does."""
    north, south, elsewhere = at(encoder, (90, 20), (-90, 20), (90, 110))
    torch.testing.assert_close(north, south)
    assert (north - elsewhere).abs().max() > 1e-3


@pytest.mark.parametrize("options", [{"blocks": -1}, {"dropout": 1.0}, {"depth": 2}])
def test_options_that_make_no_sense_are_refused_by_name(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        wrap.build(**options)
