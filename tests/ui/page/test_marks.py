import json

from index.records import Place
from ui.page.map import MOST_MARKS, Mark, _Marks

HOSTILE = "</script>`${alert(1)}\\\"'\n{{ x }}"


def test_no_character_of_a_label_can_end_the_text_that_it_stands_in() -> None:
    ((lat, lon, radius, colour, label),) = json.loads(_Marks([Mark(Place(lat=1, lon=2), "articles", HOSTILE)]).marks)
    assert (lat, lon, radius, colour) == (1, 2, 6, "#4cc9f0")
    assert not set(label) & set("<>`$\\{}\"'\n")


def test_all_marks_are_drawn_by_one_script() -> None:
    script = _Marks([Mark(Place(lat=row % 80, lon=row), "locations", f"{row}") for row in range(100)])
    assert len(json.loads(script.marks)) == 100 <= MOST_MARKS
