"""Find the components that can be swapped (sources, encoders, architectures, ...) by the name of their module.

A component is one file in its package exposing ``Options`` (a frozen ``Settings``) and ``build(**options)``; no other registration
is needed. Components that differ only in data are rows of a table: a module in a folder of the registry lists them by name in
``COMPONENTS``, each with its ``Options`` and ``build``. Packages outside the project join through the entry-point group
``placebind.<package>``, for example ``placebind.train.encoders.location``. A module is imported only when it is chosen; one in a
folder is imported for its names, so it must import nothing heavy.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

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


class Offered(Protocol):
    """A component that a registry offers: a module, or a row of one."""

    Options: type[Settings]

    def build(self, **options: Any) -> Any: ...


def names(package: str) -> list[str]:
    """Names of all components in a registry (for example ``index.sources``), built-in and from entry points, sorted."""
    return sorted({*_builtin(package), *_rows(package), *_outside(package)})


def load(package: str, name: str) -> Offered:
    """Import one component by name; dashes and underscores are the same. Raises ``ConfigError`` naming the choices."""
    wanted = name.replace("-", "_")
    if wanted in _builtin(package):
        return cast(Offered, importlib.import_module(f"{package}.{wanted}"))
    if wanted in (rows := _rows(package)):
        return rows[wanted]
    if wanted in (outside := _outside(package)):
        return cast(Offered, outside[wanted].load())
    raise ConfigError(f"{package} has no component named '{name}'; choose one of: {', '.join(names(package))}")


def resolve(package: str, name: str, options: dict[str, Any]) -> Settings:
    """All options of a component with the defaults filled in, checked: these go into a checkpoint."""
    return load(package, name).Options.parse(options, where=f"{package}.{name}")


def _builtin(package: str) -> list[str]:
    return [module.name for module in _modules(package) if not module.ispkg]


def _rows(package: str) -> dict[str, Offered]:
    """The components of the modules in the folders of a registry."""
    folders = [f"{package}.{module.name}" for module in _modules(package) if module.ispkg]
    tables = [f"{folder}.{module.name}" for folder in folders for module in _modules(folder)]
    offered: list[Mapping[str, Offered]] = [importlib.import_module(table).COMPONENTS for table in tables]
    return {name: component for components in offered for name, component in components.items()}


def _modules(package: str) -> list[pkgutil.ModuleInfo]:
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [module for module in found if not module.name.startswith("_")]


def _outside(package: str) -> dict[str, EntryPoint]:
    return {point.name.replace("-", "_"): point for point in entry_points(group=f"placebind.{package}")}
