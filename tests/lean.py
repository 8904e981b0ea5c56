"""Environments that hold the packages of a list and those that these ask for, and no other that is installed here."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.homes import environment_of

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
BARE = "bare.txt"  # of which only the packages themselves are installed


def listed(name: str) -> Iterator[str]:
    """The lines of a file of requirements, and of those that it names."""
    for line in (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from listed(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            yield line


def base() -> list[str]:
    """What PlaceBind itself asks for, without any extra; those of ``BARE`` are added to every environment."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    bare = {Requirement(line).name for line in listed(BARE)}
    return [line for line in asked if Requirement(line).name not in bare]


def environment(folder: Path, requirements: Iterable[str]) -> Path:
    """A folder of links to the installed packages that pip would install for these lines, with the code of this repository."""
    folder.mkdir()
    names = {_plain(Requirement(line).name) for line in listed(BARE)} | {"placebind"}
    _add(names, requirements)
    for name in names:
        found = distribution(name)
        for first in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            if not (folder / first).exists():
                (folder / first).symlink_to(Path(str(found.locate_file(first))))
    for package in ("index", "train", "retrieval", "ui"):
        if not (folder / package).exists():
            (folder / package).symlink_to(ROOT / package)
    return folder


def run(packages: Path, home: Path, *arguments: str, code: int = 0) -> str:
    """What `placebind` prints there, on either stream."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ui", *arguments], cwd=home, env=environment_variables(packages, home), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout


def environment_variables(packages: Path, home: Path) -> dict[str, str]:
    """-S leaves out what is installed beside Python."""
    return environment_of(home) | {"PYTHONPATH": str(packages), "PATH": os.environ["PATH"]}


def _add(names: set[str], requirements: Iterable[str]) -> None:
    for line in requirements:
        asked = Requirement(line)
        name = _plain(asked.name)
        if name in names or (asked.marker and not asked.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        _add(names, distribution(name).requires or ())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
