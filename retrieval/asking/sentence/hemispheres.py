"""North, south, east and west as people write them beside a number of degrees, in several languages.

A letter that means different things in two languages is no hemisphere: 'O' is east in German (Ost) and west in Spanish (oeste),
Italian, French and Portuguese.
"""

import re

NORTH, SOUTH, EAST, WEST = ("lat", 1), ("lat", -1), ("lon", 1), ("lon", -1)
Hemisphere = tuple[str, int]  # the axis and the sign

_WORDS: dict[Hemisphere, str] = {
    NORTH: "north|nord|norte|noord|norr|kuzey|n\\. ?br\\.|nördliche[r]? breite|noorderbreedte|с\\. ?ш\\.|с|север|北緯|北纬",
    SOUTH: "south|süd|sued|sud|sur|sul|zuid|syd|güney|s\\. ?br\\.|südliche[r]? breite|zuiderbreedte|ю\\. ?ш\\.|ю|юг|南緯|南纬",
    EAST: "east|ost|est|este|leste|oost|öst|øst|doğu|ö\\. ?l\\.|östliche[r]? länge|oosterlengte|в\\. ?д\\.|в|восток|東経|东经",
    WEST: "west|ouest|oeste|ovest|väst|vest|batı|w\\. ?l\\.|westliche[r]? länge|westerlengte|з\\. ?д\\.|з|запад|西経|西经",
}
_LETTERS = {"N": NORTH, "S": SOUTH, "E": EAST, "W": WEST}
UNCLEAR = "O"
# Longest first, so that 'n. Br.' is not read as the letter. What follows a letter or word must not go on with it.
# In a verbose pattern a blank has to be in brackets.
_ALL = sorted((each.replace(" ", "[ ]") for words in _WORDS.values() for each in words.split("|")), key=len, reverse=True)
PATTERN = rf"(?:(?:{'|'.join(_ALL)}|[NSEWO])(?![^\W\d_]))"


def hemisphere_of(text: str) -> Hemisphere | None:
    """None for 'O', which is unclear."""
    return next((each for each, words in _WORDS.items() if re.fullmatch(words, text, re.IGNORECASE)), _LETTERS.get(text.upper()))


def is_word(text: str) -> bool:
    """Whether it is more than the letter, which in small is many a word and unit."""
    return len(text) > 1 or not text.isascii()
