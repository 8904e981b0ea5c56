"""The report of an evaluation as one self-contained HTML file: no network, no script, no other file.

``placebind evaluate`` -> the folder of results (train/probing/results.py) -> ``write_report`` -> ``report.html`` in it. All numbers
are read from that folder, so repeating a finished run (which computes nothing) rewrites its report.

    found.py        what the folder holds        scores.py       tables of scores, and their meaning in words
    added.py        what learning adds           helped.py       maps of where it helps
    chart.py        scores as a chart            errors.py       the figures of each task
    maps.py         maps of errors, their land   agreement.py    predicted values against true ones
    retrieved.py    retrieval results            cards.py        model cards
    heading.py      what was run, when and how   page.py         the page around them
    numbers.py      how numbers are shown        html.py         how all of it is escaped
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

REPORT_FILE = "report.html"


def write_report(folder: Path, checkpoints: Sequence[Path], made: datetime) -> Path:
    """Write ``folder/report.html``, whole or not at all; ``folder/cards`` keeps the cards of ``checkpoints`` for later reports.

    Raises ``InputError`` where the folder holds no results or damaged ones.
    """
    from index.files import made_whole
    from ui.report.cards import keep_cards
    from ui.report.found import read_folder
    from ui.report.page import page

    keep_cards(folder, checkpoints)
    with made_whole(folder / REPORT_FILE) as partial:
        partial.write_text(page(read_folder(folder), made), encoding="utf-8")
    return folder / REPORT_FILE
