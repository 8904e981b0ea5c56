"""The curve of a run: one row of figures per step, saved in ``history.csv`` next to the checkpoint."""

import csv
from pathlib import Path
from typing import Self

from index.files import write_csv

HISTORY_FILE = "history.csv"


class History:
    """``rows``: step -> figure by name. A figure missing from a step is an empty cell in the file."""

    def __init__(self, path: Path, rows: list[dict[str, float]] | None = None) -> None:
        self.path, self.rows = path, rows or []

    @classmethod
    def open(cls, folder: Path, before: int = 0) -> Self:
        """The curve so far of a run that resumes at step ``before``; rows from there on are dropped and written again."""
        path = folder / HISTORY_FILE
        if not before or not path.is_file():
            return cls(path)
        with path.open(newline="") as stream:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]
        return cls(path, [row for row in rows if row["step"] < before])

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)

    def save(self) -> None:
        write_csv(self.path, [{**row, "step": int(row["step"])} for row in self.rows])
