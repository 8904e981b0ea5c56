"""The model that comes with PlaceBind: ``model.safetensors`` and its card, ``README.md``, in this folder and in every wheel.

A caller that names no checkpoint uses ``checkpoint_for``: the catalogue's own model if it has one, else this.
"""

from pathlib import Path

from index.errors import CheckpointError

FOLDER = Path(__file__).parent
CARD_FILE = "README.md"
MODEL_FILE = "model.safetensors"  # as in train.checkpoint, which would bring torch along


def shipped_model() -> Path:
    """The folder of the checkpoint. Raises ``CheckpointError`` where the file is missing, as in a source tree without it."""
    if not (FOLDER / MODEL_FILE).is_file():
        raise CheckpointError(
            f"the model that comes with PlaceBind is not in {FOLDER}; run `pip install --force-reinstall --no-deps placebind`, "
            "or give a model of your own with --checkpoint"
        )
    return FOLDER


def checkpoint_for(catalogue: str | Path) -> Path:
    """The model to use where none is named: the finished one in the catalogue's folder ``checkpoint``, else the shipped one.

    Raises ``CheckpointError`` if there is neither."""
    own = Path(catalogue) / "checkpoint"
    return own if (own / MODEL_FILE).is_file() else shipped_model()


def is_shipped(checkpoint: Path) -> bool:
    """Whether this folder is the shipped model's."""
    return checkpoint.resolve() == FOLDER.resolve()


def name_of(checkpoint: Path) -> str:
    """The name of the model in this folder, for messages."""
    return f"the {'shipped ' if is_shipped(checkpoint) else ''}model in {checkpoint}"
