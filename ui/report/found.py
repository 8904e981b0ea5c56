"""The contents of a folder of results, as the report shows it: its rows in tables of tasks and columns, and what each column is."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from index.errors import InputError, one_line
from retrieval.figures.results import JSON_FILE as RETRIEVAL_FILE
from train.probing.features._kinds import FeaturesKind, kind_of
from train.probing.paired import Difference, difference_of
from train.probing.results import JSON_FILE, NotRun, Row, averaged, column_title, row_of
from ui.report.cards import Card, read_cards

COLUMNS = ("lat", "lon", "target", "predicted", "residual")
ORDER: tuple[FeaturesKind, ...] = ("floor", "ours", "peer", "joined")


@dataclass(frozen=True)
class Column:
    """Features as one probe reads them; ``label`` tells it from all other columns."""

    label: str
    kind: FeaturesKind
    probe: str
    dim: int
    digest: str


@dataclass(frozen=True)
class TaskRows:
    """One table of labels. ``about``: fields of train.probing.tasks._task.Task, empty if an earlier run wrote it."""

    label: str
    about: dict[str, Any]
    rows: list[Row]

    @property
    def one(self) -> Row:
        """Any of the rows, for the fields that all share: kind, unit, metric, points, source."""
        return self.rows[-1]

    @property
    def anchor(self) -> str:
        """Its name in links within the page."""
        return "task-" + re.sub(r"[^a-z0-9]+", "-", self.label.lower())


@dataclass(frozen=True)
class Found:
    """``rows`` of one protocol, all of different keys, untrained twins as one; ``differences`` have the twins' own rows.
    ``retrieval``: figures as dictionaries, empty where there are none."""

    folder: Path
    rows: list[Row]
    not_run: list[NotRun]
    differences: list[Difference] = field(default_factory=list)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    retrieval: list[dict[str, Any]] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)

    @cached_property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(row.split for row in self.rows))

    @cached_property
    def tasks(self) -> list[TaskRows]:
        """In the order of the rows; tables of labels that only share a name are told apart."""
        names = _distinct(((row.labels_digest, row.task), row.task) for row in self.rows)
        return [
            TaskRows(name, self.about.get(key[1], {}), [row for row in self.rows if (row.labels_digest, row.task) == key])
            for key, name in names.items()
        ]

    @cached_property
    def columns(self) -> dict[tuple[str, str], Column]:
        """By digest and probe: floors, then ours, peers, combinations."""
        titles = (((row.features_digest, row.probe), column_title(row.features, row.probe)) for row in self.rows)
        labels, rows = _distinct(titles), {(row.features_digest, row.probe): row for row in self.rows}
        made = {key: Column(label, kind_of(key[0]), key[1], rows[key].dim, key[0]) for key, label in labels.items()}
        return dict(sorted(made.items(), key=lambda item: ORDER.index(item[1].kind)))

    def column(self, row: Row) -> Column:
        return self.columns[row.features_digest, row.probe]

    def predictions(self, row: Row) -> dict[str, Any] | None:
        """``COLUMNS`` of a row's test points, each [N]; None where the file is gone. Raises ``InputError`` for a damaged one."""
        path = self.folder / "predictions" / row.predictions
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path, columns=[*COLUMNS])
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} cannot be read ({one_line(error)}); delete it, and the report will do without it") from None
        return {name: table[name].to_numpy() for name in COLUMNS}


def read_folder(folder: Path) -> Found:
    """Tasks, retrieval, or both. Raises ``InputError`` where there are no results, or damaged ones."""
    if not any((folder / name).is_file() for name in (JSON_FILE, RETRIEVAL_FILE)):
        raise InputError(f"there are no results in {folder}; run `placebind evaluate`")
    content = _json(folder / JSON_FILE, {"rows": [], "not_run": [], "tasks": {}})
    try:
        rows = [row_of(each) for each in content["rows"]]
        not_run, known = [NotRun(**each) for each in content["not_run"]], {row.key: row for row in rows}
        differences = [difference_of(each, known) for each in content.get("differences", [])]  # folders of older versions have none
        retrieval, cards = _json(folder / RETRIEVAL_FILE, []), read_cards(folder)
        return Found(folder, averaged(rows), not_run, differences, content["tasks"], retrieval, cards)
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / JSON_FILE} holds no results ({one_line(error)}); choose another --out") from None


def _json(path: Path, otherwise: Any) -> Any:
    """The content of the file, ``otherwise`` where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else otherwise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({one_line(error)}); choose another --out") from None


def _distinct(pairs: Iterable[tuple[tuple[str, str], str]]) -> dict[tuple[str, str], str]:
    """The last name of each key, which begins with a digest; where several keys share a name, the start of the digest is added."""
    names = dict(pairs)
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} [{_short(key[0])}]" for key, name in names.items()}


def _short(digest: str) -> str:
    """'geoclip-94b80ae3…' is 94b80ae3."""
    found = re.search(r"[0-9a-f]{16,}", digest)
    return (found[0] if found else digest)[:8]
