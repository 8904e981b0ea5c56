"""Which place a name means is decided by the text around it."""

import numpy as np
import pytest

from index.places.name_index import NameIndex
from index.places.spelling import words_of
from retrieval.asking.names.resolve import Named, described, names_in
from tests.retrieval.asking.names.atlas import gazetteer


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> NameIndex:
    return gazetteer(tmp_path_factory.mktemp("atlas"))


def said(text: str, names: NameIndex, **more) -> list[tuple[str, str]]:
    """Each name with the label of the place that it is most likely."""
    return [(named.text, named.best.label) for named in names_in(text, [names], **more)]


def one(text: str, names: NameIndex, **more) -> Named:
    found = names_in(text, [names], **more)
    assert len(found) == 1
    return found[0]


def test_a_bare_name_is_the_place_with_most_people(names) -> None:
    named = one("Springfield", names)
    assert named.best.label == "Springfield, Sudland"
    assert [each.label for each in named.others] == ["Springfield, Undermark, Norland", "Springfield, Overmark, Norland"]
    assert named.sentence == "Springfield → Springfield, Sudland; not Springfield, Undermark, Norland"
    assert 0.5 < named.confidence < 1


@pytest.mark.parametrize(
    "text",
    ["Springfield, Norland", "Springfield in Norland", "Springfield (Norland)", "springfield norland", "norland springfield"],
)
def test_a_country_beside_the_name_decides(text, names) -> None:
    found = dict(said(text, names))
    assert next(label for name, label in found.items() if name.lower() == "springfield") == "Springfield, Undermark, Norland"


def test_the_narrower_region_decides_over_the_country(names) -> None:
    assert ("Springfield", "Springfield, Overmark, Norland") in said("Springfield, Overmark, Norland", names)
    assert ("Springfield", "Springfield, Overmark, Norland") in said(
        "Springfield is a town in the state of Overmark in Norland.", names
    )


def test_a_country_named_anywhere_counts(names) -> None:
    text = "The market at Riverton is old. It was founded by settlers, long before Norland was one country."
    assert ("Riverton", "Riverton, Overmark, Norland") in said(text, names)


def test_names_near_each_other_mean_each_other(names) -> None:
    """The two of Overmark lie 40 km apart, those of Sudland 150 km."""
    assert said("The bus from Springfield to Riverton and Springfield", names)[1][1] == "Riverton, Sudland"
    text = "From Riverton it is an hour to Springfield, where the Overmark council meets."
    assert {label for _, label in said(text, names)} >= {"Riverton, Overmark, Norland", "Springfield, Overmark, Norland"}


def test_the_heat_of_a_description_decides_between_equals(names) -> None:
    def cold_south(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        return np.where(lat > 0, 0.0, -50.0)

    text = "Around Springfield moss and birches grow beside frozen lakes all through the long winters"
    assert one(text, names).best.label == "Springfield, Sudland"
    assert one(text, names, warmth=cold_south).best.country == "NO"
    assert one("Springfield", names, warmth=cold_south).best.country == "SU"  # a bare name describes nothing


def test_an_ordinary_word_is_a_place_only_where_the_text_says_so(names) -> None:
    assert said("He took a bath and felt better.", names) == []
    assert said("Bath is what they needed.", names) == []
    assert said("They moved to Bath, Norland.", names) == [("Bath", "Bath, Undermark, Norland"), ("Norland", "Norland")]
    assert said("Bath", names) == [("Bath", "Bath, Undermark, Norland")]


def test_a_town_of_the_name_of_a_river_is_not_the_river(names) -> None:
    assert said("The boats on the Ganga are painted.", names) == [("Ganga", "Ganga, Undermark, Norland")]
    assert sure("The boats on the Ganga are painted.", names) > 0.8
    assert sure("The boats on the Ganga River are painted.", names) < 0.4


def test_the_surname_of_a_person_is_no_place(names) -> None:
    assert sure("We saw Nordstadt in spring.", names) > 0.9
    assert sure("We saw John Nordstadt in spring.", names) < 0.5


def test_other_names_other_scripts_and_offsets(names) -> None:
    text = "Дорога в Нордград; 北城市的路"
    found = names_in(text, [names])
    assert [text[each.start : each.end] for each in found] == ["Нордград", "北城市"]
    assert {each.best.name for each in found} == {"Nordstadt"}


def test_a_misspelt_name_is_guessed_in_a_short_text_only(names) -> None:
    assert one("nordstat", names).best.name == "Nordstadt"
    assert one("Nordstatd harbour", names).best.name == "Nordstadt"
    longer = "In this long text the word Nordstat stands among so many others that it is rather another place than an error."
    assert said(longer, names) == []


def test_a_name_outside_all_the_countries_that_are_named_is_rather_none(names) -> None:
    inside = one_of("Riverton", "Riverton, they say, lies far from Sudland.", names)
    assert inside.best.country == "SU"
    assert sure("Ganga is a hill of Norland.", names) > 0.9
    assert sure("Ganga is a hill of Sudland.", names) < 0.5


def sure(text: str, names: NameIndex) -> float:
    """How probable the first name of a text is a place; 0 if it is left out."""
    found = [each for each in names_in(text, [names], least=0.0) if each.text in ("Ganga", "Nordstadt")]
    return sum(each.probability for each in found[0].possible) if found else 0.0


def one_of(name: str, text: str, names: NameIndex) -> Named:
    return next(each for each in names_in(text, [names]) if each.text == name)


def test_nothing_is_named_where_nothing_is(names) -> None:
    for text in (
        "",
        "   ",
        "12 345",
        "karst towers and bamboo rafts",
        "Karst towers, bamboo rafts and cormorants on a river",
    ):
        assert names_in(text, [names]) == []


def test_the_first_name_weighs_most_and_all_weights_sum_to_one(names) -> None:
    weights = [each.weight for each in names_in("Nordstadt, Riverton and Springfield", [names])]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1)


def test_a_text_of_very_many_names_is_read_in_bounded_steps(names) -> None:
    text = "They went on from Springfield to Riverton in Overmark. " * 400
    found = names_in(text, [names])
    assert len(found) == 1200
    assert {(each.text, each.best.label) for each in found if each.text == "Riverton"} == {
        ("Riverton", "Riverton, Overmark, Norland")
    }


def test_a_bare_name_describes_nothing_and_a_sentence_enough() -> None:
    def share(text: str, *names: tuple[int, int]) -> float:
        return described(words_of(text), names)

    assert share("Nordstadt", (0, 9)) == 0
    assert 0 < share("steel works in Nordstadt", (15, 24)) < 0.5
    assert share("moss and birches beside frozen lakes under grey skies near Nordstadt", (58, 67)) == 1


def test_a_text_in_capitals_or_without_them_is_read_by_its_words_alone(names) -> None:
    labels = [label for _, label in said("Nordstadt and Riverton, Sudland", names)]
    assert [label for _, label in said("NORDSTADT AND RIVERTON, SUDLAND", names)] == labels
    assert [label for _, label in said("nordstadt and riverton, sudland", names)] == labels
