"""``placebind train``: one training, or with ``--compare`` a matrix of them and one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from index.errors import ConfigError, InputError
from index.records import Modality
from index.store.catalogue import Catalogue
from train.base import open_base, settings_from
from train.checkpoint import Card, Checkpoint
from train.compare import Outcome, Variant, compare, matrix
from train.config import TrainConfig
from train.loop import train
from train.objective.architecture import TOWERS
from train.shipped import shipped_model
from ui.console import ProgressBars, out, print_json, remark

WATCHED = {
    "val_articles_median_km": "text to place, km",
    "val_articles_within_750_km": "within 750 km",
    "val_articles_recall_at_10": "recall@10",
    "val_tiles_median_km": "tile to place, km",
    "val_tiles_recall_at_10": "tile recall@10",
}


def train_one(configs: dict[Variant, list[TrainConfig]], catalogue: Path, folder: Path, *, overwrite: bool, as_json: bool) -> None:
    """Train the only configuration there is and print the result."""
    ((config, *others), *more) = configs.values()
    if others or more:
        raise ConfigError(
            "more than one architecture, location encoder, choice of modalities or seed makes a matrix: add --compare"
        )
    with ProgressBars() as bars:
        result = train(config, Catalogue.open(catalogue), folder, overwrite=overwrite, progress=bars)
    card = result.checkpoint.card
    if as_json:
        print_json({"checkpoint": str(folder), "digest": result.checkpoint.digest, **card.model_dump(mode="json")})
        return
    learnt = ", ".join(f"{count} {modality}" for modality, count in card.trained_on.items())
    out.print(f"model {result.checkpoint.digest[:8]} in {folder}, trained on {learnt}", markup=False, soft_wrap=True)
    _print_figures(card)
    if config.base:
        remark(_how_to_index(config, catalogue, folder))


def settings_of_base(start: str | None, only: str | None, catalogue: Path) -> TrainConfig | None:
    """The defaults that `--from` and `--only` stand for; None without them."""
    if start is None and only is None:
        return None
    if start is None:
        raise InputError("--only needs --from, the model whose other parts are kept; without one, choose by --modalities")
    if only not in TOWERS:
        given = "" if only is None else f"; got '{only[:60]}'"
        raise InputError(f"--from needs --only tiles or --only articles: what is to learn on the positions of that model{given}")
    base = Checkpoint.open(shipped_model() if start == "shipped" else Path(start))
    return settings_from(base, only, Catalogue.open(catalogue))


def train_matrix(configs: dict[Variant, list[TrainConfig]], catalogue: Path, folder: Path, *, as_json: bool) -> None:
    """Train all of them and print one table: mean over the seeds and, where there are several, the standard deviation."""
    remark(f"{sum(map(len, configs.values()))} trainings into {folder}; finished ones are not repeated")
    with ProgressBars() as bars:
        outcomes = compare(configs, Catalogue.open(catalogue), folder, bars)
    if as_json:
        print_json([{**vars(outcome.variant), "seeds": outcome.seeds} for outcome in outcomes])
        return
    shown = [name for name in WATCHED if any(name in outcome.summary() for outcome in outcomes)] or ["total"]
    table = Table("architecture", "location", "modalities", *(WATCHED.get(name, name) for name in shown), box=None, pad_edge=False)
    for outcome in outcomes:
        table.add_row(*_cells(outcome, shown))
    out.print(table)


def configurations(
    file: Path | None,
    settings: Sequence[str],
    *,
    architectures: Sequence[str],
    locations: Sequence[str],
    modalities: Sequence[str],
    seeds: Sequence[int],
    **flags: Any,
) -> dict[Variant, list[TrainConfig]]:
    """The settings of every cell of the matrix, all checked before anything is trained. Others are as in the file, or else as in
    ``defaults``, which is one of the ``flags``."""
    first: dict[str, Any] = {"architecture": next(iter(architectures), None), "location": next(iter(locations), None)}
    base = TrainConfig.load(file, tuple(settings), **first, **flags)
    made: dict[Variant, list[TrainConfig]] = {}
    for variant in matrix(
        architectures or (base.architecture.name,),
        locations or (base.location.name,),
        [_modalities(each) for each in modalities] or [base.modalities],
    ):
        parts: dict[str, Any] = {
            "architecture": variant.architecture,
            "location": variant.location,
            "modalities": variant.modalities,
        }
        made[variant] = [
            TrainConfig.load(file, tuple(settings), **parts, **flags, seed=seed) for seed in dict.fromkeys(seeds) or (base.seed,)
        ]
        open_base(made[variant][0])
    return made


def _modalities(text: str) -> tuple[Modality, ...]:
    given = {name.strip() for name in text.split(",")}
    if not given <= set(TOWERS):
        raise InputError(f"--modalities takes articles, tiles or articles,tiles; got '{text}'")
    return tuple(modality for modality in TOWERS if modality in given)


def _how_to_index(config: TrainConfig, catalogue: Path, folder: Path) -> str:
    own = "" if folder == catalogue / "checkpoint" else f" --checkpoint {folder}"
    (only,) = config.modalities
    return (
        f"next: placebind index build --catalogue {catalogue}{own}; where the index is of the model that this one started from, "
        f"only the {only} are embedded again"
    )


def _print_figures(card: Card) -> None:
    for name in card.config.modalities or TOWERS:
        label = {"articles": "text", "tiles": "tile"}[name]
        median_km = card.figures.get(f"val_{name}_median_km")
        if median_km is not None:
            out.print(f"held-out {label} to place: median {median_km:.0f} km")


def _cells(outcome: Outcome, shown: Sequence[str]) -> list[str]:
    variant, summary = outcome.variant, outcome.summary()
    cells = [variant.architecture, variant.location, "+".join(variant.modalities) or "all"]
    for name in shown:
        average, spread = summary.get(name, (None, None))
        digits = 0 if name.endswith("_km") and "within" not in name else 3
        number = "—" if average is None else f"{average:,.{digits}f}"
        cells.append(number if spread is None else f"{number} ± {spread:,.{digits}f}")
    return cells
