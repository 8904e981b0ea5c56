"""What a person should know before trusting an answer: which texts of the question the model cannot read.

``retrieval.asking.sentence`` has the notes on what was read as what.
"""

from collections.abc import Iterable, Sequence

from train.queries.encoders import Reads
from train.text.reading import language_names, unread_scripts

SHOWN_CHARACTERS = 60


def reading_notes(texts: Iterable[str], reads: Reads | None) -> tuple[str, ...]:
    """A sentence for each text that is mostly in scripts that the text tower does not read; none if it does not say what it
    reads."""
    if reads is None:
        return ()
    languages = _listed(language_names(reads.languages), "or")
    unread = [(text, scripts) for text in texts if (scripts := unread_scripts(text, reads.scripts))]
    return tuple(
        f"The model does not read {_listed(scripts, 'and')} script{'s' * (len(scripts) > 1)} "
        f"(in '{' '.join(text[:SHOWN_CHARACTERS].split())}'); ask in {languages} instead."
        for text, scripts in unread
    )


def _listed(names: Sequence[str], last: str) -> str:
    """'a, b and c'."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
