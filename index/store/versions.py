"""The versions of a table: every commit leaves one, a tag protects one from removal, an old one can be made the newest again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from index.errors import CatalogueError, InputError, one_line, writing
from index.records import Modality
from index.store.catalogue import Catalogue
from index.store.manifest import MANIFEST_KEY, Manifest


@dataclass(frozen=True)
class Version:
    """One version of a table; ``indexed`` and ``model`` (digest) are those of its manifest, 0 and None before the first build."""

    number: int
    committed: datetime
    rows: int
    indexed: int
    model: str | None
    tags: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "committed": self.committed.isoformat(timespec="seconds"), "tags": list(self.tags)}


def versions_of(catalogue: Catalogue, modality: Modality, newest: int | None = None) -> list[Version]:
    """The versions that can still be read, oldest first; if ``newest`` is given, only that many and the tagged ones."""
    dataset = catalogue.dataset(modality)
    names: dict[int, list[str]] = {}
    for tag, said in dataset.tags.list().items():
        names.setdefault(said["version"], []).append(tag)
    found = sorted(dataset.versions(), key=lambda each: each["version"])
    recent = {each["version"] for each in (found if newest is None else found[-newest:])}
    wanted = [each for each in found if each["version"] in recent or each["version"] in names]
    return [_version(dataset, each, names) for each in wanted]


def tag_version(catalogue: Catalogue, modality: Modality, name: str) -> int:
    """Name the newest version; returns its number. Raises ``InputError`` for a name that is taken or that Lance does not allow."""
    dataset = catalogue.table(modality).to_lance()
    if name.isdigit() or not name:
        raise InputError(f"a tag needs a name that is not a number, got '{name}'")
    if name in dataset.tags.list():
        raise InputError(
            f"the {modality} have a version tagged '{name}' already; choose another name, or run `placebind index versions untag`"
        )
    try:
        dataset.tags.create(name, dataset.version)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"'{name[:80]}' cannot be a tag: {one_line(error)}") from error
    return int(dataset.version)


def untag_version(catalogue: Catalogue, modality: Modality, name: str) -> None:
    """Remove a tag; the version may then be removed too. Raises ``InputError`` if there is no such tag."""
    dataset = catalogue.table(modality).to_lance()
    if name not in dataset.tags.list():
        raise _unknown(catalogue, modality, name)
    dataset.tags.delete(name)


def restore_version(catalogue: Catalogue, modality: Modality, wanted: str) -> int:
    """Make a version (its tag or its number) the newest, by a commit of its own, so that it can be undone; returns the new number.

    Raises ``InputError`` if there is no such version, ``CatalogueError`` if it was removed. Records ingested since are gone from
    the newest version too.
    """
    table = catalogue.table(modality)
    dataset = table.to_lance()
    tags = {name: said["version"] for name, said in dataset.tags.list().items()}
    number = tags.get(wanted, int(wanted) if wanted.isdecimal() else None)
    if number is None or (wanted not in tags and number not in {each["version"] for each in dataset.versions()}):
        raise _unknown(catalogue, modality, wanted)
    _at(dataset, number)
    with writing(f"version {number} of the {modality} cannot be brought back"):
        table.restore(number)
    return int(catalogue.table(modality).version)


def _version(dataset: Any, said: Any, names: dict[int, list[str]]) -> Version:
    number = said["version"]
    then = _at(dataset, number)
    manifest = _manifest((then.metadata or {}).get(MANIFEST_KEY))
    indexed, model = (manifest.rows, manifest.model_digest) if manifest else (0, None)
    tags = tuple(sorted(names.get(number, ())))
    return Version(number, said["timestamp"].astimezone(), int(said["metadata"]["total_rows"]), indexed, model, tags)


def _manifest(text: str | None) -> Manifest | None:
    """None as well for one of another PlaceBind: what cannot be opened can still be listed."""
    try:
        return Manifest.from_json(text) if text else None
    except CatalogueError:
        return None


def _at(dataset: Any, number: int) -> Any:
    """The dataset at one of its versions. Raises ``CatalogueError`` if that was cleaned away meanwhile, or by another program."""
    try:
        return dataset.checkout_version(number)
    except (OSError, ValueError, RuntimeError) as error:
        raise CatalogueError(
            f"version {number} cannot be read any more: {one_line(error)}; choose another of `placebind index versions list`"
        ) from error


def _unknown(catalogue: Catalogue, modality: Modality, wanted: str) -> InputError:
    return InputError(
        f"the {modality} have no version '{wanted[:80]}'; `placebind index versions list --catalogue {catalogue.uri}` lists them"
    )
