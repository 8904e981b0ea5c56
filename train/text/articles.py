"""Articles on their way into a batch, read as passages: the whole text, then sentences, each a cached feature of the tower."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn

from index.records import Modality, content_id
from index.store.catalogue import Catalogue
from index.store.vectors import FeatureCache, read_features
from train.batching.batches import Chances, Records
from train.protocols import FrozenTexts, HasParts, TextEncoder
from train.text.masking import mask_names
from train.text.passages import ARTICLE_COLUMNS, first_sentences, passages_of, whole_text

ALONE = 4  # of an article's first sentences can stand for it in an augmented batch
READ_ROWS = 16_384  # whose texts are in memory at a time
TELLING_WORDS = 25  # a shorter text says nothing once its names are masked
Features = npt.NDArray[np.float32]


@dataclass
class ArticleBatch:
    """``passages`` [B, S, F] with ``present`` [B, S]: part 0 is the whole text, the others are sentences of it."""

    passages: Tensor
    present: Tensor
    lat: Tensor
    lon: Tensor
    modality: Modality = "articles"

    def encode(self, encoder: nn.Module) -> Tensor:
        return encoder(self.passages, self.present)

    def to(self, device: torch.device) -> ArticleBatch:
        return ArticleBatch(self.passages.to(device), self.present.to(device), self.lat.to(device), self.lon.to(device))


def article_records(
    catalogue: Catalogue,
    tower: TextEncoder,
    where: str,
    advance: Callable[[int], None] = lambda n: None,
    *,
    sentence_share: float = 0.0,
    masked_share: float = 0.0,
) -> Records:
    """The articles that fulfil ``where``, with features computed if the catalogue does not have them yet.

    In augmented batches one of the first sentences stands for the article, for a share of the articles: people ask in a few words,
    and a tower that has only seen whole articles places short texts badly. In another share the names are masked: a tower that can
    read names learns little else.
    """
    rows = catalogue.column("articles", ["lat", "lon", "source"], where=where)
    ids, lat, lon = rows["id"].to_pylist(), rows["lat"].to_numpy(), rows["lon"].to_numpy()
    passages = Passages(catalogue, tower, ids, max(tower.passages - 1, ALONE if sentence_share else 0), advance)
    masked = Masked(catalogue, tower, ids, advance) if masked_share else None

    def collate(chosen: npt.NDArray[np.int64], chances: Chances | None) -> ArticleBatch:
        features, present = passages.of(chosen, tower.passages)
        if chances is not None and sentence_share:
            passages.stand_in(features, present, chosen, sentence_share, chances)
        if chances is not None and masked is not None:
            masked.stand_in(features, present, chosen, masked_share, chances)
        return ArticleBatch(features, present, torch.from_numpy(lat[chosen]), torch.from_numpy(lon[chosen]))

    return Records("articles", ids, lat, lon, collate, rows["source"].to_pylist())


class Passages:
    """The features of articles and of up to ``most`` sentences of each; sentences are cached by a hash of their text."""

    def __init__(
        self,
        catalogue: Catalogue,
        tower: TextEncoder,
        ids: Sequence[str],
        most: int,
        advance: Callable[[int], None] = lambda n: None,
    ) -> None:
        self.whole = torch.from_numpy(cached_features(catalogue, tower, ids, advance=advance))
        split = [first_sentences(row["text"], most) for row in _rows(catalogue, ids, ["text"])] if most else [[] for _ in ids]
        self.counts = np.array([len(each) for each in split], dtype=np.int64)
        self.start = np.cumsum(self.counts) - self.counts
        said = {content_id("sentence", sentence): sentence for each in split for sentence in each}
        names = [content_id("sentence", sentence) for each in split for sentence in each]
        features = cached_features(catalogue, tower, list(said), lambda wanted: [said[name] for name in wanted], advance)
        row = {name: number for number, name in enumerate(said)}
        self.sentences = torch.from_numpy(features)  # each once, whichever articles say it
        self.rows = np.array([row[name] for name in names], dtype=np.int64)

    def of(self, chosen: npt.NDArray[np.int64], width: int) -> tuple[Tensor, Tensor]:
        """(passages [B, width, F], present [B, width]) of these articles; missing passages are zero."""
        whole = self.whole[torch.from_numpy(chosen)]
        features = torch.zeros(len(chosen), width, whole.shape[1])
        features[:, 0] = whole
        number = np.arange(width - 1)[None, :]
        there = number < self.counts[chosen, None]
        features[:, 1:][torch.from_numpy(there)] = self._features_of((self.start[chosen, None] + number)[there])
        return features, torch.cat([torch.ones(len(chosen), 1, dtype=torch.bool), torch.from_numpy(there)], dim=1)

    def stand_in(self, features: Tensor, present: Tensor, chosen: npt.NDArray[np.int64], share: float, chances: Chances) -> None:
        """Let one of its sentences stand for an article, in place, for a share of the articles."""
        count = np.minimum(self.counts[chosen], ALONE)
        rows = np.flatnonzero((chances[:, 0] < share) & (count > 0))
        sentence = self.start[chosen[rows]] + np.floor(chances[rows, 1] * count[rows]).astype(np.int64)
        _replace(features, present, rows, self._features_of(sentence))

    def _features_of(self, numbers: npt.NDArray[np.int64]) -> Tensor:
        """Of sentences by their number among those of all articles, each counted as often as it occurs."""
        return self.sentences[torch.from_numpy(self.rows[numbers])]


class Masked:
    """The features of the articles without their names (``train.text.masking``), for those long enough to say more than names."""

    def __init__(
        self, catalogue: Catalogue, tower: TextEncoder, ids: Sequence[str], advance: Callable[[int], None] = lambda n: None
    ) -> None:
        rows = _rows(catalogue, ids, ["text"])
        long = [number for number, row in enumerate(rows) if len(row["text"].split()) >= TELLING_WORDS]
        article = {content_id("masked", ids[number]): ids[number] for number in long}

        def texts_of(wanted: Sequence[str]) -> list[str]:
            rows = _rows(catalogue, [article[name] for name in wanted], ARTICLE_COLUMNS)
            return [mask_names(row["text"], row["title"] or "") for row in rows]

        self.features = torch.from_numpy(cached_features(catalogue, tower, list(article), texts_of, advance))
        self.row = np.full(len(ids), -1, dtype=np.int64)
        self.row[long] = np.arange(len(long))

    def stand_in(self, features: Tensor, present: Tensor, chosen: npt.NDArray[np.int64], share: float, chances: Chances) -> None:
        """Let the masked text stand for an article, in place, for a share of the articles that no sentence stands for."""
        rows = np.flatnonzero((chances[:, 0] >= 1 - share) & (self.row[chosen] >= 0))
        _replace(features, present, rows, self.features[torch.from_numpy(self.row[chosen[rows]])])


def _replace(features: Tensor, present: Tensor, rows: npt.NDArray[np.int64], by: Tensor) -> None:
    """These rows become articles with only ``by`` [R, F], in place."""
    features[rows] = 0
    features[rows, 0] = by
    present[rows, 1:] = False


def cached_features(
    catalogue: Catalogue,
    tower: TextEncoder,
    ids: Sequence[str],
    texts_of: Callable[[Sequence[str]], list[str]] | None = None,
    advance: Callable[[int], None] = lambda n: None,
    chunk: int = 1024,
) -> Features:
    """Features [N, F] of the texts with these ids: those of articles, or the texts that ``texts_of`` returns for ids.

    Each computed chunk is committed, so that a stopped run resumes after it. A tower of several parts has a cache for each.
    """
    parts = tower.parts if isinstance(tower, HasParts) else (tower,)
    caches = [FeatureCache(catalogue, part.feature_key, part.feature_dim) for part in parts]
    for part, cache in zip(parts, caches, strict=True):
        told = advance if part is parts[0] else _silent

        def make(wanted: list[str], part: FrozenTexts = part) -> Features:
            return part.features(texts_of(wanted) if texts_of else _whole_texts(catalogue, wanted))

        cache.complete(ids, make, chunk, told)
    return read_features(caches, ids)


def _silent(number: int) -> None: ...


def article_batch(catalogue: Catalogue, tower: TextEncoder, ids: Sequence[str], lat: Any, lon: Any) -> ArticleBatch:
    """These articles as they are, in this order."""
    passages = Passages(catalogue, tower, ids, tower.passages - 1)
    return ArticleBatch(
        *passages.of(np.arange(len(ids)), tower.passages), torch.from_numpy(np.array(lat)), torch.from_numpy(np.array(lon))
    )


def query_passages(tower: TextEncoder, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(passages [B, S, F], present [B, S]) of texts that are in no catalogue."""
    return text_passages(tower, texts, texts)


