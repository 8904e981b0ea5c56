"""SQL conditions over a table's columns, as users write them: checked before Lance sees them, and combined.

Lance reads a condition as far as its grammar goes and silently ignores the rest: of `lat > 1; …`, `lat > 1 lat < 3` or `lat > 1) OR
(1 = 1` it takes `lat > 1`. Some texts (N'…', $$…$$) make it panic, and a chain of 800 `IS NULL` ends the process. A function such
as repeat('a', 1000000000) keeps it busy for half a minute, and NOT in 50 parentheses for longer than we waited. So a condition is
cut into tokens here: all must be known ones and not too many, and parentheses must match. The condition is only ever used inside
parentheses of ours, where text after a complete condition is an error. (Measured with pylance 14.0.2.)
"""

import re
from collections.abc import Collection, Iterable

from index.errors import InputError

MAX_CHARACTERS = 10_000
MAX_DEPTH = 15  # parentheses in each other: Lance's parser refuses most of 24, after a search that doubles with each
MAX_WORDS = 300  # names and operators, not the values: a chain of 400 is safe with every operator that we tried
# Only functions whose result is not much longer than their arguments.
FUNCTIONS = {
    "abs", "array_contains", "array_has", "cast", "ceil", "character_length", "coalesce", "contains", "date_part", "ends_with",
    "floor", "length", "lower", "regexp_like", "round", "split_part", "starts_with", "strpos", "trim", "try_cast", "upper",
}  # fmt: skip
_BEFORE_PARENTHESIS = {"and", "between", "is", "like", "ilike", "in", "not", "or"}
_WORD = re.compile(
    r"""\s+
    | '(?:[^']|'')*+'                                # text; a quote in it is doubled
    | `(?P<column>[^`]+)`
    | (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w'`"])
    | (?P<name>[^\W\d]\w*)(?!['`"])
    | <= | >= | <> | != | \|\| | --(?P<comment>) | /\*(?P<block>) | [=<>+\-*/%(),.\[\]]
    """,
    re.VERBOSE,
)


def checked_condition(sql: str) -> str:
    """The condition without blanks around it. Raises ``InputError``, saying what is not allowed and what to write instead."""
    sql = sql.strip()
    if not sql or len(sql) > MAX_CHARACTERS:
        raise InputError(f"a condition must have 1 to {MAX_CHARACTERS:,} characters, got {len(sql):,}")
    at, depth, words, before = 0, 0, 0, ""
    while at < len(sql):
        word = _WORD.match(sql, at)
        if word is None or word.lastgroup in ("comment", "block"):
            raise InputError(_unknown(sql, at))
        at = word.end()
        text = word.group()
        if text == "(" and before and before not in FUNCTIONS | _BEFORE_PARENTHESIS:
            raise InputError(f"a condition may not call '{before[:40]}'; functions are {', '.join(sorted(FUNCTIONS))}")
        depth += (text == "(") - (text == ")")
        if not 0 <= depth <= MAX_DEPTH:
            raise InputError(f"the parentheses of the condition '{sql[:80]}' do not match, or are more than {MAX_DEPTH} deep")
        words += bool(word.lastgroup) or not (text.isspace() or text[0] in "'.0123456789,()")
        if words > MAX_WORDS:
            raise InputError(f"a condition may have {MAX_WORDS} names and operators, this one has more; use IN for many values")
        if not text.isspace():
            before = word.group(word.lastgroup).lower() if word.lastgroup else ""
    if depth:
        raise InputError(f"the condition '{sql[:80]}' lacks {depth} closing parentheses")
    return sql


def columns_in(sql: str, among: Collection[str]) -> set[str]:
    """Those of these column names, in lower case, that a checked condition uses; in date '2024-01-31' no column is meant."""
    names = set()
    for word in _WORD.finditer(sql):
        name, follows = word.group(word.lastgroup) if word.lastgroup else "", sql[word.end() :].lstrip()
        if word.lastgroup == "column" or not follows.startswith(("'", "(")):
            names.add(name.casefold())
    return names & {each.casefold() for each in among}


def _unknown(sql: str, at: int) -> str:
    remedies = {
        ";": "give one condition, without ';'",
        '"': "write text in 'single quotes' and columns bare or in `backticks`",
        "'": "close the quote; a quote inside text is doubled, as in 'O''Brien'",
        "-": "leave comments out",
        "/": "leave comments out",
    }
    remedy = remedies.get(sql[at], "use columns, numbers, 'text', =, <>, <, >, AND, OR, NOT, IN, LIKE and BETWEEN")
    return f"cannot read the condition from {sql[at : at + 40]!r} on; {remedy}"


def text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def one_of(column: str, texts: Iterable[str]) -> str:
    """The condition that a column has one of these values; ``column`` is a name of ours, the texts may come from anyone."""
    return f"{column} IN ({', '.join(map(text_literal, texts))})"


def all_of(conditions: Iterable[str]) -> str:
    """All of these conditions at once, '' for none; each has been checked or is ours."""
    return " AND ".join(f"({condition})" for condition in conditions)
