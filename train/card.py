"""The model card: what a model was trained on, how it was made and how well it does, written next to every checkpoint."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from index.errors import CheckpointError
from index.files import made_whole
from index.records import MODALITIES
from index.store.catalogue import Catalogue
from train.batching.batches import Records
from train.checkpoint import CARD_FILE, Card, Checkpoint, Origin, TextConfidence
from train.config import TrainConfig
from train.data import TRAINING
from train.objective.architecture import TOWERS, Architecture
from train.protocols import encoder_of


def describe(
    config: TrainConfig,
    model: Architecture,
    catalogue: Catalogue,
    records: list[Records],
    data_digest: str,
    figures: dict[str, float],
) -> Card:
    trained_on = {each.modality: len(each) for each in records}
    seen = set(catalogue.column("tiles", ["sensor"], where=TRAINING)["sensor"].to_pylist()) if "tiles" in trained_on else set()
    tower = encoder_of(model.encoders, "tiles")
    return Card(
        config=config,
        trained_on=trained_on,
        origins=tuple(origin for each in records for origin in _origins(catalogue, each)),
        data_digest=data_digest,
        sensors=tuple(sensor for sensor in tower.sensors if sensor in seen),
        figures=figures,
        placebind_version=version("placebind"),
    )


def with_base(card: Card, base: Checkpoint) -> Card:
    """The card of a model that started from ``base``, with what is known of the parts that were kept (``train.base``)."""
    before, learnt = base.card, card.config.modalities
    trained_on = {**before.trained_on, **card.trained_on}
    figures = {
        name: value
        for name, value in before.figures.items()
        if name != "total" and not name.removeprefix("val_").startswith(learnt)
    }
    return card.model_copy(
        update={
            "trained_on": {modality: trained_on[modality] for modality in TOWERS if modality in trained_on},
            "origins": tuple(
                origin
                for modality in TOWERS
                for origin in (card if modality in learnt else before).origins
                if origin.modality == modality
            ),
            "sensors": card.sensors if "tiles" in learnt else before.sensors,
            "figures": figures | card.figures,
            "confidence": None if "articles" in learnt else before.confidence,
            "base_digests": {modality: base.digest_of(modality) for modality in MODALITIES},
        }
    )


def write_card(folder: Path, checkpoint: Checkpoint) -> None:
    """``MODEL_CARD.md`` in the folder of the checkpoint."""
    with made_whole(folder / CARD_FILE, CheckpointError) as partial:
        partial.write_text(card_text(checkpoint), encoding="utf-8")


def card_text(checkpoint: Checkpoint) -> str:
    """The card as Markdown."""
    card, config = checkpoint.card, checkpoint.card.config
    learnt = " and ".join(f"{count:,} {modality}" for modality, count in card.trained_on.items())
    parts = {"architecture": config.architecture, "location": config.location, "text": config.text, "image": config.image}
    used = [name for name in parts if not (name == "text" and "articles" not in card.trained_on)]
    used = [name for name in used if not (name == "image" and "tiles" not in card.trained_on)]
    lines = [
        f"# PlaceBind model {checkpoint.digest[:8]}",
        "",
        f"A space of {config.dim} dimensions, learnt from {learnt} and their positions by PlaceBind {card.placebind_version}.",
        "",
        f"- SHA-256 of `{checkpoint.path.name}`: `{checkpoint.digest}`",
        f"- digest of the training records: `{card.data_digest}`",
        f"- up to {config.steps} steps, seed {config.seed}; all settings stand in the header of the file",
        *_started_from(config),
        "",
        "## Parts",
        "",
        *_table(("part", "name", "options"), [(name, parts[name].name, _options(parts[name].options)) for name in used]),
        "",
        "## Data",
        "",
        *_table(
            ("modality", "source", "licence", "records"),
            [(each.modality, each.source or "not said", each.licence or "not said", f"{each.records:,}") for each in card.origins],
        ),
        "",
        "## Figures",
        "",
        "Held-out records (`split = 'val'`, which may have chosen the step) against 20,000 points all over the sphere, and the "
        "training losses of the last step."
        if any(name.startswith("val_") for name in card.figures)
        else "No record was held out, so nothing is known but the training losses of the last step.",
        "",
        *_table(("figure", "value"), [(name, f"{value:.4g}") for name, value in card.figures.items()]),
        "",
        *_confidence(card.confidence),
        "## Limits",
        "",
        "Where the data above are thin the space is a guess. Nothing was done against the biases of the sources: what is written "
        "about a place is what its writers found worth writing.",
        "",
    ]
    return "\n".join(lines)


def _started_from(config: TrainConfig) -> list[str]:
    if config.base is None:
        return []
    learnt = " and ".join(config.modalities)
    return [f"- only the encoder of {learnt} was trained here; all else is that of model `{config.base.digest[:8]}`, bit for bit"]


def _confidence(fitted: TextConfidence | None) -> list[str]:
    if fitted is None:
        return []
    told = (
        f"Fitted on {fitted.texts:,} texts of {fitted.articles:,} held-out articles: temperature {fitted.temperature:.4f}; a text "
        f"whose best cosine is below {fitted.least_cosine:.3f} is of no place in particular. Of articles that chose nothing "
        "(`split = 'report'`), by kind of text: the part whose place lies in the smallest region said to hold so much, and the "
        "part called of no place."
    )
    return ["## Confidence", "", told, "", *_table(("figure", "value"), [(n, f"{v:.3f}") for n, v in fitted.figures.items()]), ""]


def _origins(catalogue: Catalogue, records: Records) -> list[Origin]:
    rows = catalogue.column(records.modality, ["source", "licence"], where=TRAINING)
    learnt = set(records.ids)
    pairs = zip(rows["id"].to_pylist(), rows["source"].to_pylist(), rows["licence"].to_pylist(), strict=True)
    counts = Counter((source or "", licence or "") for id_, source, licence in pairs if id_ in learnt)
    return [
        Origin(modality=records.modality, source=source, licence=licence, records=count)
        for (source, licence), count in sorted(counts.items())
    ]


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(heads), line(("---",) * len(heads)), *map(line, rows)]
