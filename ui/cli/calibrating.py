"""``placebind calibrate``: fit how sure a model is of texts, save it in the model's file, say how reliable it is."""

import os
from pathlib import Path
from typing import Any

from rich.table import Table

from index.errors import InputError
from index.store.catalogue import Catalogue
from index.store.vectors import manifests_of
from retrieval.sureness.fit_confidence import SHARES, Fitted, fit_confidence
from train.card import write_card
from train.checkpoint import Checkpoint
from train.shipped import checkpoint_for, is_shipped
from ui.console import ProgressBars, out, print_json, remark


def calibrate_model(checkpoint: Path | None, catalogue: Path, *, overwrite: bool, as_json: bool) -> None:
    """Raises ``InputError`` for what only ``--overwrite`` may lose, and what ``fit_confidence`` raises."""
    folder = checkpoint or checkpoint_for(catalogue)
    model, opened = Checkpoint.open(folder), Catalogue.open(catalogue)
    indexed = _indexed_by(model, opened)
    if not overwrite:
        _refuse_to_lose(model, indexed, catalogue)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written; copy the model to a folder of your own and give that to --checkpoint")
    with ProgressBars() as bars:
        bars.start("read texts", None)
        fitted = fit_confidence(model, opened, advance=bars.advance)
    new = model.with_confidence(fitted.confidence)
    if not is_shipped(folder):  # the shipped model's card is written by hand
        write_card(folder, new)
    if as_json:
        print_json(
            {"checkpoint": str(folder), "digest": new.digest, **fitted.confidence.model_dump(), "learnt": new.learnt_temperature}
        )
    else:
        _print(fitted, model)
    if indexed:
        remark(f"the index in {catalogue} is of the previous model; run `placebind index build --rebuild --catalogue {catalogue}`")


def _refuse_to_lose(model: Checkpoint, indexed: list[str], catalogue: Path) -> None:
    if model.card.confidence:
        raise InputError(f"the model in {model.path.parent} is already calibrated; calibrate it again with --overwrite")
    if indexed:
        raise InputError(
            f"the {' and '.join(indexed)} of {catalogue} are indexed with this model, and calibration changes its file; "
            "calibrate before `placebind index build`, or with --overwrite and then `placebind index build --rebuild`"
        )


def _indexed_by(model: Checkpoint, catalogue: Catalogue) -> list[str]:
    return [modality for modality, manifest in manifests_of(catalogue).items() if manifest.model_digest == model.digest]


def _print(fitted: Fitted, before: Checkpoint) -> None:
    found = fitted.confidence
    out.print(
        f"temperature {before.learnt_temperature:.4f} as learnt, {found.temperature:.4f} as fitted on {found.texts:,} texts of "
        f"{found.articles:,} held-out articles"
    )
    out.print(
        "of articles that chose nothing, how often the truth lies in the smallest region said to hold so much, "
        "as learnt → as fitted:"
    )
    table = Table("text", "texts", *(f"{share:.0%} of it" for share in SHARES), "called nowhere", box=None, pad_edge=False)
    for row in fitted.reliability:
        cells: list[Any] = [f"{a:.0%} → {b:.0%}" for a, b in zip(row.before, row.after, strict=True)]
        table.add_row(row.kind, str(row.texts), *cells, f"{row.nowhere:.0%}")
    out.print(table)
    share = found.figures["nowhere_called_nowhere"]
    out.print(f"called nowhere below a best cosine of {found.least_cosine:.3f}: {share:.0%} of texts without geography")
