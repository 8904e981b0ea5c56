"""Labels from files: a file of the user's, files of known names in a folder, or the publisher's, kept in the user's cache.

Every task lists the formats it knows (``Format``), the best first. Nothing is downloaded unless the user asks for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from index.errors import InputError, SourceError, one_line
from index.files import cache_folder, file_sha256, made_whole
from train.probing.tasks._task import Kind, Labelled, LabelOptions, TaskUnavailableError

NOT_PINNED = "not pinned"


@dataclass(frozen=True)
class Remote:
    """A publisher's file. ``sha256`` is empty if we never had the file: no digest is invented, and the text says so."""

    url: str
    file: str
    sha256: str = ""

    @property
    def pinned(self) -> str:
        return self.sha256 or NOT_PINNED


@dataclass(frozen=True)
class Format:
    """Files that together hold the labels, by the names to look for; ``read`` takes their paths in this order."""

    files: tuple[str, ...]
    read: Callable[[Sequence[Path]], Labelled]
    remotes: tuple[Remote, ...] = ()


def table(
    *files: str,
    lat: str,
    lon: str,
    target: str,
    kind: Kind,
    source: str,
    absent: tuple[Any, ...] = (),
    one_a_place: bool = False,
    where: tuple[str, str] | None = None,
    remotes: tuple[Remote, ...] = (),
) -> Format:
    """CSV or Parquet files with these columns, put one below the other.

    ``where``: a column and the value of the rows that count, in tables with the labels of several tasks. ``absent``: values that
    stand for no label. ``one_a_place``: of several rows at one point only the first counts; in a random split the others would be
    seen in training.
    """
    columns = {"lat": lat, "lon": lon, "target": target}
    columns |= {"where": where[0]} if where else {}
    value = where[1] if where else None
    read = partial(_read_table, columns=columns, kind=kind, source=source, absent=absent, one_a_place=one_a_place, value=value)
    return Format(files, read, remotes)


def loader(
    name: str, options: LabelOptions, formats: Sequence[Format], packaged: Callable[[], Labelled] | None = None
) -> Callable[[], Labelled]:
    """The function that loads a task's labels: from ``path``, else ``folder``, else ``packaged``, else a download.

    Raises ``InputError`` for a file in none of the formats, ``SourceError`` for a download that fails or is another file,
    ``TaskUnavailableError`` if there are no labels.
    """

    def load() -> Labelled:
        if options.path is not None:
            return _of_the_user(name, options.path, formats)
        for each in formats if options.folder else ():
            paths = [Path(options.folder or "") / file for file in each.files]
            if all(path.is_file() for path in paths):
                return each.read(paths)
        if packaged is not None:
            return packaged()
        for each in formats if options.download else ():
            if each.remotes:
                return each.read([fetch(remote) for remote in each.remotes])
        raise TaskUnavailableError(f"{name}: its labels are not here; {_remedy(formats)}")

    return load


def fetch(remote: Remote) -> Path:
    """A publisher's file from the user's cache, downloaded if it is not there. Raises ``SourceError``."""
    from index.http import Client

    kept = cache_folder() / "labels" / remote.file
    if not kept.is_file():
        content = Client().get(remote.url)
        with made_whole(kept) as partial_file:
            partial_file.write_bytes(content)
    found = file_sha256(kept)
    if remote.sha256 and found != remote.sha256:
        kept.unlink()
        raise SourceError(f"{remote.url} has SHA-256 {found}, expected {remote.sha256}; the publisher may have changed it")
    return kept


def read_frame(path: Path) -> Any:
    """A CSV or Parquet file as a pandas frame. Raises ``InputError``."""
    import pandas as pd  # type: ignore[import-untyped]

    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:  # the errors of pandas and Arrow are ValueErrors
        raise InputError(f"{path} cannot be read as a table ({one_line(error)}); expected CSV or Parquet") from None


def _read_table(
    paths: Sequence[Path],
    *,
    columns: dict[str, str],
    kind: Kind,
    source: str,
    absent: tuple[Any, ...],
    one_a_place: bool,
    value: str | None,
) -> Labelled:
    import pandas as pd

    frame = pd.concat([_with_columns(path, columns) for path in paths], ignore_index=True)
    if value is not None:
        frame = frame[frame[columns["where"]] == value]
    if one_a_place:
        frame = frame.drop_duplicates([columns["lat"], columns["lon"]])
    target = frame[columns["target"]].astype(object)
    target = target.where(~target.isin(list(absent)) & target.notna(), None)
    return Labelled.of(frame[columns["lat"]], frame[columns["lon"]], target.to_numpy(), kind, source)


def _with_columns(path: Path, columns: dict[str, str]) -> Any:
    frame = read_frame(path)
    lacking = sorted(set(columns.values()) - set(frame.columns))
    if lacking:
        found = ", ".join(map(str, frame.columns[:12]))
        raise InputError(f"{path} has no column {', '.join(lacking)}; it has {found}")
    return frame


def _of_the_user(name: str, path: Path, formats: Sequence[Format]) -> Labelled:
    """The first format that the file is in."""
    if not path.is_file():
        raise InputError(f"{name}: there is no file {path}; give the path of a table of labels")
    problems: list[str] = []
    for each in formats:
        if len(each.files) == 1 and Path(each.files[0]).suffix in (path.suffix, ".csv", ".parquet"):
            try:
                return each.read([path])
            except InputError as error:
                problems.append(str(error))
    raise InputError(f"{name}: {path} is in none of the formats known: {'; '.join(problems) or _names(formats)}")


def _names(formats: Sequence[Format]) -> str:
    return " or ".join(" with ".join(each.files) for each in formats)


def _remedy(formats: Sequence[Format]) -> str:
    remotes = list(_addresses(formats))
    online = f", or add --download for {', '.join(remotes)}" if remotes else ""
    return f"put {_names(formats)} into the folder of --labels{online}"


def _addresses(formats: Sequence[Format]) -> Iterator[str]:
    for each in formats:
        if each.remotes:
            yield from (f"{remote.url} (SHA-256 {remote.pinned})" for remote in each.remotes)
            return