def row_passages(tower: TextEncoder, rows: pa.Table) -> tuple[Tensor, Tensor]:
    """(passages [B, S, F], present [B, S]) of articles from their own ``ARTICLE_COLUMNS``: no cache is read or written, so any
    number of processes can do this at a time."""
    titles, texts = (rows[name].to_pylist() for name in ARTICLE_COLUMNS)
    return text_passages(tower, [whole_text(title, text) for title, text in zip(titles, texts, strict=True)], texts)


def text_passages(tower: TextEncoder, wholes: Sequence[str], texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """(passages [B, S, F], present [B, S]): part 0 is the whole, the others are the first sentences."""
    split = passages_of(wholes, texts, tower.passages - 1)
    found = torch.from_numpy(tower.features([part for passages in split for part in passages]))
    present = torch.arange(tower.passages)[None, :] < torch.tensor([len(passages) for passages in split])[:, None]
    features = torch.zeros(*present.shape, tower.feature_dim)
    features[present] = found
    return features, present


def _whole_texts(catalogue: Catalogue, ids: Sequence[str]) -> list[str]:
    return [whole_text(row["title"], row["text"]) for row in _rows(catalogue, ids, ARTICLE_COLUMNS)]


def _rows(catalogue: Catalogue, ids: Sequence[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """These articles one after another; texts of only ``READ_ROWS`` of them are in memory at a time."""
    for start in range(0, len(ids), READ_ROWS):
        yield from catalogue.rows("articles", ids[start : start + READ_ROWS], columns).to_pylist()
