"""Approximate search with LanceDB's own index inside the table: the vectors stay on disk or in the object store.

IVF_RQ: partitions of vectors, in them RaBitQ codes of one bit a dimension (Gao and Long, arXiv 2405.12497). The table answers with
more candidates than asked for, in the order of their codes; their exact cosines come from the snapshot, which saves LanceDB from
reading the vectors again (its own ``refine_factor``). ``build_index`` makes the index; a small table needs none.
"""

import math
from typing import Any

import numpy as np
from pydantic import Field

from index.errors import CatalogueError, writing
from index.records import Modality
from index.search.backends._ranking import Vectors, check_queries, rank
from index.search.backends.exact import ExactSearch
from index.search.snapshot import Rows, Snapshot
from index.settings import Settings
from index.store.catalogue import Catalogue
from index.store.vector_column import VECTOR
from index.store.vectors import manifest_of, not_indexed

FLAT_BELOW_ROWS = 20_000  # one matrix product is faster than any search in the table
_EXACT_BELOW_SHARE = 0.05  # a filter that leaves less is answered exactly: LanceDB's prefilter loses hits there (FACTS: recall .58)
_DIM_STEP = 8  # IVF_RQ packs one bit a dimension into bytes
_MARGIN = 1.5  # candidates asked for beyond what a filter leaves on average
_GROWTH = 4


class Options(Settings):
    """``nprobe``: partitions searched. ``refine``: candidates for each hit; if not given, 10, and 20 from a million rows on."""

    nprobe: int = Field(default=20, ge=1)
    refine: int | None = Field(default=None, ge=1)


def build(*, snapshot: Snapshot, **options: Any) -> "LanceSearch | ExactSearch":
    """Exact where the table is small or has no index at the snapshot's version (``build_index`` makes one, then open it again)."""
    chosen = Options.parse(options, where="lancedb")
    if len(snapshot) < FLAT_BELOW_ROWS or snapshot.catalogue is None:
        return ExactSearch(snapshot)
    with snapshot.reading():
        return LanceSearch(snapshot, chosen) if has_index(snapshot.table) else ExactSearch(snapshot)


def build_index(catalogue: Catalogue, modality: Modality) -> bool:
    """Make the table's indexes: BTREE on lat and lon, and IVF_RQ on the vectors if there are enough; returns whether there are.

    Built in a new version of the table and committed at the end. Raises ``CatalogueError`` if the table has no finished vectors.
    """
    from lancedb.index import BTree, IvfRq

    table, manifest = catalogue.table(modality), manifest_of(catalogue, modality)
    if manifest is None:
        raise not_indexed(catalogue, modality)
    for column in ("lat", "lon"):
        with writing(f"the {modality} could not be indexed"):
            table.create_index(column, config=BTree(), replace=True)
    if table.count_rows(f"{VECTOR} IS NOT NULL") < FLAT_BELOW_ROWS:
        return False
    if manifest.dim % _DIM_STEP:
        raise CatalogueError(
            f"LanceDB's index needs a multiple of {_DIM_STEP} dimensions, the vectors have {manifest.dim}; use the backend faiss"
        )
    with writing(f"the {modality} could not be indexed"):
        table.create_index(VECTOR, config=IvfRq(distance_type=manifest.metric), replace=True)
    return True


def has_index(table: Any) -> bool:
    """Whether a LanceDB table has an index on its vectors."""
    return any(index.columns == [VECTOR] for index in table.list_indices())


class LanceSearch:
    def __init__(self, snapshot: Snapshot, options: Options) -> None:
        self.snapshot = snapshot
        self.options = options
        self._exact = ExactSearch(snapshot)
        self._refine = options.refine or (10 if len(snapshot) < 1_000_000 else 20)

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        """Like ``ExactSearch.search``, but some of the best may be missing; absent hits have row -1 and cosine -inf.

        A search among few ``rows`` is exact. Many rows are picked from the answer of the whole table; if too few remain, it is
        asked for more.
        """
        queries = check_queries(queries, self.snapshot.dim)
        available = len(self.snapshot) if rows is None else len(rows)
        k = min(k, available)
        if not k or not len(queries) or available < _EXACT_BELOW_SHARE * len(self.snapshot):
            return self._exact.search(queries, k, rows)
        allowed = np.ones(len(self.snapshot), dtype=np.bool_)
        if rows is not None:
            allowed[:] = False
            allowed[rows] = True
        candidates = np.full((len(queries), min(k * self._refine, available)), -1, dtype=np.int64)
        for query, slots in zip(queries, candidates, strict=True):
            found = self._candidates(query, len(slots), allowed, available)
            slots[: len(found)] = found
        return rank(self.snapshot, queries, candidates, k)

    def _candidates(self, query: Vectors, count: int, allowed: np.ndarray, available: int) -> Rows:
        """Up to ``count`` allowed rows, nearest by their codes first; fewer only if the whole table has no more."""
        total, widen = len(self.snapshot), len(self.snapshot) / available
        wanted = count if available == total else math.ceil(_MARGIN * count * widen)
        nprobe = math.ceil(self.options.nprobe * widen)
        while True:
            found = self._ask(query, min(wanted, total), nprobe)
            found = found[allowed[found]]
            if len(found) >= count or wanted >= total:
                return found[:count]
            wanted, nprobe = wanted * _GROWTH, nprobe * _GROWTH

    def _ask(self, query: Vectors, count: int, nprobe: int) -> Rows:
        with self.snapshot.reading():
            asked = self.snapshot.table.search(query, vector_column_name=VECTOR).distance_type(self.snapshot.manifest.metric)
            answer = asked.nprobes(nprobe).limit(count).with_row_id(True).select(["_distance"]).to_arrow()
        return self.snapshot.rows_at(answer["_rowid"].to_numpy())
