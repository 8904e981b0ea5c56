"""The geo-bias score: by hand for two towns, and against a slow and obvious reading of its definition."""

import numpy as np
import pytest

from index.geo import great_circle_km, uniform_on_sphere
from train.probing.geo_bias import LAG_KM, RADIUS_KM, RING_POINTS, SMOOTH, geo_bias

TOWN = np.linspace(0, 0.1, RING_POINTS)  # degrees: all within 11 km


def two_towns(apart_deg):
    """Twenty points each on the equator, across the antimeridian."""
    return np.zeros(2 * RING_POINTS), np.concatenate([179.5 + TOWN, 179.5 + apart_deg - 360 + TOWN])


def slow(lat, lon, hits):
    """The score of a loop over points and rings."""
    away_km = great_circle_km(lat, lon, lat, lon)
    total = weights = 0.0
    for row in range(len(lat)):
        region = away_km[row] <= RADIUS_KM
        whole = hits[region].mean()
        for ring in range(6):
            members = region & (away_km[row] >= ring * LAG_KM) & (away_km[row] < (ring + 1) * LAG_KM)
            if members.sum() >= RING_POINTS:
                part = hits[members].mean()
                for p, q in ((whole, part), (1 - whole, 1 - part)):
                    if p > 0:
                        total += region.sum() * members.sum() / region.sum() * p * np.log(p / (q + SMOOTH))
        weights += region.sum()
    return total / weights


def test_a_model_that_is_right_in_one_town_and_wrong_in_the_next_is_biased():
    lat, lon = two_towns(apart_deg=8)  # 890 km: in one region, in different rings
    found = geo_bias(lat, lon, np.repeat([True, False], RING_POINTS))
    assert found.score == pytest.approx(-np.log(2) - np.log(SMOOTH) / 2, abs=1e-6)  # KL of a half to all, or none
    assert found.shuffled < found.score / 10
    assert found.covered == 1


def test_towns_that_are_not_in_one_region_are_not_compared():
    lat, lon = two_towns(apart_deg=40)  # 4,400 km
    assert geo_bias(lat, lon, np.repeat([True, False], RING_POINTS)).score == pytest.approx(0, abs=1e-6)


def test_always_right_is_fair():
    lat, lon = two_towns(apart_deg=8)
    found = geo_bias(lat, lon, np.ones(2 * RING_POINTS, dtype=bool))
    assert found.score == pytest.approx(0, abs=1e-6)
    assert found.shuffled == pytest.approx(0, abs=1e-6)


def test_too_few_points_have_no_score():
    assert np.isnan(geo_bias([0.0, 1.0], [0.0, 1.0], [True, False]).score)


def test_many_centres_in_parts_are_as_a_loop_over_points_and_rings_has_it(monkeypatch):
    rng = np.random.default_rng(0)
    lat, lon = uniform_on_sphere(1500, rng)
    hits = rng.random(1500) < np.where(lat > 0, 0.7, 0.3)
    whole = geo_bias(lat, lon, hits)
    assert whole.score == pytest.approx(slow(lat, lon, hits))
    monkeypatch.setattr("train.probing.geo_bias.CHUNK", 70)
    assert geo_bias(lat, lon, hits).score == pytest.approx(whole.score)
    assert 0 < whole.covered < 1
