"""What of a text a tower can read: the scripts of its letters against those that the tower states (``train.protocols``).

Only scripts are certain. A language is not guessed: a few words are often of several languages, and a name is of none. A tower
that reads Latin script therefore takes a text in Vietnamese, Swedish or Romanian in silence, whether it was trained on that
language or knows no more of it than names.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable

# The Unicode name of a letter begins with its script. "MODIFIER LETTER" begins the names of marks that many scripts share.
_NAME = re.compile(r"(?!MODIFIER)(.+?) (?:UNIFIED IDEOGRAPH|SMALL LETTER|LETTER|SYLLABLE|SYLLABICS|CHARACTER|SIGN)\b")
_PLAIN = {"CJK": "Han", "NKO": "N'Ko", "ORIYA": "Odia"}  # where people have another name than Unicode
_LANGUAGES = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "th": "Thai", "tr": "Turkish",
    "zh": "Chinese",
}  # fmt: skip


def unread_scripts(text: str, read: Container[str]) -> tuple[str, ...]:
    """The scripts that are not among those ``read``, the most frequent first, if more than half of the letters are of them; else
    none. They count together, because Japanese mixes three."""
    letters = Counter(unicodedata.normalize("NFKC", text).casefold())
    scripts = Counter[str]()
    for letter, count in letters.items():
        scripts[_script_of(letter)] += count
    del scripts[""]
    unread = [script for script, _ in scripts.most_common() if script not in read]
    return tuple(unread) if 2 * sum(scripts[script] for script in unread) > scripts.total() else ()


def language_names(codes: Iterable[str]) -> list[str]:
    """The English names of languages by ISO 639-1 code, sorted; a code without a name here stands for itself."""
    return sorted(_LANGUAGES.get(code, code) for code in codes)


def _script_of(character: str) -> str:
    """Its English name; empty for a character that is no letter or of no one script."""
    name = _NAME.match(unicodedata.name(character, "")) if character.isalpha() else None
    return _PLAIN.get(name[1], name[1].title()) if name else ""
