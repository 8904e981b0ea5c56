"""An answer shows itself in a notebook."""

from index.records import Hit, Place
from retrieval.answer import Answer
from retrieval.asking.question import Question


def hit(title: str, url: str) -> Hit:
    return Hit(
        rank=1, modality="articles", id="0" * 32, title=title, place=Place(lat=48, lon=16), score=0.5, percentile=99.0,
        distance_km=1234.5, url=url, country="", snippet="",
    )  # fmt: skip


def test_a_notebook_shows_what_was_asked_and_the_hits() -> None:
    shown = Answer(Question.of("salt <flat>"), None, {"articles": [hit("Uyuni", "https://example.org/?a=1&b=2")]}, notes=("read",))
    html = shown._repr_html_()
    assert "<p>salt &lt;flat&gt;<br>read</p>" in html
    assert '<td><a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">Uyuni</a></td>' in html
    assert "<td>1,234</td>" in html


def test_titles_and_addresses_of_a_catalogue_are_no_code() -> None:
    html = Answer(Question.of("x"), None, {"articles": [hit("<script>", "javascript:alert(1)")]})._repr_html_()
    assert "<script" not in html
    assert "javascript" not in html
