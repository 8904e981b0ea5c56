"""Answers as tables for a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from index.store.statistics import BandStatistics
from retrieval.answer import Answer
from retrieval.asking.names.lookup import distinct
from retrieval.asking.names.resolve import Possible
from retrieval.ranking.explain import Explanation
from ui.cli.doctor import Check
from ui.console import out, plain


def print_answer(answer: Answer) -> None:
    """One table per modality: rank, score, share of all records that it beats, distance, position, title, first words, reasons
    (if the answer was explained) and link."""
    out.print(f"[bold]{plain(answer.query)}[/]")
    for note in answer.notes:
        out.print(plain(note), style="yellow", highlight=False)
    for named in distinct(answer.names):
        explained = f" ({', '.join(_chance(each) for each in named.possible)})" if answer.why else ""
        out.print(plain(named.sentence + explained), style="dim", highlight=False)
    if answer.origin:
        out.print(f"distances from {_position(answer.origin.lat, answer.origin.lon)}", style="dim")
    if answer.confidence:
        out.print(answer.confidence.sentence, style="yellow" if answer.confidence.nowhere else "dim", highlight=False)
    for modality, hits in answer.hits.items():
        table = Table("#", "score", "beats", "km", "position", box=None, pad_edge=False, header_style="bold cyan")
        table.add_column(modality, overflow="fold")  # a truncated link leads nowhere
        for hit in hits:
            distance = "" if hit.distance_km is None else f"{hit.distance_km:,.0f}"
            why = _as_text(answer.why[hit.id]) if hit.id in answer.why else ""
            own = plain(" · ".join(hit.own_facts))
            lines = [plain(hit.title or "—"), own, plain(_first_words(hit.snippet)), why, f"[dim]{plain(hit.link)}[/]"]
            shown = "\n".join(line for line in lines if line)
            beats = "" if hit.percentile is None else f"{hit.percentile:.1f} %"
            table.add_row(str(hit.rank), f"{hit.score:.3f}", beats, distance, _position(hit.place.lat, hit.place.lon), shown)
        out.print(table)


def print_info(catalogue: str, tables: dict[str, Any], statistics: Sequence[BandStatistics]) -> None:
    table = Table("table", "rows", "indexed", "model", title=plain(catalogue), title_justify="left", box=None, pad_edge=False)
    for name, facts in tables.items():
        stale = f" ({facts['stale']} to do: placebind index append)" if facts["stale"] else ""
        table.add_row(name, f"{facts['rows']:,}", f"{facts['indexed']:,}{stale}", (facts["model"] or "—")[:8])
    out.print(table)
    for name, facts in tables.items():
        if facts["own"]:
            out.print(f"own columns of the {name}: {plain(', '.join(facts['own']))}", soft_wrap=True)
    if statistics:
        _print_statistics(statistics)


def _print_statistics(statistics: Sequence[BandStatistics]) -> None:
    """The values measured by each band; the mean and the standard deviation of Sentinel-2 are reflectances."""
    table = Table("sensor", "level", "band", "tiles", "valid pixels", "mean", "std", box=None, pad_edge=False)
    for each in statistics:
        numbers = f"{each.tiles:,}", f"{each.pixels:,}", f"{each.mean:.4f}", f"{each.std:.4f}"
        table.add_row(plain(each.sensor), plain(each.level), plain(each.band), *numbers)
    out.print()
    out.print(table)


def print_checks(checks: Iterable[Check]) -> None:
    table = Table("", "what", "found", "remedy", box=None, pad_edge=False)
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[red]missing[/]" if check.needed else "[yellow]absent[/]"
        table.add_row(mark, check.what, plain(check.found), plain(check.remedy if not check.ok else ""))
    out.print(table)


def _as_text(why: Explanation) -> str:
    """'why: snow +0.412, not hot sand -0.031; nearest named place Alert, 12 km, cosine 0.640'."""
    shares = [(part.label if part.weight > 0 else f"not {part.label}", part.share) for part in why.parts if part.weight]
    parts = ", ".join(f"{label} {share:+.3f}" for label, share in shares)
    near = (
        f"; nearest named place {why.near.title}, {why.near.distance_km:,.0f} km, cosine {why.near.cosine:.3f}" if why.near else ""
    )
    return f"[italic]{plain(f'why: {parts}{near}')}[/]"


def _chance(possible: Possible) -> str:
    """'Vienna, Austria 92 %'."""
    return f"{possible.label} {100 * possible.probability:.0f} %"


def _position(lat: float, lon: float) -> str:
    return f"{abs(lat):.2f}°{'N' if lat >= 0 else 'S'} {abs(lon):.2f}°{'E' if lon >= 0 else 'W'}"


def _first_words(text: str, width: int = 100) -> str:
    return text if len(text) <= width else text[:width].rsplit(" ", 1)[0] + " …"
