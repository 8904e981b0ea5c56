"""The hemisphere that a letter or a word names, in the languages of the Wikipedias that are read."""

import unicodedata

from index.errors import InputError

# After folding: lower case, without accents (süd -> sud, öst -> ost), without a full stop at the end.
_WORDS = {
    "N": "n north northern nord norden norte noord norr nordlich",
    "S": "s south southern sud sued suden sur sul zuid syd soder sudlich",
    "E": "e east eastern est este leste ost osten oost oster ostlich",
    "W": "w west western westen ouest oeste ovest vast vest vaster westlich",
}
_LETTER = {word: letter for letter, words in _WORDS.items() for word in words.split()}


def hemisphere(word: str) -> str:
    """'N', 'S', 'E' or 'W' for what a letter or a word in any of these languages means; '' for any other word.

    Raises ``InputError`` for a lone 'O': it is Ost in German and Ouest, oeste or ovest in French, Spanish, Portuguese and Italian.
    """
    word = word.strip().rstrip(".").lower()
    if word in ("ö", "ø"):  # Swedish and Danish: öst, øst
        return "E"
    if word == "o":
        raise InputError("malformed coordinate: 'O' is east in German and west in French or Spanish; write E or W")
    return _LETTER.get(
        "".join(each for each in unicodedata.normalize("NFD", word.replace("ø", "o")) if not unicodedata.combining(each)), ""
    )
