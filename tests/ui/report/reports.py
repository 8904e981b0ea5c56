"""Folders of results as `placebind evaluate` leaves them, invented: rows and predictions are what a test says they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from train.probing.paired import Difference
from train.probing.results import JSON_FILE, PROTOCOL, NotRun, Row

OURS, OTHER = "a" * 64, "b" * 64
MADE = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
VOID = {"meta", "br", "link", "img", "input"}
WARMTH = Row(
    task="warmth", kind="regression", unit="°C", metric="R2", features="lonlat", dim=2, probe="ridge", split="random",
    score=0.5, low=0.4, high=0.6, balanced=None, folds=(0.5,), points=4, dropped=0, classes=None, unseen=0.0, seconds=1.0,
    blocks=24,
    source="invented stations", predictions="none.parquet", labels_digest="c" * 64, features_digest="lonlat", protocol=PROTOCOL,
)  # fmt: skip
SIDE = replace(
    WARMTH, task="side", kind="classification", unit="", metric="accuracy", balanced=0.4, classes=2, labels_digest="d" * 64
)
POINTS = {"lat": [50.0, 50.0, -30.0, 10.0], "lon": [10.0, 11.0, 150.0, -100.0]}


def ours(row: Row, score: float, half: float = 0.01, **changes: Any) -> Row:
    """The same asked of a model of ours."""
    return replace(row, features="model hidden", features_digest=f"{OURS}-hidden", **_score(score, half), **changes)


def peer(row: Row, score: float, half: float = 0.01, **changes: Any) -> Row:
    return replace(row, features="geoclip", features_digest=f"geoclip-{'e' * 64}", **_score(score, half), **changes)


def floor(row: Row, score: float, half: float = 0.01, **changes: Any) -> Row:
    return replace(row, **_score(score, half), **changes)


def twins(row: Row, score: float, half: float = 0.01, **changes: Any) -> list[Row]:
    """The three untrained twins of the model, whose scores are apart by 0.01."""
    return [
        replace(
            row, features="model hidden, untrained", features_digest=f"{OURS}-hidden-untrained{seed}",
            **_score(score + (seed - 1) / 100, half), **changes,
        )
        for seed in range(3)
    ]  # fmt: skip


def against(title: str, row: Row, others: Sequence[Row], low: float, high: float) -> Difference:
    """``row`` minus the mean of ``others``, with the interval that a test wants."""
    return Difference(title, row, tuple(others), row.score - sum(each.score for each in others) / len(others), low, high)


def _score(score: float, half: float) -> dict[str, float]:
    return {"score": score, "low": score - half, "high": score + half}


def write_results(
    folder: Path,
    rows: Sequence[Row],
    not_run: Sequence[NotRun] = (),
    differences: Sequence[Difference] | None = None,
    **tasks: Mapping[str, str],
) -> Path:
    """``results.json``; None stands for what is no number. Without ``differences``, as older versions wrote it."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [_without_nan(asdict(row) | {"compared": []}) for row in rows]
    content: dict[str, Any] = {"protocol": PROTOCOL, "rows": plain, "not_run": [asdict(each) for each in not_run], "tasks": tasks}
    if differences is not None:
        content["differences"] = [_without_nan(each.as_dict()) for each in differences]
    (folder / JSON_FILE).write_text(json.dumps(content))
    return folder


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value != value else value for key, value in values.items()}


def write_predictions(folder: Path, name: str, target: Sequence[Any], predicted: Sequence[Any], **points: Sequence[float]) -> None:
    """``predictions/<name>`` at ``POINTS``, or at others."""
    pairs = list(zip(target, predicted, strict=True))
    residual = [float(said != true) if isinstance(said, str) else said - true for true, said in pairs]
    columns = {**(points or POINTS), "fold": ["0"] * len(pairs), "target": target, "predicted": predicted, "residual": residual}
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "predictions" / name)


class Read(HTMLParser):
    """A page as its elements; raises ``AssertionError`` where one is not closed, or closed in another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data

    def having(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of this name."""
        return [attributes for each, attributes in self.elements if each == name]

    @property
    def words(self) -> str:
        return " ".join(self.text)
