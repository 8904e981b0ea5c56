"""The state of an index: how many rows wait for a vector, which indexes there are, how much disk they and the snapshots take."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.records import Modality
from index.store.catalogue import Catalogue
from index.store.derived import derived_folders
from index.store.manifest import Manifest
from index.store.staging import staged_rows
from index.store.vector_column import LACKS_VECTOR, VECTOR, without_vector
from index.store.vectors import manifest_of


@dataclass(frozen=True)
class IndexFile:
    """An index inside the Lance table, or a file made from it: the rows it covers (None: its file does not say) and its size."""

    name: str
    kind: str
    rows: int | None
    size_bytes: int


@dataclass(frozen=True)
class Inventory:
    """``stale`` rows wait for a vector; ``staged`` of them are embedded by a build that has not finished. ``unlearnt`` rows, by
    sensor, will get no vector from this model."""

    modality: Modality
    rows: int
    stale: int
    unlearnt: dict[str, int]
    staged: int
    version: int
    fragments: int
    table_bytes: int
    manifest: Manifest | None
    files: list[IndexFile]

    def as_dict(self) -> dict[str, Any]:
        manifest = self.manifest.model_dump(mode="json", exclude={"mean"}) if self.manifest else None
        return {**vars(self), "manifest": manifest, "files": [asdict(file) for file in self.files]}


def inventory_of(catalogue: Catalogue, modality: Modality) -> Inventory:
    """Raises ``CatalogueError`` if the catalogue has no such table."""
    table = catalogue.table(modality)
    dataset = table.to_lance()
    rows = int(table.count_rows())
    stale, unlearnt = waiting(catalogue, modality)
    inside = [IndexFile(each.name, each.index_type, each.num_indexed_rows, each.size_bytes or 0) for each in table.list_indices()]
    files = [path for folder in derived_folders(catalogue.uri, modality) for path in sorted(folder.rglob("*")) if path.is_file()]
    beside = [IndexFile(str(Path(path.parent.name) / path.name), _kind(path), None, path.stat().st_size) for path in files]
    size = sum(file.file_size_bytes or 0 for each in dataset.get_fragments() for file in each.metadata.files)
    return Inventory(
        modality, rows, stale, unlearnt, staged_rows(catalogue, modality), int(dataset.version), len(dataset.get_fragments()), size,
        manifest_of(catalogue, modality), inside + beside,
    )  # fmt: skip


def waiting(catalogue: Catalogue, modality: Modality) -> tuple[int, dict[str, int]]:
    """How many rows wait for a vector, and how many, by sensor, will get none because the model of the index never saw it."""
    dataset, manifest = catalogue.dataset(modality), manifest_of(catalogue, modality)
    if manifest is None or VECTOR not in dataset.schema.names:
        return int(dataset.count_rows()), {}
    stale = len(without_vector(dataset))
    if not stale or not manifest.sensors:
        return stale, {}
    learnt = ", ".join(f"'{sensor}'" for sensor in manifest.sensors)
    others = dataset.to_table(columns=["sensor"], filter=f"{LACKS_VECTOR} AND sensor NOT IN ({learnt})")["sensor"].to_pylist()
    return stale - len(others), dict(sorted(Counter(others).items()))


def _kind(path: Path) -> str:
    return {".faiss": "FAISS", ".npy": "vectors"}.get(path.suffix, "rows")
