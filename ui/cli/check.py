"""`placebind check`: what is in a catalogue, and what is wrong with it, as a table, as JSON and as a map."""

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table

from index.errors import InputError
from index.quality.examine import examine
from index.quality.findings import SEVERITIES, Finding
from index.records import MODALITIES
from index.store.catalogue import Catalogue
from ui.cli.check_map import draw_map, load_world
from ui.console import ProgressBars, out, plain

EXAMPLES = 5
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(folder: Path, as_json: bool = False, picture: Path | None = None) -> int:
    """Examine a catalogue and print the findings. Returns the exit code: 1 if there is an error among them, else 0."""
    if picture and (picture.suffix.lower() != ".png" or not picture.parent.is_dir()):
        raise InputError(f"--map takes the name of a .png file in a folder that exists, got {picture}")
    catalogue = Catalogue.open(folder)
    world = load_world() if picture else None  # before the work: it may not be installed
    with ProgressBars() as bars:
        findings = examine(catalogue, bars)
        if picture:
            draw_map(world, catalogue, findings, picture, bars)
    report = summary(catalogue, findings)
    if as_json:
        everything = report | {"map": str(picture) if picture else None, "findings": [each.as_dict() for each in findings]}
        sys.stdout.write(json.dumps(everything, ensure_ascii=False, indent=1) + "\n")
    else:
        print_report(report, findings)
        if picture:
            out.print(f"map: {plain(str(picture))}", soft_wrap=True)
    return 1 if report["errors"] else 0


def summary(catalogue: Catalogue, findings: Sequence[Finding]) -> dict[str, Any]:
    """The number of records, and of findings by severity and kind."""
    severities = [finding.severity for finding in findings]
    kinds = [finding.kind for finding in findings]
    return {
        "catalogue": catalogue.uri,
        "records": {modality: catalogue.count(modality) for modality in MODALITIES if catalogue.has(modality)},
        **{f"{severity}s": severities.count(severity) for severity in SEVERITIES},
        "kinds": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    }


def print_report(report: dict[str, Any], findings: Sequence[Finding]) -> None:
    """A row for each kind of finding, the most severe first, with up to five examples."""
    table = Table("", "what", "in", "count", "for example", box=None, pad_edge=False, header_style="bold cyan")
    for (severity, kind, name), group in groupby(findings, key=lambda each: (each.severity, each.kind, each.table)):
        members = list(group)
        shared = members[0].remedy if len({each.remedy for each in members}) == 1 else ""
        lines = [_example(each) + ("" if shared else _remedy(each.remedy)) for each in members[:EXAMPLES]]
        if len(members) > EXAMPLES:
            lines.append(f"[dim]… and {len(members) - EXAMPLES:,} more (--json lists all)[/]")
        if shared:
            lines.append(_remedy(shared).lstrip("\n"))
        table.add_row(f"[{_STYLES[severity]}]{severity}[/]", kind, name, f"{len(members):,}", "\n".join(lines))
    records = ", ".join(f"{count:,} {name}" for name, count in report["records"].items())
    out.print(f"[bold]{plain(report['catalogue'])}[/]: {records}", soft_wrap=True)
    if findings:
        out.print(table)
    out.print(", ".join(f"{report[f'{severity}s']:,} {severity}s" for severity in SEVERITIES))


def _example(finding: Finding) -> str:
    title = f"[bold]{plain(finding.title)}[/]: " if finding.title else ""
    return title + plain(finding.why)


def _remedy(remedy: str) -> str:
    return f"\n[dim]→ {plain(remedy)}[/]"
