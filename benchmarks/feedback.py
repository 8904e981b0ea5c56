"""What + and − on hits should weigh: simulated users who ask with a held-out article and judge the first ten hits.

    python -m benchmarks.feedback --texts ../shared/data/text/located_texts.parquet [--articles 2500] [--queries 400]

Of the first ten articles that answer a text, the user gives + to those within 200 km of where the text is about, and − to the first
three others. Measured is how far the next ten lie, of articles that were not shown yet. "+, −" are the weights beside a text of
weight 1; a share is divided among all that have the same sign, as Rocchio's feedback does it (Rocchio 1971; Manning, Raghavan and
Schütze 2008, section 9.1.1). Users are served alone if they could say + at all; the others are shown beside them.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from benchmarks.cached import Vectors, kept
from benchmarks.text_to_place import Texts, held_out, text_vectors
from index.geo import great_circle_km
from train.checkpoint import Checkpoint
from train.shipped import FOLDER

SHOWN, NEAR_KM, MOST_LESS = 10, 200.0, 3


@dataclass(frozen=True)
class Weights:
    """What a + and a − weigh; of a ``share`` each takes its part."""

    more: float
    less: float
    share: bool = False

    def of(self, more: int, less: int) -> tuple[float, float]:
        """Of each + and each − where there are so many."""
        return (self.more / max(more, 1), self.less / max(less, 1)) if self.share else (self.more, self.less)


WAYS: Mapping[str, Weights] = {
    "nothing is said": Weights(0, 0),
    "+1, −1 (as until now)": Weights(1, 1),
    "+1, −0": Weights(1, 0),
    "+1, −0.05": Weights(1, 0.05),
    "+1, −0.15": Weights(1, 0.15),
    "+1, −0.3": Weights(1, 0.3),
    "+0.5, −0.1": Weights(0.5, 0.1),
    "+0.25, −0.05": Weights(0.25, 0.05),
    "shares .75, .15 (Rocchio)": Weights(0.75, 0.15, share=True),
    "shares .75, 0": Weights(0.75, 0, share=True),
    "shares 2, .15": Weights(2, 0.15, share=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="table of articles with a column split")
    parser.add_argument("--articles", type=int, default=2500, help="held-out articles, the gallery")
    parser.add_argument("--queries", type=int, default=400, help="of them, those that are asked with")
    asked = parser.parse_args()
    rows = pd.read_parquet(asked.texts)
    texts = Texts.of(held_out(rows, "val").sample(asked.articles, random_state=0).reset_index(drop=True))
    vectors = _vectors(Checkpoint.open(FOLDER), texts)
    km = great_circle_km(*texts.places[: asked.queries].T, *texts.places.T)
    for most, users in ((SHOWN, "every hit of the first ten within 200 km is +, three others −"), (1, "one + and one −")):
        head = f"| weights | median km of the next ten | with a + ({_could(vectors, km)} users) | without |"
        print(f"\n{users}\n\n{head}\n|---|---|---|---|")
        for name, weights in WAYS.items():
            helped, others = _next_km(vectors, km, weights, most)
            print(f"| {name} | {np.median([*helped, *others]):.0f} | {np.median(helped):.0f} | {np.median(others):.0f} |")


def _vectors(checkpoint: Checkpoint, texts: Texts) -> Vectors:
    return kept(
        lambda: text_vectors(checkpoint.encoder("articles", torch.device("cpu")), texts).numpy(),
        "feedback", checkpoint.digest, *texts.rows.title, *texts.rows.text,
    )  # fmt: skip


def _could(vectors: Vectors, km: npt.NDArray[np.float64]) -> int:
    return sum(bool((km[user, _best(vectors, vectors[user], {user})] <= NEAR_KM).any()) for user in range(len(km)))


def _next_km(vectors: Vectors, km: npt.NDArray[np.float64], weights: Weights, most: int) -> tuple[list[float], list[float]]:
    """The median distance of the next hits of each user: of those who could say +, and of those who could not."""
    helped, others = [], []
    for user in range(len(km)):
        shown = _best(vectors, vectors[user], {user})
        near = km[user, shown] <= NEAR_KM
        more, less = shown[near][:most], shown[~near][: min(most, MOST_LESS)]
        up, down = weights.of(len(more), len(less))
        changed = vectors[user] + up * vectors[more].sum(axis=0) - down * vectors[less].sum(axis=0)
        following = _best(vectors, changed, {user, *shown.tolist()})
        (helped if len(more) else others).append(float(np.median(km[user, following])))
    return helped, others


def _best(vectors: Vectors, query: npt.NDArray[np.float32], seen: set[int]) -> npt.NDArray[np.int64]:
    """The next rows that the user has not seen, best first."""
    order = np.argsort(-(vectors @ query), kind="stable")[: SHOWN + len(seen)]
    return order[~np.isin(order, list(seen))][:SHOWN]


if __name__ == "__main__":
    main()
