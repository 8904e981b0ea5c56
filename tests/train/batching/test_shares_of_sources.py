"""What share of a batch a source of records has."""

from typing import Any

import numpy as np
import pytest

from index.errors import ConfigError
from train.batching.sampling import Sampler, SamplingOptions, check_sources, sampler_of, weights

LAT, LON = [10.0, 10.1, 10.2, 40.0, -40.0], [10.0, 10.1, 10.2, 60.0, -60.0]
SOURCES = ["names", "names", "names", "wiki", "wiki"]


def options(**shares: float) -> SamplingOptions:
    return SamplingOptions.parse({"sources": shares, "balance": "none"}, where="tests")


def test_a_named_source_has_its_share_and_the_others_keep_their_proportions_in_the_rest() -> None:
    np.testing.assert_allclose(weights(LAT, LON, options(names=0.2), SOURCES), [0.2 / 3] * 3 + [0.4] * 2)


def test_over_many_draws_it_is_the_share_of_what_comes_first() -> None:
    sampler = Sampler(LAT, LON, options(names=0.2), SOURCES)
    first = [sampler.draw(1, seed=1, step=step, branch=0)[0] for step in range(8000)]
    assert np.mean(np.array(first) < 3) == pytest.approx(0.2, abs=0.015)


def test_without_named_sources_or_with_none_that_is_there_nothing_changes() -> None:
    plain = SamplingOptions()
    np.testing.assert_array_equal(weights(LAT, LON, plain, SOURCES), weights(LAT, LON, plain))
    np.testing.assert_array_equal(weights(LAT, LON, options(absent=0.5), SOURCES), [0.2] * 5)
    np.testing.assert_array_equal(weights(LAT, LON, options(names=0.5)), [0.2] * 5)


@pytest.mark.parametrize("shares", [{"names": 0.7, "wiki": 0.6}, {"names": 0.3, "wiki": 0.7, "x": 0.1}])
def test_shares_are_counted_of_the_sources_that_are_there(shares: dict[str, Any]) -> None:
    if shares["names"] + shares["wiki"] > 1:
        with pytest.raises(ConfigError, match=r"come to 1\.30"):
            weights(LAT, LON, options(**shares), SOURCES)
    else:
        np.testing.assert_allclose(weights(LAT, LON, options(**shares), SOURCES), [0.1] * 3 + [0.35] * 2)


def test_shares_that_leave_nothing_to_others_are_refused_however_they_are_rounded() -> None:
    with pytest.raises(ConfigError, match=r"come to 1\.00"):
        weights(LAT, LON, options(a=0.7, b=0.2, c=0.1), ["a", "b", "c", "other", "other"])


def test_apart_every_batch_is_of_one_source_and_the_shares_are_those_of_batches() -> None:
    sources = ["names"] * 50 + ["articles"] * 30 + ["places"] * 20
    lat, lon = np.linspace(-60, 60, 100), np.linspace(-170, 170, 100)
    sampler = sampler_of(lat, lon, SamplingOptions(sources={"names": 0.5, "places": 0.1}, apart=True), sources)
    drawn = [{sources[row] for row in sampler.draw(8, seed=0, step=step, branch=0)} for step in range(600)]
    assert all(len(each) == 1 for each in drawn)
    share = {name: sum(each == {name} for each in drawn) / len(drawn) for name in set(sources)}
    assert share == {
        "names": pytest.approx(0.5, abs=0.06),
        "articles": pytest.approx(0.4, abs=0.06),
        "places": pytest.approx(0.1, abs=0.04),
    }


def test_apart_a_source_that_is_not_there_leaves_its_batches_to_the_others() -> None:
    sampler = sampler_of([0.0, 1, 2], [0.0, 1, 2], SamplingOptions(sources={"absent": 0.9}, apart=True), ["here"] * 3)
    assert sorted(sampler.draw(3, seed=0, step=0, branch=0)) == [0, 1, 2]


def test_apart_needs_sources_to_set_apart() -> None:
    assert isinstance(sampler_of([0.0, 1], [0.0, 1], SamplingOptions(apart=True), ["a", "b"]), Sampler)


def test_a_source_that_no_record_is_from_is_not_left_out_silently() -> None:
    check_sources(options(names=0.2), {"names", "wiki"})
    with pytest.raises(ConfigError, match=r"no training record is of the source 'absent'; they are of 'names', 'wiki'"):
        check_sources(options(names=0.2, absent=0.1), {"names", "wiki"})
