"""Which records a model can embed: tiles of a sensor that it never saw would go through a part of it that was never trained."""

from __future__ import annotations

from collections import Counter

from index.records import Modality
from index.store.catalogue import Catalogue
from train.checkpoint import Checkpoint


def embeddable(checkpoint: Checkpoint, modality: Modality) -> str | None:
    """The rows that the model can embed, as an SQL condition; None if that is all of them."""
    if modality != "tiles":
        return None
    learnt = ", ".join(f"'{sensor}'" for sensor in checkpoint.card.sensors)
    return f"sensor IN ({learnt})" if learnt else "false"


def unlearnt_tiles(checkpoint: Checkpoint, catalogue: Catalogue) -> dict[str, int]:
    """How many tiles the model cannot embed, by sensor."""
    if not catalogue.has("tiles") or not checkpoint.learnt("tiles"):
        return {}
    return dict(
        sorted(
            Counter(catalogue.column("tiles", ["sensor"], f"NOT ({embeddable(checkpoint, 'tiles')})")["sensor"].to_pylist()).items()
        )
    )


def about_unlearnt(checkpoint: Checkpoint, catalogue: Catalogue) -> str:
    """What was left out and what to do, in one sentence; '' if nothing was."""
    counts = unlearnt_tiles(checkpoint, catalogue)
    if not counts:
        return ""
    left_out = " and ".join(f"{count:,} tiles of {sensor}" for sensor, count in counts.items())
    learnt = ", ".join(checkpoint.card.sensors) or "no"
    return (
        f"{left_out} were left out: the model has learnt {learnt} images; train one with them (`placebind train`) to find them too"
    )
