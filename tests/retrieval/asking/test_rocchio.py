"""Rocchio's feedback is a sum of means, with his factors."""

import numpy as np
import pytest

from index.errors import InputError
from retrieval.asking.parts import Part
from retrieval.asking.rocchio import rocchio
from tests.retrieval.hand_space import HandSpace

SPACE = HandSpace({"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "-z": (0, 0, -1)})


def direction(query):
    vector = query.embed(SPACE).sums[0]
    return vector / vector[0]


def test_the_query_moves_towards_the_mean_of_what_is_relevant_and_away_from_what_is_not():
    # 1 x + 0.75 (y + z) / 2 - 0.15 z = (1, 0.375, 0.225)
    np.testing.assert_allclose(direction(rocchio([Part("x")], ["y", "z"], ["z"])), [1, 0.375, 0.225])


def test_more_records_of_one_opinion_do_not_outweigh_the_query():
    np.testing.assert_allclose(direction(rocchio([Part("x")], ["y"] * 10)), [1, 0.75, 0])


def test_the_factors_are_the_callers():
    np.testing.assert_allclose(direction(rocchio([Part("x")], ["y"], ["z"], alpha=2, beta=1, gamma=0.5)), [1, 0.5, -0.25])


def test_weights_inside_the_query_are_shares_of_alpha():
    # alpha (3 x + 1 y) / 4 + 0.75 z
    np.testing.assert_allclose(direction(rocchio([Part("x", 3.0), Part("y", 1.0)], ["z"])), [1, 1 / 3, 1])


def test_a_factor_of_zero_leaves_its_parts_out():
    query = rocchio([Part("x")], ["x"], ["y"], alpha=0, gamma=0)
    assert [(part.what, part.weight) for part in query.parts] == [("x", 0.75)]


def test_nothing_to_ask_for_and_negative_factors_are_refused():
    with pytest.raises(InputError, match="empty"):
        rocchio([])
    with pytest.raises(InputError, match="at least 0"):
        rocchio([Part("x")], ["y"], beta=-1)
    with pytest.raises(InputError, match="cancel each other out"):
        rocchio([Part("z")], ["-z"], alpha=0.75).embed(SPACE)
