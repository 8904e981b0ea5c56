"""The four encoders of many scales against their formulas written out number by number, and where they do have seams."""

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from index.errors import ConfigError
from train.encoders.location import space2vec_grid, space2vec_theory, sphere2vec_c_plus, sphere2vec_m_plus
from train.nets.multiscale import MultiscaleEncoder, geometric_scales

PLACES = ((0.0, 0.0), (48.2, 16.4), (-33.9, 151.2), (71.0, -179.9), (-90.0, -170.0), (12.0, 180.0))
Formula = Callable[[float, float, float], tuple[float, ...]]


def grid(lat: float, lon: float, r: float) -> tuple[float, ...]:
    return math.cos(lon / r), math.sin(lon / r), math.cos(lat / r), math.sin(lat / r)


def theory(lat: float, lon: float, r: float) -> tuple[float, ...]:
    phases = [(lon * math.cos(a) + lat * math.sin(a)) / r for a in (0, 2 * math.pi / 3, 4 * math.pi / 3)]
    return tuple(wave(phase) for phase in phases for wave in (math.cos, math.sin))


def c_plus(lat: float, lon: float, r: float) -> tuple[float, ...]:
    p, q = math.radians(lat) / r, math.radians(lon) / r
    sphere = math.cos(p) * math.cos(q), math.cos(p) * math.sin(q)
    return math.sin(p), math.cos(p), math.sin(q), math.cos(q), *sphere


def m_plus(lat: float, lon: float, r: float) -> tuple[float, ...]:
    p, q = math.radians(lat), math.radians(lon)
    alone = math.sin(p / r), math.cos(p / r), math.sin(q / r), math.cos(q / r)
    cosines = math.cos(p / r) * math.cos(q), math.cos(p) * math.cos(q / r)
    return *alone, *cosines, math.cos(p / r) * math.sin(q), math.cos(p) * math.sin(q / r)


DEGREES = {"scale_min_deg": 2.0, "scale_max_deg": 250.0}
RADIANS = {"scale_min_rad": 0.05, "scale_max_rad": 1.0}
CASES = {
    "grid": (space2vec_grid, DEGREES, grid),
    "theory": (space2vec_theory, DEGREES, theory),
    "sphereC+": (sphere2vec_c_plus, RADIANS, c_plus),
    "sphereM+": (sphere2vec_m_plus, RADIANS, m_plus),
}
each = pytest.mark.parametrize(("module", "ends", "formula"), CASES.values(), ids=CASES)


def built(module: ModuleType, ends: dict[str, float], scales: int = 5) -> MultiscaleEncoder:
    torch.manual_seed(0)
    encoder: MultiscaleEncoder = module.build(scales=scales, hidden=16, depth=2, dim=6, **ends).double()
    return encoder


def at(encoder: MultiscaleEncoder, *places: tuple[float, float]) -> Tensor:
    with torch.no_grad():
        out: Tensor = encoder(*torch.tensor(places, dtype=torch.float64).T)
    return out


def by_hand(ends: dict[str, float], formula: Formula) -> Tensor:
    """The features of PLACES at 5 scales, in blocks of 5 per kind of feature."""
    smallest, largest = ends.values()
    radii = [smallest * (largest / smallest) ** (s / 4) for s in range(5)]
    return torch.from_numpy(np.array([np.array([formula(*place, r) for r in radii]).T.ravel() for place in PLACES]))


@each
def test_it_is_the_network_of_the_published_features(module: ModuleType, ends: dict[str, float], formula: Formula) -> None:
    encoder = built(module, ends)
    torch.testing.assert_close(at(encoder, *PLACES), encoder.network(by_hand(ends, formula)).detach())


@each
def test_in_single_precision_the_waves_keep_their_digits(module: ModuleType, ends: dict[str, float], formula: Formula) -> None:
    fine = {name: value / 1e5 if "min" in name else value for name, value in ends.items()}  # phases of millions of radians
    encoder = built(module, fine)
    exact = encoder.network(by_hand(fine, formula)).detach()
    torch.testing.assert_close(at(encoder.float(), *PLACES), exact.float(), rtol=0, atol=1e-5)


@each
def test_each_place_has_a_vector_of_its_own_and_latitude_comes_first(
    module: ModuleType, ends: dict[str, float], formula: Formula
) -> None:
    encoder = built(module, ends)
    vectors = at(encoder, *PLACES, *[(lon, lat) for lat, lon in PLACES[1:3]])
    assert (torch.cdist(vectors, vectors) + torch.eye(len(vectors))).min() > 0.01


@each
def test_the_antimeridian_is_a_seam_as_published(module: ModuleType, ends: dict[str, float], formula: Formula) -> None:
    """What the docstrings warn of. Should an encoder lose its seam one day, they must be told."""
    west, east = at(built(module, ends), (30, -180), (30, 180))
    assert (west - east).abs().max() > 1e-3


@pytest.mark.parametrize("module", [sphere2vec_c_plus, sphere2vec_m_plus])
def test_at_scale_one_there_is_no_seam(module: ModuleType) -> None:
    """All scales 1: what is left of sphereC+ and sphereM+ is sin p, cos p cos q, cos p sin q, beside the grid's sin q, cos q."""
    west, east = at(built(module, {"scale_min_rad": 1.0, "scale_max_rad": 1.0}), (30, -180), (30, 180))
    torch.testing.assert_close(west, east)


@each
def test_a_pole_has_a_vector_for_every_longitude_as_published(module: ModuleType, ends: dict[str, float], formula: Formula) -> None:
    there, elsewhere = at(built(module, ends), (90, 0), (90, 90))
    assert (there - elsewhere).abs().max() > 1e-3


def test_scales_grow_by_equal_factors() -> None:
    assert geometric_scales(0.5, 8, 5, torch.device("cpu")).tolist() == pytest.approx([0.5, 1, 2, 4, 8])


@each
@pytest.mark.parametrize("wrong", [{"scales": 1}, {"depth": 0}, {"colour": 3}])
def test_options_that_make_no_sense_are_refused_by_name(
    module: ModuleType, ends: dict[str, float], formula: Formula, wrong: dict[str, int]
) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        module.build(**wrong)
