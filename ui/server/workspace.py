"""What the server has open: catalogues with their models, the pictures users sent, and answers already found.

Page scripts and HTTP routes live in one process and share these objects. A ``Workspace`` notices when its index has changed (a
finished build, an append) and opens the new one for the next question; who is being answered keeps the old one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from index.errors import CatalogueError, InputError, NotHereError
from index.records import MODALITIES
from index.search.filters import Filter
from index.search.growth import Fragments
from index.store.catalogue import Catalogue, is_object_store
from index.tables.values import json_value
from retrieval import Space
from retrieval.answer import Answer
from retrieval.asking.question import Question
from retrieval.heat.heat import Heat
from retrieval.labels.labels import Labels
from retrieval.labels.maps import Taught, teach
from train.shipped import checkpoint_for
from ui.server.kept_files import KeptFiles
from ui.server.observed import observe_stages
from ui.server.recent import Recent
from ui.server.uploads import Uploads

ANSWERS_KEPT = 256
TAUGHT_KEPT = 8  # of a million cells and two classes 12 MiB each
HEATS_KEPT = 16  # of a million cells 4 MiB each, with percentiles and order up to 20
# A heat that was dropped is made again from its question, by any process of the server: 4,000 short ones, or 16 of a book each.
QUESTIONS_KEPT_BYTES = 16 * 2**20


class Workspace:
    """One catalogue and its model (``checkpoint``: the default is as of ``train.shipped``). ``name`` is what users choose it by;
    it is ``ready`` when the server has loaded what a question would wait for."""

    def __init__(self, name: str, catalogue: Path, checkpoint: Path | None, uploads: Uploads, device: str = "auto") -> None:
        self.name, self.catalogue_folder, self._checkpoint = name, catalogue, checkpoint
        self.uploads, self.device, self.ready = uploads, device, False
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._version = ""
        self._commits: tuple[int, ...] = ()  # of what was last looked at
        self._countries = Recent[tuple[str, ...]](1)
        self._answers = Recent[Answer](ANSWERS_KEPT)
        self._heats = Recent[Heat](HEATS_KEPT)
        self._questions = KeptFiles(uploads.folder.with_name("questions"), QUESTIONS_KEPT_BYTES, digits=16)
        self._taught = Recent[Taught](TAUGHT_KEPT)
        self._labels = KeptFiles(uploads.folder.with_name("labels"), QUESTIONS_KEPT_BYTES, digits=16)

    @property
    def checkpoint_folder(self) -> Path:
        """The model's. If none was given, looked up anew each time: one may be trained meanwhile. Raises ``CheckpointError``."""
        return self._checkpoint or checkpoint_for(self.catalogue_folder)

    @property
    def space(self) -> Space:
        """The space at the newest version. Raises what ``Space.open`` raises."""
        return self.current()[0]

    def current(self) -> tuple[Space, str]:
        """The space at the newest version, and a text that changes with the version. Raises what ``Space.open`` raises."""
        with self._lock:
            commits = _commits(self.catalogue_folder)
            if self._space is None or commits != self._commits:
                version = _version(Catalogue.open(self.catalogue_folder))
                if self._space is None or version != self._version:
                    space = Space.open(self.checkpoint_folder, self.catalogue_folder, self.device)
                    if self._space:
                        space.take_encoders(self._space)
                    self._space = space
                self._version, self._commits = version, commits
            return self._space, self._version

    @property
    def version(self) -> str:
        """12 hexadecimal digits, others for every catalogue, version of it and model: what was drawn under them never changes."""
        space, version = self.current()
        about = f"{self.catalogue_folder.resolve()} {version} {space.checkpoint.digest}"
        return hashlib.sha256(about.encode()).hexdigest()[:12]

    def answer(self, question: Question, *, skip: int = 0, explain: bool | None = None) -> Answer:
        """Ask, or look up what the same question gave at the same version; ``skip`` as of ``Space.search``. Where ``explain`` is
        None, answers to several parts are explained: of a single part the score says all. Raises ``InputError`` for what cannot
        be asked."""
        space, version = self.current()
        explained = len(question.parts) > 1 if explain is None else explain

        def ask() -> Answer:
            answer = space.search(question, pictures=self.uploads.read, skip=skip)
            observe_stages(answer.stages_ms)
            return space.explain(answer) if explained else answer

        return self._answers.get((version, question.to_link(), skip, explained), ask)

    def countries(self) -> tuple[str, ...]:
        """All countries that records of the indexed tables name, sorted."""
        space, version = self.current()

        def read() -> tuple[str, ...]:
            columns = (space.catalogue.column(modality, ["country"])["country"] for modality in space.manifests)
            return tuple(sorted({name for column in columns for name in column.unique().to_pylist() if name}))

        return self._countries.get(version, read)

    def heat_name(self, question: Question) -> str:
        """The name under which ``heat`` finds how well each location fits this question: 16 hexadecimal digits."""
        asked = Question(
            parts=question.parts, combine=question.combine, verbatim=question.verbatim, names=question.names, meant=question.meant,
            filter=question.filter.area() if question.names else Filter.parse({}),
        )  # fmt: skip
        return self._questions.add(asked.to_link().encode())

    def heat(self, name: str) -> Heat:
        """Raises ``NotHereError`` for a name that was never given or is forgotten."""
        question = self.question(name)
        space, version = self.current()
        return self._heats.get((version, name), lambda: space.heat(question, pictures=self.uploads.read))

    def question(self, name: str) -> Question:
        """What the heat of this name is of. Raises as ``heat``."""
        link = self._questions.read(name)
        if link is None:
            raise NotHereError("this heat map is not kept any more; ask again")
        return Question.from_link(link.decode())

    def class_name(self, labels: Labels) -> str:
        """The name under which ``taught`` finds what these labels teach: 16 hexadecimal digits."""
        return self._labels.add(json.dumps(labels.as_geojson()).encode())

    def taught(self, name: str) -> Taught:
        """Raises ``NotHereError`` for a name that was never given or is forgotten, and what ``teach`` raises."""
        kept = self._labels.read(name)
        if kept is None:
            raise NotHereError("these labels are not kept any more; send them again")
        space, version = self.current()

        def learn() -> Taught:
            return teach(space.cells, space.embed_places, Labels.from_geojson(json_value(kept)))

        return self._taught.get((version, name), learn)


