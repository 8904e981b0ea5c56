"""Approximate search with FAISS: candidates by quantised vectors in memory, their order by exact cosines from the snapshot.

Facebook AI Similarity Search (Douze et al., arXiv 2401.08281), MIT. ``ivf`` looks into the ``nprobe`` lists nearest to the query
and compares codes of 8 bits for each number, or 4 bits for several; ``hnsw`` walks a graph (Malkov and Yashunin, arXiv
1603.09320): faster to search, but eight times as slow to build. The index is trained once and saved next to the snapshot, whose
name carries the model and the content. The float32 vectors are not saved again (as FAISS' own RFlat would); they are read from the
snapshot.

With a GPU build of FAISS the lists lie on the GPU, as float16: the 4-bit codes are for CPUs. None of our tests has run on a GPU
yet.
"""

import math
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from pydantic import Field

from index.errors import CatalogueError, one_line
from index.extras import extra
from index.files import made_whole
from index.search.backends._ranking import ROUNDING, Vectors, check_queries, rank
from index.search.backends.exact import ExactSearch
from index.search.snapshot import Rows, Snapshot
from index.settings import Settings
from index.store.derived import file_beside

FLAT_BELOW_ROWS = 20_000  # one matrix product is as fast, and exact
_TRAINING_ROWS_PER_LIST = 256  # all that FAISS takes; a million rows of 512 dimensions, 16 lists: recall@10 .99, with 64 .94
# With few dimensions, many rows are nearly as near as the nearest. Then a vector needs as many codes (of 4 bits) as it can have,
# and more lists must be searched, which short vectors allow. Recall@10 in a million rows, in clusters of 100, of 32 dimensions:
# with 8 codes and 16 lists .46, with 32 codes and 256 lists .99.
_CODES = 64
_NPROBE, _MANY_DIMS, _FEW_LISTS = 16, 256, 512
# A text is near no list in particular. Recall@10 of texts in a million real places: 16 lists .91, 64 .96 (benchmarks/codes.py).
_LEAST_NPROBE = 64
_CHUNK_ROWS = 65536
_GPU_CANDIDATES = 2048  # FAISS cannot return more from a GPU
_SEED = 0


class Options(Settings):
    """``kind`` auto: flat up to 20,000 rows, ivf above. ``refine``: how many candidates for each hit get exact cosines.

    ``codes`` of ivf: "4bit" takes a sixth of the memory of "int8" and finds far less where rows lie as densely as places do.

    ``lists`` of ivf: if not given the power of two nearest to the square root of the number of rows, so that an index that grows
    keeps its lists until it has four times as many rows. ``nprobe`` (if not given 64, and more below 256 dimensions) and
    ``ef_search`` trade time for recall; under a filter they grow with what it leaves out.
    """

    kind: Literal["auto", "flat", "ivf", "hnsw"] = "auto"
    codes: Literal["int8", "4bit"] = "int8"
    lists: int | None = Field(default=None, ge=1)
    nprobe: int | None = Field(default=None, ge=1)
    links: int = Field(default=32, ge=2)
    ef_construction: int = Field(default=80, ge=1)
    ef_search: int = Field(default=96, ge=1)
    refine: int = Field(default=10, ge=1)
    gpu: bool = True  # if there is one


def build(*, snapshot: Snapshot, **options: Any) -> "FaissSearch | ExactSearch":
    """Opens the saved index, or trains and saves it. Raises ``MissingExtraError`` without FAISS."""
    chosen = Options.parse(options, where="faiss")
    kind = chosen.kind if chosen.kind != "auto" else "flat" if len(snapshot) < FLAT_BELOW_ROWS else "ivf"
    if kind == "flat" or not len(snapshot):
        return ExactSearch(snapshot)
    return FaissSearch(snapshot, chosen, _factory(snapshot, chosen, kind))


