"""A task that is a column of a table: it is only data, one row in ``COMPONENTS`` of a file in ``tables/``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from train.probing.tasks._files import Format, loader
from train.probing.tasks._task import Kind, Labelled, LabelOptions, Task


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The publication that the labels come from."""

    source: str
    licence: str
    citation: str


@dataclass(frozen=True)
class TableTask:
    """``asks`` is the question about a point, in a line. Labels are looked for in ``formats``, the best first, then
    ``packaged``."""

    name: str
    asks: str
    kind: Kind
    unit: str
    of: Publication
    formats: tuple[Format, ...]
    packaged: Callable[[], Labelled] | None = None
    Options: ClassVar = LabelOptions

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.asks)  # describes the task, as a module's docstring does

    def build(self, **options: Any) -> Task:
        load = loader(self.name, self.Options.parse(options, where=self.name), self.formats, self.packaged)
        return Task(self.name, self.kind, self.unit, self.of.source, self.of.licence, self.of.citation, load)


def by_name(*tasks: TableTask) -> dict[str, TableTask]:
    return {task.name: task for task in tasks}
