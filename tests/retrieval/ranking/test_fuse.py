"""Rankings are fused by reciprocal ranks: what two find comes before what one finds, and no score but the rank counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from retrieval.ranking.fuse import reciprocal_rank_fusion

rankings = st.lists(st.permutations(list("abcdef")).flatmap(lambda all_: st.integers(0, 6).map(lambda n: all_[:n])), max_size=4)


def test_the_score_is_the_sum_of_reciprocal_ranks_by_hand():
    fused = reciprocal_rank_fusion([["a", "b"], ["b", "c"]])
    assert [each.key for each in fused] == ["b", "a", "c"]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[1].score == pytest.approx(1 / 61)
    assert [each.ranks for each in fused] == [(2, 1), (1, None), (None, 2)]


def test_two_good_ranks_beat_one_excellent():
    first, second = ["best", "x1", "x2", "both"], ["y0", "y1", "y2", "both"]
    assert reciprocal_rank_fusion([first, second])[0].key == "both"
    assert reciprocal_rank_fusion([first, second], k=0)[0].key == "best"


def test_weights_count_and_a_ranking_of_weight_zero_only_adds_its_records_at_the_end():
    fused = reciprocal_rank_fusion([["a"], ["b"], ["c"]], weights=[1, 2, 0])
    assert [each.key for each in fused] == ["b", "a", "c"]
    assert fused[-1].score == 0


def test_equal_scores_are_ordered_by_best_rank_and_then_by_key():
    by_rank = reciprocal_rank_fusion([["b"], ["x", "a"]], weights=[61, 62])  # 61 / 61 and 62 / 62
    assert [each.key for each in by_rank] == ["x", "b", "a"]
    assert [each.key for each in reciprocal_rank_fusion([["b"], ["a"]])] == ["a", "b"]
    assert [each.key for each in reciprocal_rank_fusion([[7], [3]])] == [3, 7]


def test_no_rankings_give_nothing():
    assert reciprocal_rank_fusion([]) == []
    assert reciprocal_rank_fusion([[], []]) == []


@given(rankings)
def test_every_record_comes_once_and_scores_fall(given_rankings):
    fused = reciprocal_rank_fusion(given_rankings)
    assert sorted(each.key for each in fused) == sorted(set().union(*given_rankings))
    scores = [each.score for each in fused]
    assert scores == sorted(scores, reverse=True)
    for each in fused:
        assert each.ranks == tuple(one.index(each.key) + 1 if each.key in one else None for one in given_rankings)


@given(rankings)
def test_the_order_of_the_rankings_does_not_matter(given_rankings):
    forward, back = reciprocal_rank_fusion(given_rankings), reciprocal_rank_fusion(given_rankings[::-1])
    assert [(each.key, each.score) for each in forward] == [(each.key, each.score) for each in back]


def test_one_ranking_stays_as_it_is():
    assert [each.key for each in reciprocal_rank_fusion([["c", "a", "b"]])] == ["c", "a", "b"]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(InputError, match="2 rankings"):
        reciprocal_rank_fusion([["a"], ["b"]], weights)


def test_a_record_that_stands_twice_in_a_ranking_is_refused():
    with pytest.raises(InputError, match="twice"):
        reciprocal_rank_fusion([["a", "b", "a"]])
