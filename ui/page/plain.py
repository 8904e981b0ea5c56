"""Foreign text for Streamlit's messages, labels and captions, which are all Markdown: nothing in it becomes markup.

Errors quote text from a link, a file or a record. As Markdown it could be a live link, or a picture that the browser fetches.
"""

import re

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Addresses, mail addresses and names such as :smile: are recognised in the text after the backslashes are removed. A word joiner,
# which has no width, keeps them apart.
_JOINTS = re.compile(r"(?<=:)(?=[\w/+-])|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def code(text: str) -> str:
    """Markdown that shows a command as it is, to be copied: between more backticks than it has in a row."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"  # Markdown removes one space on either side


def plain(text: str, most_characters: int | None = None) -> str:
    """One line of Markdown that shows the text as it is, at most so many characters. Invalid characters are shown as '?'."""
    line = " ".join(text.encode(errors="replace").decode().split())
    if most_characters is not None and len(line) > most_characters:
        line = f"{line[: most_characters - 1]}…"
    return _PUNCTUATION.sub(r"\\\1", _JOINTS.sub(_WORD_JOINER, line))
