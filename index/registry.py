"""Find the components that can be swapped (sources, encoders, architectures, ...) by the name of their module.

A component is one file in its package exposing ``Options`` (a frozen ``Settings``) and ``build(**options)``; dropping the file in
is all the registration there is. Packages outside the project join through the entry-point group ``placebind.<package>``,
for example ``placebind.train.encoders.location``. A module is imported only when it is chosen.
"""

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from pydantic import Field, field_validator

from index.errors import ConfigError
from index.settings import Settings

REGISTRIES = (
    "index.sources",
    "index.search.backends",
    "train.encoders.location",
    "train.encoders.text",
    "train.encoders.image",
    "train.objective.architectures",
    "train.probing.features",
    "train.probing.tasks",
)


class Component(Settings):
    """One component as a configuration names it: the module's name and its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _as_module(cls, name: str) -> str:
        """Dashes and underscores are the same, but two spellings would be two configurations."""
        return name.replace("-", "_")


def names(package: str) -> list[str]:
    """Names of all components in a registry (for example ``index.sources``), built-in and from entry points, sorted."""
    return sorted(set(_builtin(package)) | set(_outside(package)))


def load(package: str, name: str) -> ModuleType:
    """Import one component by name; dashes and underscores are the same. Raises ``ConfigError`` naming the choices."""
    wanted = name.replace("-", "_")
    if wanted in _builtin(package):
        return importlib.import_module(f"{package}.{wanted}")
    outside = _outside(package)
    if wanted in outside:
        module: ModuleType = outside[wanted].load()
        return module
    raise ConfigError(f"{package} has no component named '{name}'; choose one of: {', '.join(names(package))}")


def resolve(package: str, name: str, options: dict[str, Any]) -> Settings:
    """All options of a component with the defaults filled in, checked: this is what goes into a checkpoint."""
    settings: type[Settings] = load(package, name).Options
    return settings.parse(options, where=f"{package}.{name}")


def _builtin(package: str) -> list[str]:
    path = importlib.import_module(package).__path__
    return [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]


def _outside(package: str) -> dict[str, EntryPoint]:
    return {point.name.replace("-", "_"): point for point in entry_points(group=f"placebind.{package}")}
