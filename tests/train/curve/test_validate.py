"""Validation: held-out records on the map, by hand for encoders that know, and what early stopping makes of it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from index.geo import fibonacci_sphere
from tests.train.small_models import xyz
from train.batching.batches import Records
from train.curve.geolocation import geolocation_figures
from train.curve.validate import GALLERY, RESOLVED_KM, encode_records, score, validate
from train.objective.architecture import Architecture
from train.objective.contrast import ContrastOptions

SPACING_KM = 160  # between points of the gallery


class Globe(nn.Module):
    """A location encoder without a fault: the unit vector of the place."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, lat: Tensor, lon: Tensor) -> Tensor:
        return xyz(lat, lon).float() * self.weight


class Tower(nn.Module):
    """What it is given, turned to the other side of the Earth in training."""

    def forward(self, vectors: Tensor) -> Tensor:
        return 3 * (-vectors if self.training else vectors)


class VectorBatch:
    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    def to(self, device: torch.device) -> "VectorBatch":
        return self

    def encode(self, encoder: nn.Module) -> Tensor:
        return encoder(self.vectors)


def model() -> Architecture:
    return Architecture(nn.ModuleDict({"locations": Globe(), "articles": Tower(), "tiles": Tower()}), ContrastOptions()).train()


def records(modality: Any, lat: list[float], lon: list[float], says_lat: list[float], says_lon: list[float]) -> Records:
    """Records at ``lat``, ``lon`` whose vector is that of another place."""
    vectors = xyz(torch.tensor(says_lat), torch.tensor(says_lon)).float()

    def collate(rows: Any, chances: Any) -> VectorBatch:
        assert chances is None, "validation does not augment"
        return VectorBatch(vectors[torch.from_numpy(rows)])

    return Records(modality, [str(n) for n in range(len(lat))], np.array(lat), np.array(lon), collate)


def test_records_that_say_where_they_are_are_put_there_to_the_grain_of_the_gallery() -> None:
    lat, lon = [48.2, -33.9, 89.9, 0.0], [16.4, 151.2, 0.0, 180.0]
    figures = validate(model(), [records("articles", lat, lon, lat, lon)])
    assert figures["val_articles_median_km"] < SPACING_KM
    assert figures["val_articles_within_200_km"] == 1
    assert figures["val_articles_recall_at_10"] == 1


def test_each_modality_has_figures_of_its_own() -> None:
    """Texts are right, tiles on the other side of the Earth: half its circumference away."""
    lat, lon = [10.0, 20.0, 30.0], [5.0, 15.0, 25.0]
    across = [-each for each in lat], [each - 180 for each in lon]
    figures = validate(model(), [records("articles", lat, lon, lat, lon), records("tiles", lat, lon, *across)])
    assert figures["val_articles_median_km"] < SPACING_KM
    assert figures["val_tiles_median_km"] == pytest.approx(20_000, abs=SPACING_KM)
    assert figures["val_tiles_within_2500_km"] == 0
    assert min(RESOLVED_KM) > SPACING_KM / 2, "a nearer point than the gallery has cannot be given"
    names = {"recall_at_10", *geolocation_figures(*[np.zeros(1)] * 4, RESOLVED_KM)}
    assert set(figures) == {f"val_{modality}_{name}" for modality in ("articles", "tiles") for name in names}


def test_the_place_given_is_the_point_of_the_gallery_with_the_highest_cosine() -> None:
    """Slow: over all points, for each record."""
    says = np.random.default_rng(3).uniform([-90, -180], [90, 180], (7, 2))
    lat, lon = [0.0] * 7, [0.0] * 7
    gallery_lat, gallery_lon = fibonacci_sphere(GALLERY)
    gallery = xyz(torch.from_numpy(gallery_lat), torch.from_numpy(gallery_lon)).float()
    best = [int((gallery * row).sum(dim=1).argmax()) for row in xyz(*torch.from_numpy(says).T).float()]
    slow = geolocation_figures(gallery_lat[best], gallery_lon[best], np.zeros(7), np.zeros(7), RESOLVED_KM)
    found = validate(model(), [records("tiles", lat, lon, *says.T.tolist())])
    assert {name: found[f"val_tiles_{name}"] for name in slow} == pytest.approx(slow)


def test_recall_is_among_the_places_of_the_held_out_records_themselves() -> None:
    """Twelve places along the equator, each record says the next but ten: ten others are nearer to what it says, or one."""
    lon = [3.0 * n for n in range(24)]
    one_off = validate(model(), [records("articles", [0.0] * 24, lon, [0.0] * 24, [each + 3 for each in lon])])
    assert one_off["val_articles_recall_at_10"] == 1
    far_off = validate(model(), [records("articles", [0.0] * 24, lon, [0.0] * 24, [each + 90 for each in lon])])
    # Asked 90 degrees east of all places, of the 24 the ten easternmost are nearest; for the first record that is 30 .. 39 from it.
    assert far_off["val_articles_recall_at_10"] == pytest.approx(10 / 24)


def test_all_records_are_encoded_in_order_however_many_there_are() -> None:
    lon = np.linspace(-180, 179, 1100).tolist()
    vectors = encode_records(model().eval(), records("tiles", [10.0] * 1100, lon, [10.0] * 1100, lon))
    torch.testing.assert_close(vectors, xyz(torch.full((1100,), 10.0), torch.tensor(lon)).float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_validation_is_done_in_evaluation_mode_and_leaves_the_mode_as_it_was(training: bool) -> None:
    built = model().train(training)
    figures = validate(built, [records("articles", [10.0, 20.0], [5.0, 15.0], [10.0, 20.0], [5.0, 15.0])])
    assert figures["val_articles_median_km"] < SPACING_KM
    assert all(module.training == training for module in built.modules())


def test_early_stopping_watches_the_geometric_mean_of_the_medians_and_nothing_else() -> None:
    """100 km and 400 km: 200 km."""
    figures = {"val_articles_median_km": 100.0, "val_tiles_median_km": 400.0, "val_tiles_within_200_km": 0.1, "total": 3.0}
    assert score(figures) == pytest.approx(200)
    assert score({"val_tiles_median_km": 70.0}) == pytest.approx(70)


def test_there_is_no_score_without_validation_and_a_perfect_one_is_still_a_number() -> None:
    assert score({"total": 1.0}) is None
    perfect = score({"val_articles_median_km": 0.0, "val_tiles_median_km": 100.0})
    assert perfect is not None
    assert math.isfinite(perfect)
    assert perfect < 1
