"""Towns named in a text, and which of them answers."""

import numpy as np
import pytest

from retrieval.figures.lookup import look_up, words_of

PARIS, PARIS_TEXAS, LYON, HOUSTON = (48.9, 2.3), (33.7, -95.6), (45.7, 4.8), (29.8, -95.4)


def answer(text, rule="people"):
    return tuple(np.round(look_up([text], rule)[0], 1).tolist())


def test_the_most_populous_town_of_a_name_is_meant_unless_the_text_says_where():
    assert answer("A café in Paris.") == PARIS
    assert answer("Paris is a town in Texas.") == PARIS_TEXAS
    assert answer("Paris, Texas, United States") == PARIS_TEXAS, "the state is narrower than the country"


@pytest.mark.parametrize(("rule", "expected"), [("people", PARIS), ("first", LYON)])
def test_the_most_populous_town_or_the_first_one_named_answers(rule, expected):
    assert answer("From Lyon to Paris by train", rule) == expected


def test_a_country_without_a_town_inside_is_its_most_populous_town():
    for rule in ("people", "first"):
        assert answer("Wine of France, sold in Nowhereville", rule) == PARIS
        assert answer("Somewhere in Texas", rule) == HOUSTON


def test_a_text_that_names_nothing_has_no_answer():
    assert np.isnan(look_up(["The church by the river in March", "", "paris without a capital"], "people")).all()


def test_names_are_compared_without_accents_and_genitives():
    assert words_of("Québec’s São Paulo") == ("Quebec", "Sao", "Paulo")
    assert answer("Bogotá's hills") == answer("The hills of Bogota") == (4.6, -74.1)


def test_the_longest_name_counts():
    assert answer("New York City") == (40.7, -74.0)
