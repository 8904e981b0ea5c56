"""Articles with nearly the same text, and locations that differ only by the rounding of their coordinates.

An identical record cannot be in a table twice: its id is the hash of its content.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from index.geo import geodesic_km, wrap_lon
from index.progress import Progress, Quiet
from index.quality.findings import NAMED_AT_ONCE, Batch, Finding, FrozenTable, Rows
from index.quality.similar import SimilarPair, normalise, similar_pairs, sketch
from index.store.catalogue import Catalogue

SIMILAR_FROM = 0.8
ROUNDING_DEG = 0.01  # coordinates of two and of six decimals differ by less


def near_duplicates(catalogue: Catalogue, progress: Progress | None = None, threshold: float = SIMILAR_FROM) -> list[Finding]:
    """Articles with the same text (warning) or nearly the same (note), at any distance: one finding for each but the first."""
    progress, articles = progress or Quiet(), FrozenTable(catalogue, "articles")
    digests, sketches = [np.empty(0, dtype=np.uint64)], [sketch([])]
    for batch in articles.batches(["text"], progress, "sketch texts"):
        texts = [normalise(text) for text in batch.columns["text"]]
        digests.append(_digests(texts))
        sketches.append(sketch(texts))
    _, first, group = np.unique(np.concatenate(digests), return_index=True, return_inverse=True)
    original = first[group]
    same = [SimilarPair(int(original[row]), row, 1.0) for row in np.flatnonzero(original != np.arange(len(group))).tolist()]
    distinct = np.sort(first)

    def fetch(rows: Rows) -> list[str]:
        return [normalise(text) for text in articles.take(distinct[rows], ["text"]).columns["text"]]

    progress.start("compare texts", None)
    near = similar_pairs(np.concatenate(sketches)[distinct], fetch, threshold, progress.advance)
    alike = [SimilarPair(int(distinct[pair.first]), int(distinct[pair.second]), pair.similarity) for pair in near]
    return [_alike(*each) for each in _with_rows(articles, same + _likest(alike))]


def rounded_points(catalogue: Catalogue, progress: Progress | None = None) -> list[Finding]:
    """Locations of the same title, address, country and kind within 0.01 degrees: one place, rounded in two ways (warning)."""
    locations = FrozenTable(catalogue, "locations")
    keys, lats, lons = [np.empty(0, dtype=np.uint64)], [np.empty(0)], [np.empty(0)]
    for batch in locations.batches(["url", "country", "kind", "lat", "lon"], progress or Quiet(), "compare locations"):
        fields = zip(*(batch.columns[name] for name in ("title", "url", "country", "kind")), strict=True)
        keys.append(_digests(["\x1f".join(each) if each[0].strip() else "" for each in fields]))
        lats.append(batch.lat)
        lons.append(batch.lon)
    key, lat, lon = np.concatenate(keys), np.concatenate(lats), np.concatenate(lons)
    order, untitled = np.lexsort((lat, key)), _digests([""])[0]
    pairs: dict[int, SimilarPair] = {}
    for step in (1, 2, 3):  # sorted by latitude, another point may stand between two that belong together
        a, b = order[:-step], order[step:]
        near = (np.abs(lat[a] - lat[b]) < ROUNDING_DEG) & (np.abs(wrap_lon(lon[a] - lon[b])) < ROUNDING_DEG)
        for row in np.flatnonzero(near & (key[a] == key[b]) & (key[a] != untitled)).tolist():
            one, other = sorted((int(a[row]), int(b[row])))
            pairs.setdefault(other, SimilarPair(one, other, 1.0))
    return [_rounded(*each) for each in _with_rows(locations, list(pairs.values()))]


def _likest(pairs: Sequence[SimilarPair]) -> list[SimilarPair]:
    """For each later row, the pair with the most similar earlier one."""
    best: dict[int, SimilarPair] = {}
    for pair in pairs:
        if pair.second not in best or pair.similarity > best[pair.second].similarity:
            best[pair.second] = pair
    return [best[row] for row in sorted(best)]


def _with_rows(table: FrozenTable, pairs: Sequence[SimilarPair]) -> Iterator[tuple[SimilarPair, int, Batch, Batch, float]]:
    """Each pair with the batches that hold its two records, their row in both, and the distance in km."""
    for start in range(0, len(pairs), NAMED_AT_ONCE):
        part = pairs[start : start + NAMED_AT_ONCE]
        first = table.take([pair.first for pair in part], ["lat", "lon"])
        second = table.take([pair.second for pair in part], ["lat", "lon"])
        for row, (pair, km) in enumerate(zip(part, geodesic_km(first.lat, first.lon, second.lat, second.lon), strict=True)):
            yield pair, row, first, second, float(km)


def _alike(pair: SimilarPair, row: int, first: Batch, second: Batch, km: float) -> Finding:
    other = f"'{first.columns['title'][row]}' {first.columns['id'][row][:8]}, {km:,.1f} km away"
    if pair.similarity == 1:
        remedy = "keep one of the two, or correct the text or the coordinates of one"
        return second.finding(row, "same-text", "warning", f"it has the same text as {other}", remedy)
    why = f"its text is {pair.similarity:.0%} the same as that of {other}"
    return second.finding(row, "similar-text", "note", why, "keep one of the two if they are about the same place")


def _rounded(_: SimilarPair, row: int, first: Batch, second: Batch, km: float) -> Finding:
    why = f"it is the same as {first.columns['id'][row][:8]} except for {km * 1000:,.0f} m"
    return second.finding(row, "rounded-point", "warning", why, "keep the one with the finer coordinates")


def _digests(texts: Sequence[str]) -> Rows:
    """64 bits of each text's BLAKE2b, [N] uint64."""
    raw = b"".join(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(raw, dtype=np.uint64)
