"""Fit how sure a model is of texts, on held-out articles: one temperature, and the cosine below which a text is about nowhere.

catalogue's held-out articles -> texts as users type them (whole, title, a sentence, names masked) -> cosines with land points
-> ``TextConfidence`` for the checkpoint, and a table of how often the truth lies where the model said.

Temperature scaling (Guo et al. 2017, arXiv:1706.04599): the one temperature with the least mean negative log likelihood of the cell
that is nearest to an article's place. The articles of the split 'val' are for fitting, the figures come from those of 'report'.

Texts of nowhere (nowhere.txt) have low cosines with all places. The odd lines of that file showed that the best cosine tells them
apart (as the largest logit does for unknown inputs, Hendrycks et al. 2022, arXiv:1911.11132); the mass within 750 km, its entropy
and others were also tried (docs/confidence.md). One in ten of the articles' texts lies below the threshold; figures: the even
lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from index.errors import CatalogueError, CheckpointError
from index.geo import unit_xyz
from index.registry import load
from index.store.catalogue import Catalogue
from retrieval.heat.cells import Cells
from retrieval.heat.heat import best_cosines
from retrieval.heat.mass import probability_mass
from retrieval.sureness.confidence import CELLS
from train.checkpoint import Checkpoint, TextConfidence
from train.curve.geolocation import encode_locations
from train.data import REPORT, VALIDATION
from train.protocols import TextEncoder
from train.text.articles import query_passages, whole_text
from train.text.masking import mask_names
from train.text.sentences import sentences

ARTICLES = 300  # to fit, and as many to report, drawn at random
LEAST_ARTICLES = 10  # of each
CALLED_NOWHERE = 0.1  # of the articles' texts lie below the threshold
SHARES = (0.5, 0.8, 0.9)
COOLEST, WARMEST = 0.005, 1.0
CHUNK = 64
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeldOutTexts:
    """Texts of one kind: unit vectors [N, D], and for each the row of the cell where its truth lies."""

    vectors: Vectors
    rows: Rows


@dataclass(frozen=True)
class Reliability:
    """For the texts of one kind that were not fitted on: the share whose true place lies in the smallest region said to hold each
    of ``SHARES``, at the learnt temperature and at the fitted one; and the share called nowhere."""

    kind: str
    texts: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    nowhere: float


@dataclass(frozen=True)
class Fitted:
    confidence: TextConfidence
    reliability: tuple[Reliability, ...]


def fit_confidence(
    checkpoint: Checkpoint, catalogue: Catalogue, seed: int = 0, advance: Callable[[int], None] = lambda n: None
) -> Fitted:
    """Raises ``CatalogueError`` without articles of both slices, ``CheckpointError`` for a model without texts or temperature."""
    if checkpoint.learnt_temperature is None:
        raise CheckpointError(f"the model in {checkpoint.path.parent} has no temperature for texts; train one with articles")
    chosen_by, measured_by = (_held_out(catalogue, where, seed) for where in (VALIDATION, REPORT))
    tower = checkpoint.encoder("articles", torch.device("cpu"))
    cells = land_cells(checkpoint)
    asked, reported = (_texts_in(cells, tower, articles, advance) for articles in (chosen_by, measured_by))
    nowhere = embed_texts(tower, nowhere_texts()[1::2], advance)
    return fit(cells, asked, reported, nowhere, checkpoint.learnt_temperature, len(chosen_by))


def fit(
    cells: Cells, asked: dict[str, HeldOutTexts], reported: dict[str, HeldOutTexts], nowhere: Vectors, learnt: float, articles: int
) -> Fitted:
    """From vectors: fit on ``asked``, by kind, and measure on ``reported`` and on texts of ``nowhere`` [N, D]."""
    every = HeldOutTexts(
        np.concatenate([each.vectors for each in asked.values()]), np.concatenate([each.rows for each in asked.values()])
    )
    temperature = fit_temperature(cells, every)
    least = float(np.quantile(best_cosines(every.vectors, cells.vectors), CALLED_NOWHERE))
    rows = tuple(
        Reliability(
            kind, len(each.rows), coverage(cells, each, learnt), coverage(cells, each, temperature),
            float((best_cosines(each.vectors, cells.vectors) < least).mean()),
        )
        for kind, each in reported.items()
    )  # fmt: skip
    figures = {f"{row.kind}_in_{share:.0%}": found for row in rows for share, found in zip(SHARES, row.after, strict=True)}
    figures |= {f"{row.kind}_called_nowhere": row.nowhere for row in rows}
    figures["nowhere_called_nowhere"] = float((best_cosines(nowhere, cells.vectors) < least).mean())
    confidence = TextConfidence(
        temperature=temperature, least_cosine=least, articles=articles, texts=len(every.rows), figures=figures
    )
    return Fitted(confidence, rows)


def fit_temperature(cells: Cells, asked: HeldOutTexts) -> float:
    """The temperature at which the true cells are likeliest."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(cells, asked, float(np.exp(log_temperature)))

    bounds = (np.log(COOLEST), np.log(WARMEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 0.01}).x))