class FaissSearch:
    def __init__(self, snapshot: Snapshot, options: Options, factory: str) -> None:
        self.snapshot = snapshot
        self.options = options
        self._faiss = extra("faiss")
        self._index = _load_or_train(self._faiss, snapshot, options, factory)
        self._is_ivf, self._is_flat = factory.startswith("IVF"), factory.startswith("SQ")
        self._nprobe = options.nprobe or (_nprobe(snapshot.dim, int(self._index.nlist)) if self._is_ivf else 1)
        self._on_gpu = self._is_ivf and options.gpu and _has_gpu(self._faiss)
        if self._on_gpu:
            self._resources = self._faiss.StandardGpuResources()
            self._index = self._faiss.index_cpu_to_gpu(self._resources, 0, self._index)

    def search(self, queries: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        """Like ``ExactSearch.search``, but some of the best may be missing; absent hits have row -1 and cosine -inf."""
        queries = check_queries(queries, self.snapshot.dim)
        available = len(self.snapshot) if rows is None else len(rows)
        k = min(k, available)
        if not k or not len(queries):
            return np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        candidates = self._candidates(queries, min(k * self.options.refine, available), rows)
        return rank(self.snapshot, queries, self._nearest(queries, candidates, k), k)

    def _nearest(self, queries: Vectors, candidates: Rows, k: int) -> Rows:
        """The candidates [Q, C] without those that cannot be among the ``k`` best; FAISS multiplies without a copy."""
        vectors = self.snapshot.vectors
        if vectors.dtype != np.float32 or not vectors.flags.c_contiguous or candidates.shape[1] <= k:
            return candidates
        products = np.empty(candidates.shape, np.float32)
        pointers = (self._faiss.swig_ptr(each) for each in (products, queries, vectors, candidates))
        self._faiss.fvec_inner_products_by_idx(*pointers, self.snapshot.dim, *candidates.shape)
        cut = np.partition(products, -k, axis=1)[:, -k, None]
        return np.where(products >= cut - np.float32(ROUNDING), candidates, -1)

    def _candidates(self, queries: Vectors, count: int, rows: Rows | None) -> Rows:
        """Rows [Q, count] that may be among the best, -1 where there are no more."""
        widen = 1.0 if rows is None else len(self.snapshot) / len(rows)
        if self._on_gpu:
            return self._gpu_candidates(queries, count, rows, widen)
        given = {}
        if rows is not None:
            # A bit for each row; FAISS' array selector would be searched from its start for every vector compared.
            allowed = np.zeros(len(self.snapshot), dtype=np.bool_)
            allowed[rows] = True
            bits = np.packbits(allowed, bitorder="little")  # must outlive the search
            given["sel"] = self._faiss.IDSelectorBitmap(len(allowed), self._faiss.swig_ptr(bits))
        if self._is_ivf:
            parameters = self._faiss.SearchParametersIVF(nprobe=self._widened_nprobe(widen), **given)
        elif self._is_flat:
            parameters = self._faiss.SearchParameters(**given)
        else:
            effort = max(count, math.ceil(self.options.ef_search * widen))
            parameters = self._faiss.SearchParametersHNSW(efSearch=min(effort, len(self.snapshot)), **given)
        found: Rows = self._index.search(queries, count, params=parameters)[1]
        return found

    def _gpu_candidates(self, queries: Vectors, count: int, rows: Rows | None, widen: float) -> Rows:
        """A GPU index takes no selector: ask for more and drop the rows that the filter excludes."""
        wanted = min(_GPU_CANDIDATES, len(self.snapshot), math.ceil(count * widen))
        parameters = self._faiss.SearchParametersIVF(nprobe=self._widened_nprobe(widen))
        found: Rows = self._index.search(queries, wanted, params=parameters)[1]
        return found if rows is None else np.where(np.isin(found, rows), found, -1)

    def _widened_nprobe(self, widen: float) -> int:
        return min(int(self._index.nlist), math.ceil(self._nprobe * widen))


def _nprobe(dim: int, lists: int) -> int:
    wanted = _NPROBE if dim >= _MANY_DIMS else _NPROBE * _MANY_DIMS // dim * max(_FEW_LISTS, lists) // _FEW_LISTS
    return max(_LEAST_NPROBE, wanted)


def _factory(snapshot: Snapshot, options: Options, kind: str) -> str:
    """The index as a string for FAISS' factory, which is also its file name."""
    if kind == "hnsw":
        return f"HNSW{options.links}_SQ8"
    lists = min(options.lists or 2 ** round(math.log2(len(snapshot)) / 2), len(snapshot))
    if options.gpu and _has_gpu(extra("faiss")):
        return f"IVF{lists},SQfp16"
    if options.codes == "int8":
        return f"IVF{lists},SQ8"
    sizes = [size for size in (4, 2, 1) if snapshot.dim % size == 0]  # dimensions to a code
    parts = next((snapshot.dim // size for size in sizes if snapshot.dim // size >= _CODES), snapshot.dim)
    return f"IVF{lists},PQ{parts}x4fs"


def _load_or_train(faiss: ModuleType, snapshot: Snapshot, options: Options, factory: str) -> Any:
    effort = f"-ef{options.ef_construction}" if factory.startswith("HNSW") else ""
    path = file_beside(snapshot.folder, f"{factory.replace(',', '-')}{effort}.faiss") if snapshot.folder else None
    index = _load(faiss, path, snapshot) if path else None
    if index is not None and index.ntotal == len(snapshot):
        return index
    if index is None:
        index = _train(faiss, snapshot, options, factory)
    _add(index, snapshot)
    if path:
        with made_whole(path) as partial:
            _save(faiss, index, partial)
    return index


def _load(faiss: ModuleType, path: Path, snapshot: Snapshot) -> Any:
    """The saved index, which may end where the snapshot did before it grew. None if no saved index can be read and fits."""
    if not path.is_file():
        return None
    try:
        index = faiss.read_index(str(path))
    except RuntimeError:  # damaged: it is rebuilt
        return None
    return index if index.d == snapshot.dim and index.ntotal in (*snapshot.sizes, len(snapshot)) else None


def _save(faiss: ModuleType, index: Any, path: Path) -> None:
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise CatalogueError(f"cannot save the search index at {path}: {one_line(error)}; free some space there") from error


def _train(faiss: ModuleType, snapshot: Snapshot, options: Options, factory: str) -> Any:
    index = faiss.index_factory(snapshot.dim, factory, faiss.METRIC_INNER_PRODUCT)
    if factory.startswith("HNSW"):
        index.hnsw.efConstruction = options.ef_construction
    wanted = max(_CHUNK_ROWS, _TRAINING_ROWS_PER_LIST * getattr(index, "nlist", 0))
    sample = np.random.default_rng(_SEED).choice(len(snapshot), min(wanted, len(snapshot)), replace=False)
    index.train(_float32(snapshot, np.sort(sample)))
    return index


def _add(index: Any, snapshot: Snapshot) -> None:
    """Add the rows that follow those in the index."""
    for start in range(index.ntotal, len(snapshot), _CHUNK_ROWS):
        index.add(_float32(snapshot, slice(start, start + _CHUNK_ROWS)))


def _float32(snapshot: Snapshot, rows: Rows | slice) -> Vectors:
    return np.ascontiguousarray(snapshot.vectors[rows], dtype=np.float32)


def _has_gpu(faiss: ModuleType) -> bool:
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0
