"""Conditions in SQL: what is a single whole condition passes, everything that Lance would misread is refused before it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.search.sql import MAX_CHARACTERS, MAX_DEPTH, MAX_WORDS, all_of, checked_condition, one_of
from tests.worlds import article, catalogue_with

TITLES = ["plain", "O'Brien", "semi;colon", "dash -- dash", "(", "back\\", 'double "quotes"', "`ticks`", "ünïcödé /* x */"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("sql")
    records = [article(title, lat=number) for number, title in enumerate(TITLES)]
    return catalogue_with(folder, articles=records).table("articles").to_lance()


def titles(dataset: Any, sql: str) -> set[str]:
    return set(dataset.to_table(columns=["title"], filter=sql)["title"].to_pylist())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("lat >= 7", TITLES[7:]),
        ("lat BETWEEN 1 AND 2 OR (NOT lat < 8)", [TITLES[1], TITLES[2], TITLES[8]]),
        ("title = 'O''Brien'", ["O'Brien"]),
        ("title IN ('semi;colon', 'dash -- dash', '(')", ["semi;colon", "dash -- dash", "("]),
        ("title = 'back\\'", ["back\\"]),
        ("`title` LIKE '%``%' OR lower(title) = 'PLAIN' OR starts_with(title, 'pl')", ["plain"]),
        ("lat + 1.5e0 * 2 = 4 AND country IS NOT NULL", [TITLES[1]]),
        ("cast(lat AS int) % 4 = 3", [TITLES[3], TITLES[7]]),
    ],
)
def test_conditions_as_users_write_them_pass_unchanged_and_mean_what_they_say(dataset: Any, sql: str, expected: list[str]) -> None:
    assert checked_condition(f"  {sql}\n") == sql
    assert titles(dataset, all_of([sql, "1 = 1"])) == set(expected)


@pytest.mark.parametrize(
    ("sql", "remedy"),
    [
        ("lat > 7; DROP TABLE articles", "without ';'"),
        ("lat > 7) OR (1 = 1", "do not match"),
        ("(lat > 7)) OR ((1 = 1)", "do not match"),
        ("(lat > 7", "lacks 1 closing"),
        ("lat > 7 -- and so on", "leave comments out"),
        ("lat > 7 /* and so on */", "leave comments out"),
        ('title = "plain"', "'single quotes'"),
        ("title = 'plain", "close the quote"),
        ("title = N'plain'", "cannot read"),
        ("title = $$plain$$", "cannot read"),
        ("title = E'plain'", "cannot read"),
        ("lat > 7\0", "cannot read"),
        ("repeat('a', 1000000000) = title", "may not call 'repeat'"),
        ("`repeat`('a', 1000000000) = title", "may not call 'repeat'"),
        ("id IN (SELECT (id) FROM articles)", "may not call 'select'"),
        ("(" * 16 + "lat > 7" + ")" * 16, "15 deep"),
        ("lat = 1" + " IS NULL" * 800, "300 names and operators"),
        ("", "1 to 10,000 characters"),
        ("lat > 7" + " OR lat > 7" * 1000, "1 to 10,000 characters"),
    ],
)
def test_what_lance_would_misread_is_refused_with_the_remedy(sql: str, remedy: str) -> None:
    with pytest.raises(InputError) as refused:
        checked_condition(sql)
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_follows_a_complete_condition_is_an_error_and_not_ignored(dataset: Any) -> None:
    assert titles(dataset, "lat > 7 lat < 3") == {TITLES[8]}, "if this fails, Lance has learnt to read to the end"
    with pytest.raises(ValueError, match="parser error"):
        titles(dataset, all_of([checked_condition("lat > 7 lat < 3")]))


@given(st.text(max_size=40))
def test_no_text_breaks_out_of_a_literal(dataset: Any, text: str) -> None:
    titled = text.replace("\0", "")
    assert titles(dataset, all_of([one_of("title", [titled])])) == {titled} & set(TITLES)


@given(st.lists(st.sampled_from(["(", ")", "'", "''", "--", ";", "lat", ">", "1", " ", "OR", "`", '"', "title", "=", "/*", "\\"])))
def test_a_checked_condition_never_widens_what_stands_beside_it(dataset: Any, words: list[str]) -> None:
    try:
        condition = checked_condition("".join(words))
        found = titles(dataset, all_of([condition, "lat = 3"]))
    except (InputError, ValueError):
        return
    assert found <= {TITLES[3]}


@pytest.mark.parametrize(
    "sql",
    [
        "NOT (" * MAX_DEPTH + "lat <> 1" + ")" * MAX_DEPTH,
        "lat=1" + " OR lat=1" * ((MAX_WORDS - 2) // 3),
        "lat = 1" + " + 0" * (MAX_WORDS - 2),
        "(lat = 1)" + " IS NOT FALSE" * ((MAX_WORDS - 2) // 3),
        "lat IN (" + "9," * (MAX_CHARACTERS // 2 - 10) + "1)",
    ],
)
def test_the_longest_and_deepest_conditions_let_through_do_not_overwhelm_lance(dataset: Any, sql: str) -> None:
    assert titles(dataset, all_of([checked_condition(sql)])) == {TITLES[1]}
