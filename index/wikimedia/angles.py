"""Angles as people write them: decimals, degrees-minutes-seconds, hemispheres. Text and template fields -> ``Place``.

One rule everywhere: latitude comes first unless the letters say otherwise, a letter and a minus sign never go together, minutes and
seconds lie in [0, 60). What breaks a rule is refused (``InputError`` with the text as it stood), never guessed. A text with
anything left over is refused as well: the rest may say south or west.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.errors import InputError
from index.records import Place
from index.wikimedia.hemispheres import hemisphere

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
# Every sign that people use for a minus, for degrees, for minutes and for seconds.
_ALIKE = str.maketrans(
    dict.fromkeys("−–‐‑﹣－", "-") | dict.fromkeys("º˚ᵒ", "°") | dict.fromkeys("'’‘`´ʹʼ‵＇", "′") | dict.fromkeys('"”“„‟ʺ〃＂', "″")
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069\ufeff")
)  # fmt: skip
_NOTE = re.compile(r"\[[^\[\]]{0,9}\]")  # a footnote mark
_LABEL = re.compile(r"\s*[^\W\d_]{5,20}\s*:")  # "Coordinates:", "Koordinaten:"
# A comma between digits is a decimal comma, unless a neighbouring number has a point ("48.2,16.37").
_TOKEN = re.compile(
    r"(?P<number>[+-]?(?:[0-9]++,[0-9]++(?!\.[0-9]|,[0-9])|[0-9]++(?:\.[0-9]*+)?|\.[0-9]++))(?:\s*(?P<unit>°|′′|″|′))?"
    r"|(?P<spelled>\b(?:deg|degrees?|min|minutes?|sec|seconds?)\b\.?)|(?P<word>[^\W\d_]+\.?)|(?P<gap>[\s,;:/()|]+)|(?P<other>.)",
    re.IGNORECASE,
)
_UNITS = {"°": 0, "′": 1, "″": 2, "′′": 2, "d": 0, "m": 1, "s": 2}


@dataclass(frozen=True, slots=True)
class Angle:
    """Degrees, minutes and seconds as text, and 'N', 'S', 'E', 'W' or ''."""

    parts: tuple[str, ...]
    hemisphere: str = ""


def degrees(parts: Sequence[str], hemisphere: str = "") -> float:
    """Signed decimal degrees of [degrees, minutes, seconds] (the latter may be empty or absent) and 'N', 'S', 'E', 'W' or ''."""
    shown = "|".join([*parts, hemisphere] if hemisphere else parts)
    texts = [part.translate(_ALIKE).strip().rstrip("°′″").strip() for part in parts]
    if not all(_NUMBER.fullmatch(text) for text in texts if text) or not texts or not texts[0]:
        raise InputError(f"malformed coordinate '{shown}'; expected numbers for degrees, minutes and seconds")
    whole, minutes, seconds = (float(text or 0) for text in [*texts, "", ""][:3])
    negative = texts[0].startswith("-")
    if not (0 <= minutes < 60 and 0 <= seconds < 60):
        raise InputError(f"malformed coordinate '{shown}'; minutes and seconds must lie in [0, 60)")
    if (whole % 1 and (minutes or seconds)) or (minutes % 1 and seconds):
        raise InputError(f"malformed coordinate '{shown}'; only the last of degrees, minutes and seconds may have decimals")
    size = abs(whole) + minutes / 60 + seconds / 3600
    if negative and hemisphere and size:
        raise InputError(f"malformed coordinate '{shown}'; a minus sign and a hemisphere letter contradict each other")
    return -size if hemisphere.upper() in ("S", "W") or (negative and not hemisphere) else size


def place_from_fields(fields: Sequence[str]) -> Place | None:
    """A place from the fields of a coordinate in order: '51', '30', 'N', '0', '7', 'W' or '51.5', '-0.12', then 'key:value's.

    None where there is no digit (an empty form). The rules are those of Wikipedia's Module:Coordinates, longitude first included.
    Raises ``InputError``: malformed or out of range.
    """
    fields = [field.strip() for field in fields]
    letters = [hemisphere(field) for field in fields[:8]]
    ends = [position for position, letter in enumerate(letters) if letter]
    numbers = fields[: ends[-1]] if ends else fields[:2]
    if not any(character.isdigit() for field in numbers for character in field):
        return None
    shown = "|".join(fields[:9])
    if not ends:
        further = [field for field in fields[2:] if field and not re.search("[:_=]", field)]
        if len(fields) < 2 or not fields[1] or further:
            raise InputError(f"malformed coordinate '{shown}'; expected two decimal numbers, or letters N/S and E/W")
        return Place(lat=degrees(fields[:1]), lon=degrees(fields[1:2]))
    if len(ends) != 2 or not 1 <= ends[0] <= 3 or not 2 <= ends[1] - ends[0] <= 4:
        raise InputError(f"malformed coordinate '{shown}'; expected one of N/S and one of E/W, each after its numbers")
    first, second = ends
    return _place_of(Angle(tuple(fields[:first]), letters[first]), Angle(tuple(fields[first + 1 : second]), letters[second]), shown)


def place_from_axes(lat: str, lon: str) -> Place | None:
    """A place from one field for each axis, as de.wikipedia writes them: '52/31/12/N' (parts may be empty) or '-33.86'.

    None where neither has a digit. Raises ``InputError``: malformed, out of range, or only one of the two.
    """
    there = [any(character.isdigit() for character in field) for field in (lat, lon)]
    if not any(there):
        return None
    if not all(there):
        raise InputError(f"malformed coordinate '{lat}|{lon}'; expected a latitude and a longitude")
    return Place(lat=_axis(lat, "NS"), lon=_axis(lon, "EW"))


def _axis(field: str, letters: str) -> float:
    parts = [part.strip() for part in field.split("/")]
    named = parts.pop() if parts[-1].isalpha() else ""
    letter = hemisphere(named) if named else ""
    if letter not in ("", *letters) or bool(named) != bool(letter) or len(parts) > 3:
        raise InputError(
            f"malformed coordinate '{field}'; expected degrees/minutes/seconds/{letters[0]} or {letters[1]}, or a decimal"
        )
    return degrees(parts, letter)


def place_from_text(text: str) -> Place | None:
    """A place from a text that is a coordinate, such as ``51°30′26″N 0°7′39″W``, ``N 51° E 7°`` or ``51.507, -0.128``.

    None where there is no digit. Of several notations in a row, as Wikipedia shows them ("… / 51.5°N 0.13°W"), the first is taken.
    Raises ``InputError``: malformed, out of range, or with anything besides the coordinate.
    """
    first = _LABEL.sub("", _plain(text).split("/")[0], count=1)
    if not any(character.isdigit() for character in first):
        return None
    angles = _angles(first)
    if len(angles) != 2:
        raise InputError(f"malformed coordinate '{first.strip()[:80]}'; expected two decimal numbers, or one of N/S and one of E/W")
    return _place_of(angles[0], angles[1], first.strip()[:80])


def place_at_end(text: str) -> Place | None:
    """The same for a text that ends with its coordinate: ``Accra, Ghana 5.5°N 0.25°W``."""
    plain = _plain(text).split("/")[0]
    begins = re.search(r"(?:\b[^\W\d_]{1,9}\.?\s*)?[+-]?\.?[0-9]", plain)
    if begins is None:
        return None
    word = re.match(r"[^\W\d_]+", begins[0])
    return place_from_text(
        plain[begins.start() if word and hemisphere(word[0]) else begins.start() + (word.end() if word else 0) :]
    )


def angle_from_text(text: str) -> Angle:
    """One axis: ``34.5° North``, ``S 33° 52′``. Raises ``InputError`` where it is not exactly one angle."""
    plain = _plain(text)
    angles = _angles(plain)
    if len(angles) != 1:
        raise InputError(f"malformed coordinate '{plain.strip()[:80]}'; expected numbers for degrees, minutes and seconds")
    return angles[0]


def _plain(text: str) -> str:
    return _NOTE.sub(" ", html.unescape(text).translate(_ALIKE))


def _angles(text: str) -> list[Angle]:
    """All angles of a text: those that a letter ends or begins, else one for each number or degree sign."""
    tokens = _tokens(text)
    if not tokens:
        return []
    if not any(isinstance(each, str) for each in tokens):
        return _without_letters([each for each in tokens if isinstance(each, tuple)])
    if isinstance(tokens[0], str):  # letters first: the same, read backwards
        if isinstance(tokens[-1], str):
            raise InputError(f"malformed coordinate '{text.strip()[:80]}'; a hemisphere stands without its number")
    elif not isinstance(tokens[-1], str):
        raise InputError(f"malformed coordinate '{text.strip()[:80]}'; expected one of N/S and one of E/W, each after its numbers")
    angles, numbers, letter = [], list[tuple[str, int | None]](), ""
    for token in [*tokens, ""] if isinstance(tokens[0], str) else tokens:
        if isinstance(token, tuple):
            numbers.append(token)
            continue
        if numbers:
            angles.append(Angle(_parts(numbers), letter if isinstance(tokens[0], str) else token))
        elif letter or not isinstance(tokens[0], str):
            raise InputError(f"malformed coordinate '{text.strip()[:80]}'; a hemisphere stands without its number")
        numbers, letter = [], token
    return angles


def _tokens(text: str) -> list[str | tuple[str, int | None]]:
    """Hemisphere letters, and numbers with the slot their unit gives them. Raises ``InputError`` for anything else."""
    tokens: list[str | tuple[str, int | None]] = []
    for found in _TOKEN.finditer(text):
        if found["number"]:
            tokens.append((found["number"].replace(",", "."), _UNITS.get(found["unit"] or "")))
        elif found["spelled"] and tokens and isinstance(tokens[-1], tuple) and tokens[-1][1] is None:
            tokens[-1] = (tokens[-1][0], _UNITS[found["spelled"][0].lower()])
        elif found["word"] and (letter := hemisphere(found["word"])):
            tokens.append(letter)
        elif not found["gap"]:
            raise InputError(f"malformed coordinate '{text.strip()[:80]}'; '{found[0][:20]}' is not part of one")
    return tokens


def _without_letters(numbers: list[tuple[str, int | None]]) -> list[Angle]:
    """Two decimals, or angles that each begin with a degree sign."""
    if any(unit not in (None, 0) for _, unit in numbers):
        begins = [at for at, (_, unit) in enumerate(numbers) if unit == 0]
        if not begins or begins[0]:
            raise InputError("malformed coordinate; minutes or seconds stand before the degrees")
        return [Angle(_parts(numbers[at:end])) for at, end in zip(begins, [*begins[1:], len(numbers)], strict=True)]
    return [Angle((number,)) for number, _ in numbers]


def _parts(numbers: Sequence[tuple[str, int | None]]) -> tuple[str, ...]:
    """Each number in the slot of its unit, else in the next one."""
    parts = ["", "", ""]
    slot = 0
    for number, unit in numbers:
        at = slot if unit is None else unit
        if at < slot or at > 2 or (not slot and at):
            raise InputError(
                f"malformed coordinate '{' '.join(each for each, _ in numbers)}'; expected degrees, minutes and seconds"
            )
        parts[at], slot = number, at + 1
    return tuple(parts)


def _place_of(first: Angle, second: Angle, shown: str) -> Place:
    """Latitude first unless the letters say otherwise."""
    letters = first.hemisphere + second.hemisphere
    if letters and (len(letters) != 2 or (letters[0] in "NS") == (letters[1] in "NS")):
        raise InputError(f"malformed coordinate '{shown}'; expected one of N/S and one of E/W")
    angles = degrees(first.parts, first.hemisphere), degrees(second.parts, second.hemisphere)
    lat, lon = angles[::-1] if letters[:1] in ("E", "W") else angles
    return Place(lat=lat, lon=lon)


def globe_in(fields: Sequence[str]) -> str:
    """The globe that one of the fields names ("globe:moon_type:landmark"), or ''."""
    return next((found[1] for each in fields if (found := re.search(r"globe:([a-z]+)", each, re.IGNORECASE))), "")


def check_globe(globe: str) -> None:
    """Raises ``InputError`` for the moon, Mars and all other globes than ours; '' is Earth."""
    name = globe.strip().lower()
    if name not in ("", "earth"):
        raise InputError(f"the coordinate is on another globe ({name[:20]}), not on Earth")
