"""Nearly exact search with a byte for each number: a quarter of the memory of float32, and no training.

All rows are compared by codes of 8 bits (FAISS' scalar quantizer, with a range for each dimension); the best candidates get their
exact cosines from the snapshot, whose float32 vectors stay on disk. docs/scaling.md has its memory and recall beside the others'.
"""

from typing import Any

from pydantic import Field

from index.search.backends.exact import ExactSearch
from index.search.backends.faiss import FLAT_BELOW_ROWS, FaissSearch
from index.search.backends.faiss import Options as FaissOptions
from index.search.snapshot import Snapshot
from index.settings import Settings

FACTORY = "SQ8"  # FAISS' name for it, and that of its file


class Options(Settings):
    """``refine``: how many candidates for each hit get exact cosines."""

    refine: int = Field(default=10, ge=1)


def build(*, snapshot: Snapshot, **options: Any) -> "Int8Search | ExactSearch":
    """Opens the saved codes, or makes them; exact where there are few rows. Raises ``MissingExtraError`` without FAISS."""
    chosen = Options.parse(options, where="int8")
    if len(snapshot) < FLAT_BELOW_ROWS:
        return ExactSearch(snapshot)
    return Int8Search(snapshot, FaissOptions(refine=chosen.refine, gpu=False), FACTORY)


class Int8Search(FaissSearch):
    """A class of its own, so that answers name the way that they were found by."""