class Workspaces:
    """All that is served, by name; the first is where a visit begins."""

    def __init__(self, each: Sequence[Workspace]) -> None:
        if not each:
            raise InputError("there is nothing to serve; name a catalogue with --catalogue")
        self._by_name = {workspace.name: workspace for workspace in each}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def ready(self) -> bool:
        return all(each.ready for each in self._by_name.values())

    def get(self, name: str = "") -> Workspace:
        """Raises ``NotHereError`` for a name that is not served."""
        if name and name not in self._by_name:
            raise NotHereError(f"there is no catalogue '{name[:60]}' here; choose of {', '.join(self.names)}")
        return self._by_name[name or self.names[0]]


_served: Workspaces | None = None


def serve(workspaces: Workspaces) -> None:
    """Make these what pages and routes of this process find; called once, before the server starts."""
    global _served
    _served = workspaces


def served() -> Workspaces:
    """Raises ``CatalogueError`` where no server was started."""
    if _served is None:
        raise CatalogueError("nothing is served in this process; start the map with `placebind ui`")
    return _served


def _version(catalogue: Catalogue) -> str:
    """Changes whenever a table does, and where another catalogue takes the place of this one: Lance names data files at random."""
    tables = [(modality, catalogue.dataset(modality)) for modality in MODALITIES if catalogue.has(modality)]
    return " ".join(f"{modality}:{table.version}:{Fragments.of(table).digest}" for modality, table in tables)


def _commits(catalogue: Path) -> tuple[int, ...]:
    """What tells, at next to no cost, that a table may have changed: to open the tables and ask takes 6 ms, too long for every map
    tile. When Lance last committed to each table, and into which folder; an object store has no folders, and is asked each second.
    """
    if is_object_store(catalogue):
        return (int(time.monotonic()),)
    folders = [catalogue / f"{modality}.lance" / "_versions" for modality in MODALITIES]
    found = [folder.stat() for folder in folders if folder.is_dir()]
    return tuple(number for each in found for number in (each.st_mtime_ns, each.st_ino))