def negative_log_likelihood(cells: Cells, asked: HeldOutTexts, temperature: float) -> float:
    """Mean over the texts of -log of the true cell's probability, in nats."""
    weights = np.log(cells.area_shares).astype(np.float32)
    total = 0.0
    for cosines, rows in _cosines(cells, asked):
        logits = cosines / np.float32(temperature) + weights
        top = logits.max(axis=1)
        sums = np.exp(logits - top[:, None]).sum(axis=1)
        total += float((top + np.log(sums) - logits[np.arange(len(rows)), rows]).sum(dtype=np.float64))
    return total / len(asked.rows)


def coverage(cells: Cells, asked: HeldOutTexts, temperature: float) -> tuple[float, ...]:
    """For each of ``SHARES``, the share of the texts whose true cell is in the smallest region that holds so much: the denser
    cells, those of higher cosines, hold less."""
    denser = [
        float(probability_mass(each, temperature, cells.area_shares)[each > each[row]].sum())
        for cosines, rows in _cosines(cells, asked)
        for each, row in zip(cosines, rows, strict=True)
    ]
    return tuple(float((np.array(denser) < share).mean()) for share in SHARES)


def texts_of(articles: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Articles as users may type them, by kind; a text that ends up with nothing is empty."""
    return {
        "whole": [whole_text(each["title"], each["text"]) for each in articles],
        "title": [each["title"] or "" for each in articles],
        "sentence": [next(iter(sentences(each["text"], most=1, characters=2000)), "") for each in articles],
        "masked": [mask_names(each["text"], each["title"] or "") for each in articles],
    }


def nowhere_texts() -> list[str]:
    """Texts without geography, of many kinds in turn."""
    return files("retrieval.sureness").joinpath("nowhere.txt").read_text(encoding="utf-8").splitlines()


def land_cells(checkpoint: Checkpoint, points: int = CELLS) -> Cells:
    """An even grid of land points, encoded by the model. Raises ``MissingExtraError`` without the [demo] extra."""
    grid = load("index.sources", "grid").build(points=points)
    vectors = encode_locations(checkpoint.encoder("locations", torch.device("cpu")), grid.lat, grid.lon).numpy()
    return Cells(vectors, np.stack([grid.lat, grid.lon], axis=1), model_digest=checkpoint.digest)


def _held_out(catalogue: Catalogue, where: str, seed: int) -> list[dict[str, Any]]:
    """Some held-out articles of one slice."""
    count = catalogue.count("articles", where) if catalogue.has("articles") else 0
    if count < LEAST_ARTICLES:
        raise CatalogueError(
            f"{catalogue.uri} has {count} held-out articles ({where}), calibration needs {LEAST_ARTICLES} or more; ingest more "
            "with the split 'val' from all over the world, of which those in report blocks become 'report'"
        )
    rows = catalogue.column("articles", ["lat", "lon", "title", "text"], where=where).to_pylist()
    return [rows[number] for number in np.random.default_rng(seed).permutation(len(rows))[:ARTICLES]]


def _texts_in(
    cells: Cells, tower: TextEncoder, articles: Sequence[dict[str, Any]], advance: Callable[[int], None]
) -> dict[str, HeldOutTexts]:
    """The articles' texts by kind, without empty ones."""
    truth = cells.tree.query(unit_xyz([each["lat"] for each in articles], [each["lon"] for each in articles]))[1]
    asked = {}
    for kind, texts in texts_of(articles).items():
        if said := [number for number, text in enumerate(texts) if text.strip()]:
            asked[kind] = HeldOutTexts(embed_texts(tower, [texts[number] for number in said], advance), truth[said])
    return asked


def _cosines(cells: Cells, asked: HeldOutTexts) -> Iterator[tuple[Vectors, Rows]]:
    for start in range(0, len(asked.rows), CHUNK):
        part = slice(start, start + CHUNK)
        yield asked.vectors[part] @ cells.vectors.T, asked.rows[part]


@torch.inference_mode()
def embed_texts(tower: TextEncoder, texts: Sequence[str], advance: Callable[[int], None] = lambda n: None) -> Vectors:
    """Unit vectors [N, D]."""
    parts = []
    for start in range(0, len(texts), CHUNK):
        some = texts[start : start + CHUNK]
        parts.append(F.normalize(tower(*query_passages(tower, some)).float(), dim=-1).numpy())
        advance(len(some))
    return np.concatenate(parts)
