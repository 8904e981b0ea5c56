import pytest

from ui.page.plain import code, plain


def test_punctuation_is_escaped_and_lines_become_one() -> None:
    assert plain("# a\n\n    *b*\n===") == r"\# a \*b\* \=\=\="


@pytest.mark.parametrize(
    "text", ["http://a.example", "HTTPS://a.example", "www.a.example", "WWW.a.example", "a@b.example", ":smile:"]
)
def test_what_markdown_finds_in_text_without_any_markup_is_taken_apart_by_a_joiner_of_no_width(text) -> None:
    shown = plain(text).replace("\\", "")
    assert shown != text
    assert shown.replace("\u2060", "") == text


def test_a_sentence_has_no_joiners() -> None:
    assert "\u2060" not in plain("dates: expected 2021-06-01/2021-08-31, got C:\\x; run placebind search")


def test_half_a_character_is_shown_as_a_question_mark_for_no_page_could_send_it() -> None:
    assert plain("a\ud800b") == r"a\?b"


def test_long_text_ends_in_dots() -> None:
    assert plain("W" * 100, 10) == "W" * 9 + "…"
    assert plain("W" * 10, 10) == "W" * 10


def test_a_command_stands_between_more_backticks_than_it_has_itself() -> None:
    assert code("ls") == "` ls `"
    assert code("ls ``x`") == "``` ls ``x` ```"
