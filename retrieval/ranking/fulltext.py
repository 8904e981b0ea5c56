"""Words instead of meaning: BM25 over titles and texts by Lance, in rows of a snapshot, to be fused with vector hits.

Vectors find similar texts and miss names; words find names and miss paraphrases (``retrieval.ranking.fuse``).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CatalogueError, InputError, writing
from index.records import MODALITIES, Modality
from index.search.snapshot import Snapshot
from index.store.catalogue import Catalogue
from index.store.upkeep import extend_indexes
from retrieval.ranking.widen import widen

COLUMNS: dict[Modality, tuple[str, ...]] = {"articles": ("title", "text"), "tiles": ("title",), "locations": ("title",)}
QUERY_CHARACTERS = 1000  # of a query; time grows with the number of words: 100 take 0.2 s among 20,000 articles
Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def build_text_index(catalogue: Catalogue) -> dict[Modality, tuple[str, ...]]:
    """Index the words of every table that has rows, and of later rows; returns the columns by modality.

    An empty table is left alone: an index over no rows misses those that come (github.com/lance-format/lance/issues/4780).
    """
    present = [modality for modality in MODALITIES if catalogue.count(modality)]
    for modality in present:
        table = catalogue.table(modality)
        indexed = _indexed(table.to_lance())
        for column in COLUMNS[modality]:
            if column not in indexed:
                with writing(f"the words of the {modality} could not be indexed"):
                    table.create_index(column, config=_words(), replace=True)
        extend_indexes(catalogue, modality)
    return {modality: COLUMNS[modality] for modality in present}


def text_hits(snapshot: Snapshot, query: str, n: int, rows: Rows | None = None) -> tuple[Rows, Scores]:
    """The ``n`` rows that fit the words of a query best, of all or of the rows in ``rows`` (sorted), with their BM25: ([n'], [n']).

    A row need hold only one of the words; n' < n only where no more do. Any text is a query without syntax; only the first 1,000
    characters count. BM25 of title and text are added. Raises ``InputError`` for an empty query, ``CatalogueError``
    without an index of words at the snapshot's version, and if that version was cleaned away.
    """
    if not query.strip():
        raise InputError("the query text is empty; say what to look for")
    with snapshot.reading():
        indexed, count = _indexed(snapshot.dataset), int(snapshot.dataset.count_rows())
    if not indexed.issuperset(COLUMNS[snapshot.modality]):
        raise CatalogueError(
            f"the words of the {snapshot.modality} are not indexed; run `placebind index build` and open the space again"
        )

    def find(wanted: int) -> tuple[Rows, Scores]:
        found, scores = _search(snapshot, query, wanted)
        keep = (found >= 0) if rows is None else np.isin(found, rows)
        return found[keep][:n], scores[keep][:n]

    if n < 1:
        raise InputError(f"the number of hits must be at least 1, got {n}")
    return widen(find, n, max(1, count), lambda found: len(found[0]) == n)


def _search(snapshot: Snapshot, query: str, n: int) -> tuple[Rows, Scores]:
    """The ``n`` best of the whole table, best first, ties by id; row -1 for a record that has no vector."""
    from lance.query import BooleanQuery, MatchQuery, Occur

    words = " ".join(dict.fromkeys(query[:QUERY_CHARACTERS].split())).encode("utf-8", "replace").decode()
    either = BooleanQuery([(Occur.SHOULD, MatchQuery(words, column)) for column in COLUMNS[snapshot.modality]])
    with snapshot.reading():
        found = snapshot.dataset.to_table(columns=["id", "_score"], full_text_query=either, limit=n)
    found = found.sort_by([("_score", "descending"), ("id", "ascending")])
    rows = np.array([_row_of(snapshot, id_) for id_ in found["id"].to_pylist()], dtype=np.int64)
    return rows, found["_score"].to_numpy().astype(np.float32)


def _row_of(snapshot: Snapshot, id_: str) -> int:
    try:
        return int(snapshot.row_of([id_])[0])
    except CatalogueError:  # written after the vectors were; it still waits for its own
        return -1


def _indexed(dataset: Any) -> set[str]:
    """The columns with an index of words."""
    return {each.field_names[0] for each in dataset.describe_indices() if each.index_type == "Inverted"}


def _words() -> Any:
    """Words of any script (ICU, also Chinese and Japanese), without case and accents, stems of English. Common words stay:
    BM25 hardly counts them, and 'The Wash' is a place."""
    from lancedb.index import FTS

    return FTS(base_tokenizer="icu/split", stem=True, remove_stop_words=False)
