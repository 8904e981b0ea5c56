"""What the table of the benchmark says that learning adds."""

import pytest

from benchmarks.evaluate import learning
from train.probing.evaluation import Evaluated
from train.probing.paired import ABOVE_FLOORS, LEARNING, Difference
from train.probing.results import Row


def row(features: str, score: float) -> Row:
    return Row(
        task="rain", kind="regression", unit="mm", metric="r2", features=features, dim=2, probe="ridge", split="block-10deg",
        score=score, low=score - 0.1, high=score + 0.1, balanced=None, folds=(score,), points=100, dropped=0, classes=None,
        unseen=0.0, seconds=1.0, blocks=30, source="invented", predictions="", labels_digest="", features_digest=features,
        protocol=1,
    )  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_what_learning_adds_is_counted_from_the_twins_not_from_the_floors(order: int) -> None:
    ours, twin, floor = row("model", 0.7), row("model, untrained", 0.69), row("xyz", 0.5)
    against = [Difference(LEARNING, ours, (twin,), 0.01, -0.02, 0.04), Difference(ABOVE_FLOORS, ours, (floor,), 0.2, 0.1, 0.3)]
    text = list(learning(Evaluated([ours, twin, floor], [], against[::order]), "model"))
    assert "| rain | xyz 0.500 |  | 0.690 | 0.700 | +0.010 (-0.020 to +0.040) even |  |" in text
    assert any(line.startswith("Learning adds on 0 of 1 tasks") for line in text)
