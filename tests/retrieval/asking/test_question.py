"""A question as data: its settings in plain words, and links that are refused in a sentence."""

import pytest

from index.errors import PlaceBindError
from retrieval.asking.names.meant import Meant
from retrieval.asking.question import Question
from tests.odd_links import deep, odd_links

SETTINGS = {
    "names": (False, "names are not looked up"),
    "words": (True, "the words themselves count too"),
    "centred": (True, "scores without the gap between kinds"),
    "direct": (True, "texts and pictures compared themselves, not by position"),
    "apart_km": (1500, "hits at least 1,500 km apart"),
    "kinds": (["tiles", "articles"], "only tiles and articles"),
    "k": (1000, "1,000 hits of each kind"),
    "combine": ("max", "the part that fits best counts"),
    "verbatim": (True, "words as they are typed"),
}


def question(**settings) -> Question:
    return Question.of("snow", **settings)


def test_a_question_as_by_default_has_no_settings_to_tell() -> None:
    assert list(question().pieces()) == []


@pytest.mark.parametrize("field", SETTINGS)
def test_each_setting_is_told_in_plain_words_and_can_be_taken_out(field) -> None:
    value, words = SETTINGS[field]
    asked = question(filter={"where": "lat > 0", "near": "1,2,3"}, **{field: value})
    assert list(asked.pieces()) == [("near", "within 3 km of 1.00, 2.00"), ("where", "where lat > 0"), (field, words)]
    assert asked.without(field) == question(filter={"where": "lat > 0", "near": "1,2,3"})
    assert asked.without("near") == question(filter={"where": "lat > 0"}, **{field: value})


def test_no_setting_was_forgotten() -> None:
    assert set(SETTINGS) | {"parts", "filter", "meant"} == set(Question.model_fields)


def test_what_names_mean_is_told_and_taken_out_one_by_one() -> None:
    vienna, nice = Meant.read("Vienna=38.9,-77.27"), Meant.read("Nice=")
    asked = question(meant=[vienna, nice])
    assert list(asked.pieces()) == [("meant:Vienna", "Vienna: 38.90°N 77.27°W"), ("meant:Nice", "Nice: no place")]
    assert asked.without("meant:Nice") == question(meant=[vienna])
    assert Question.from_link(asked.to_link()) == asked


def test_any_link_is_a_question_that_links_to_itself_or_is_refused_in_one_line() -> None:
    messages, opened = [], 0
    for link in odd_links(1000):
        try:
            asked = Question.from_link(link)
        except PlaceBindError as error:
            messages.append(str(error))
        else:
            opened += 1
            assert Question.from_link(asked.to_link()).to_link() == asked.to_link()
    assert min(opened, len(messages)) > 150
    assert [each for each in messages if "\n" in each] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parts": [{"text": "snow"}] * 33}, "a question has at most 32 parts, this one has 33; leave some out"),
        ({"parts": [{"text": "snow"}], "filter": {"countries": deep(5000)}}, "filter: values are nested too deep"),
        ({"parts": [{"text": "snow"}], "filter": {"countries": "\ud800"}}, "countries holds an invalid character"),
        ({"parts": [{"text": "snow"}], "filter": {"where": "title = '\ud800'"}}, "where holds an invalid character"),
        ({"parts": [{"text": "snow"}], "filter": {"near": [1, 2, 10**400]}}, "near must be lat,lon,radius_km"),
        (
            {"parts": [{"text": "snow"}], "filter": {"polygon": [[0, 0], [1, 1], [0, 10**400]]}},
            "polygon: expected GeoJSON or rings",
        ),
        ({"parts": [{"text": "snow", "weight": 10**400}]}, "question: parts.0.weight: Input should be a valid number"),
    ],
)
def test_what_no_question_can_hold_is_refused_in_a_sentence(values, message) -> None:
    with pytest.raises(PlaceBindError) as refused:
        Question.parse(values, where="question")
    assert str(refused.value).startswith(message)


def test_scripts_and_links_of_before_are_understood_under_the_old_names() -> None:
    now = Question.of("snow", kinds=("tiles",), centred=True)
    assert Question.of("snow", into=("tiles",), calibrated=True) == now
    assert Question.of("snow").changed(into=("tiles",), calibrated=True) == now
    assert Question.from_link('{"parts":[{"text":"snow"}],"into":["tiles"],"calibrated":true}') == now
