"""Several trainings side by side: every combination of architecture, location encoder, modalities and seed on the same records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from index.errors import CheckpointError
from index.files import write_csv
from index.progress import Progress
from index.records import Modality
from index.store.catalogue import Catalogue
from train.checkpoint import MODEL_FILE, Card, Checkpoint
from train.config import TrainConfig
from train.loop import train
from train.objective.distributed import rank

TABLE_FILE = "compare.csv"


@dataclass(frozen=True)
class Variant:
    """One cell of the matrix, without its seeds. ``modalities`` () means all there are."""

    architecture: str
    location: str
    modalities: tuple[Modality, ...]

    @property
    def name(self) -> str:
        return "-".join((self.architecture, self.location, "+".join(self.modalities) or "all"))


@dataclass(frozen=True)
class Outcome:
    """The figures of one variant: seed -> figure by name."""

    variant: Variant
    seeds: dict[int, dict[str, float]]

    def summary(self) -> dict[str, tuple[float, float | None]]:
        """Figure -> mean over the seeds and their standard deviation (None for a single seed)."""
        names = dict.fromkeys(name for figures in self.seeds.values() for name in figures)
        values = {name: [figures[name] for figures in self.seeds.values() if name in figures] for name in names}
        return {name: (mean(each), stdev(each) if len(each) > 1 else None) for name, each in values.items()}


def matrix(architectures: Sequence[str], locations: Sequence[str], modalities: Sequence[tuple[Modality, ...]]) -> Iterator[Variant]:
    return (Variant(*each) for each in product(architectures, locations, modalities))


def compare(
    variants: dict[Variant, list[TrainConfig]], catalogue: Catalogue, out: Path, progress: Progress | None = None
) -> list[Outcome]:
    """Train each configuration into ``out/<variant>-seed<n>`` and write ``compare.csv``. Finished trainings are not repeated.

    Raises ``CheckpointError`` if a folder holds a model of other settings, or if models were trained on different records: the
    catalogue may have grown since the comparison began.
    """
    outcomes: list[Outcome] = []
    digests: dict[frozenset[Modality], str] = {}
    for variant, configs in variants.items():
        outcomes.append(Outcome(variant, {}))
        for config in configs:
            folder = out / f"{variant.name}-seed{config.seed}"
            card = _card(config, catalogue, folder, progress)
            if digests.setdefault(frozenset(card.trained_on), card.data_digest) != card.data_digest:
                raise CheckpointError(f"{folder} was trained on other records than the models before it; choose another --out")
            outcomes[-1].seeds[config.seed] = card.figures
        if rank() == 0:
            _write_table(outcomes, out / TABLE_FILE)
    return outcomes


def _card(config: TrainConfig, catalogue: Catalogue, folder: Path, progress: Progress | None) -> Card:
    if not (folder / MODEL_FILE).exists():
        if progress:
            progress.start(folder.name, None)
        return train(config, catalogue, folder, progress=progress).checkpoint.card
    card = Checkpoint.open(folder).card
    if card.config != config.resolved():
        raise CheckpointError(f"{folder} holds a model of other settings; choose another --out")
    return card


def _write_table(outcomes: list[Outcome], path: Path) -> None:
    rows = [
        {
            "architecture": outcome.variant.architecture,
            "location": outcome.variant.location,
            "modalities": "+".join(outcome.variant.modalities) or "all",
            "seed": seed,
            **figures,
        }
        for outcome in outcomes
        for seed, figures in outcome.seeds.items()
    ]
    write_csv(path, rows)
