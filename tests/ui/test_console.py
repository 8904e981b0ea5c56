"""Text from outside reaches the terminal as text: no commands to it, no markup, nothing that turns the rest around."""

import json

import pytest

from index.errors import InputError
from index.records import Hit, Place
from retrieval.answer import Answer
from retrieval.asking.question import Question
from retrieval.ranking.explain import Contribution, Explanation, Prototype
from ui.cli.tables import print_answer
from ui.console import ProgressBars, out, plain, print_json, remark

RED, CSI, CLEAR, TITLE = "\x1b[31m", "\x9b31m", "\x1b[2J", "\x1b]0;gotcha\x07"
EVIL = f"Rome {RED}{CSI}{CLEAR}{TITLE}\r\n\u202egnp.exe [bold]not bold[/] :warning: \u2028 end"
HERE = Place(lat=41.9, lon=12.5)


def hit(**more: str) -> Hit:
    return Hit(rank=1, modality="articles", id="0" * 32, title="Rome", place=HERE, score=0.5, percentile=99.0, **more)


def commands_in(text: str) -> set[str]:
    return {each for each in text if each != "\n" and (ord(each) < 32 or 127 <= ord(each) < 160 or each in "\u2028\u202e")}


def test_text_is_shown_in_one_line_without_commands_and_scripts_are_kept() -> None:
    assert commands_in(plain(EVIL)) == set()
    assert "\n" not in plain(EVIL)
    for text in ("Київ", "ירושלים", "می‌خواهم", "👩‍🚀 東京", "Île-d'Arz"):
        assert plain(text) == text


def test_an_answer_with_hostile_titles_texts_links_and_question_is_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Hit(rank=1, modality="articles", id="0" * 32, title=EVIL, place=HERE, score=0.5, url=f"https://{EVIL}", snippet=EVIL)
    near = Prototype("1" * 32, EVIL, HERE, 12.0, 0.64)
    why = Explanation((Contribution(EVIL, 1.0, 0.5, 0.5),), near)
    print_answer(Answer(Question.of(EVIL), HERE, {"articles": [shown]}, why={shown.id: why}))
    printed = capsys.readouterr().out
    assert commands_in(printed) == set()
    assert "[bold]not bold[/] :warning:" in printed.replace("\n", "")


def test_an_explained_hit_says_what_speaks_for_it_and_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    parts = (Contribution("ruins", 1.0, 0.5, 0.412), Contribution("snow", -0.5, 0.1, -0.031), Contribution("sea", 0.0, 0.1, 0.0))
    why = Explanation(parts, Prototype("1" * 32, "Vatican City", HERE, 3.4, 0.64))
    print_answer(Answer(Question.of("ruins"), HERE, {"articles": [hit()]}, why={"0" * 32: why}))
    said = " ".join(capsys.readouterr().out.split())
    assert "why: ruins +0.412, not snow -0.031; nearest named place Vatican City, 3 km, cosine 0.640" in said
    assert "sea" not in said, "it did not count"


def test_an_answer_that_was_not_explained_says_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer(Answer(Question.of("ruins"), HERE, {"articles": [hit()]}))
    assert "why" not in capsys.readouterr().out


def test_json_keeps_everything_and_escapes_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"title": EVIL + "\x7f\ud800", "other": "ירושלים"}
    print_json(value)
    printed = capsys.readouterr().out
    assert commands_in(printed) == set()
    assert json.loads(printed) == value
    assert "ירושלים" in printed


def test_remarks_and_errors_are_cleaned_too(run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    remark(EVIL)
    assert commands_in(capsys.readouterr().err) == set()

    def refuse() -> None:
        raise InputError(EVIL)

    monkeypatch.setattr("ui.cli.main.app", refuse)
    code, _, err = run("search")
    assert code == 2
    assert commands_in(err) == set()
    assert len(err.splitlines()) == 1


def test_the_names_of_emoji_are_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    out.print(plain("at 10:up:30"))
    assert capsys.readouterr().out == "at 10:up:30\n"


def test_without_a_terminal_long_work_says_every_half_minute_how_far_it_is_and_how_long_it_takes(capsys):
    now = [0.0]
    with ProgressBars(clock=lambda: now[0]) as bars:
        bars.start("probe", 400)
        for second in range(1, 101):
            now[0] = float(second)
            bars.advance(2)
        bars.start("read", None)
        now[0] = 131.0
        bars.advance(7)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "probe (400 in all)",
        "probe: 60 of 400, about 3 min left",
        "probe: 120 of 400, about 2 min left",
        "probe: 180 of 400, about 2 min left",
        "read",
        "read: 7 so far",
    ]
