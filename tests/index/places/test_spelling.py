"""Names are compared without case, accents and genitives, in every script."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.places.spelling import joined, key_of, plain_name, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ZÜRICH", "Zurich"), ("St. Louis", "Saint Louis"), ("Saint-Malo", "saint malo"), ("Mt Fuji", "Mount Fuji"),
        ("Côte d’Ivoire", "cote d'ivoire"), ("Ålesund", "alesund"), ("Москва", "МОСКВА"),
    ],
)  # fmt: skip
def test_two_spellings_of_a_name_are_one(one, other) -> None:
    assert plain_name(one) == plain_name(other)
    assert key_of(plain_name(one)) == key_of(plain_name(other))


def test_a_genitive_belongs_to_no_name() -> None:
    (word, river) = words_of("Vienna’s river")
    assert (word.plain, word.start, word.end, river.plain) == ("vienna", 0, 6, "river")


def test_scripts_without_spaces_are_read_by_character_and_put_together() -> None:
    words = words_of("去維也納")
    assert [word.plain for word in words] == ["去", "維", "也", "納"]
    assert joined(words[1:]) == plain_name("維也納")
    assert joined(words_of("東京 Tokyo")) == "東京 tokyo"


def test_vowel_signs_stay_with_their_letters() -> None:
    assert len(words_of("नई दिल्ली")) == 2
    assert len(words_of("ירושלים")) == 1


@given(st.text(max_size=60))
def test_every_word_lies_where_it_says(text) -> None:
    words = words_of(text)
    assert all(0 <= word.start < word.end <= len(text) for word in words)
    assert all(one.end <= other.start for one, other in pairwise(words))
