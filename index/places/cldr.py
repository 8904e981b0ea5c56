"""What CLDR (Unicode License) says of countries and continents in many languages, by babel, which takes half a second to read it.

It is written once into the user's cache, for each version of babel.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

from index.errors import CatalogueError
from index.files import cache_folder, made_whole

# The first is preferred where a name means different countries in two languages.
LANGUAGES = (
    "en", "ar", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nb", "nl", "pl", "pt",
    "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip
# The numbers of the United Nations, under which CLDR has the names of continents.
UN_NUMBERS = {"Africa": "002", "Asia": "142", "Europe": "150", "North America": "003", "Oceania": "009", "South America": "005"}
_OF_CLDR = ("AC", "CP", "DG", "EU", "QO", "TA", "UN", "XA", "XB", "ZZ")  # its own: the UN, the EU, the high seas, single islands


def countries(language: str) -> dict[str, str]:
    """Names by ISO 3166-1 code of two letters."""
    found: dict[str, str] = _read()["countries"][language]
    return found


def continents(language: str) -> dict[str, str]:
    """Names by ``UN_NUMBERS``, as far as the language has them, and by AQ that of Antarctica."""
    found: dict[str, str] = _read()["continents"][language]
    return found


def longer_codes() -> dict[str, str]:
    """ISO 3166-1 codes of two letters by those of three, if only one country had them."""
    found: dict[str, str] = _read()["longer"]
    return found


@cache
def _read() -> dict[str, Any]:
    key = hashlib.blake2b(repr((version("babel"), LANGUAGES, UN_NUMBERS, _OF_CLDR)).encode(), digest_size=8).hexdigest()
    path = cache_folder() / "cldr" / f"{key}.json"
    with suppress(OSError, ValueError):  # none yet, or a damaged one
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return known
    made = _ask_babel()
    with suppress(CatalogueError), made_whole(path) as partial:  # a cache that cannot be written costs time only
        partial.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return made


def _ask_babel() -> dict[str, Any]:
    from babel import Locale
    from babel.core import get_global

    aliases = {each: codes for each, codes in get_global("territory_aliases").items() if len(each) == 3 and each.isalpha()}
    wanted = {codes[0] for codes in aliases.values() if len(codes[0]) == 2}.difference(_OF_CLDR)
    names = {language: Locale(language).territories for language in LANGUAGES}
    numbers = (*UN_NUMBERS.values(), "AQ")
    return {
        "countries": {language: {code: name for code, name in each.items() if code in wanted} for language, each in names.items()},
        "continents": {
            language: {number: each[number] for number in numbers if number in each} for language, each in names.items()
        },
        "longer": {each: codes[0] for each, codes in aliases.items() if len(codes) == 1},
    }
