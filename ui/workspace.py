"""What the server has open: catalogues with their models, the pictures users sent, and answers already found.

Page scripts and HTTP routes live in one process and share these objects. A ``Workspace`` notices when its index has changed (a
finished build, an append) and opens the new one for the next question; who is being answered keeps the old one.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from index.catalogue import Catalogue
from index.errors import CatalogueError, InputError
from index.records import MODALITIES
from retrieval import Space
from retrieval.heat import Heat
from retrieval.space import Answer
from ui.question import Question
from ui.uploads import Uploads

ANSWERS_KEPT = 256
HEATS_KEPT = 16  # of a million cells 4 MiB each, with percentiles and order up to 20
QUESTIONS_KEPT = 4096  # a heat that was dropped is made again from its question
Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The most recently used values by key. Two threads that ask for the same missing key make it once."""

    def __init__(self, kept: int) -> None:
        self._kept, self._values = kept, OrderedDict[Any, Value]()
        self._lock, self._making = threading.Lock(), dict[Any, threading.Lock]()

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._values[key] = value
                while len(self._values) > self._kept:
                    self._values.popitem(last=False)
            return value

    def peek(self, key: Any) -> Value | None:
        with self._lock:
            return self._values.get(key)


@dataclass(frozen=True)
class Answered:
    """An answer, and what each stage of it took in milliseconds (as measured when it was found, not when it was looked up)."""

    answer: Answer
    stages_ms: dict[str, float] = field(default_factory=dict)


class Workspace:
    """One catalogue and its model. ``name`` is what users choose it by."""

    def __init__(self, name: str, catalogue: Path, checkpoint: Path, uploads: Uploads, device: str = "auto") -> None:
        self.name, self.catalogue_folder, self.checkpoint_folder = name, catalogue, checkpoint
        self.uploads, self.device = uploads, device
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._version = ""
        self._answers = Recent[Answered](ANSWERS_KEPT)
        self._heats = Recent[Heat](HEATS_KEPT)
        self._questions = Recent[Question](QUESTIONS_KEPT)

    @property
    def space(self) -> Space:
        """The space at the newest version. Raises what ``Space.open`` raises."""
        return self.current()[0]

    def current(self) -> tuple[Space, str]:
        """The space at the newest version, and a text that changes with the version. Raises what ``Space.open`` raises."""
        with self._lock:
            version = _version(Catalogue.open(self.catalogue_folder))
            if self._space is None or version != self._version:
                self._space = Space.open(self.checkpoint_folder, self.catalogue_folder, self.device)
                self._version = version
            return self._space, version

    def answer(self, question: Question) -> Answered:
        """Ask, or look up what the same question gave at the same version. Raises ``InputError`` for what cannot be asked."""
        space, version = self.current()
        return self._answers.get((version, question.to_link()), lambda: self._ask(space, question))

    def heat_name(self, question: Question) -> str:
        """The name under which ``heat`` finds how well each location fits this question: 16 hexadecimal digits."""
        about = Question(parts=question.parts, combine=question.combine)
        name = hashlib.sha256(about.to_link().encode()).hexdigest()[:16]
        self._questions.get(name, lambda: about)
        return name

    def heat(self, name: str) -> Heat:
        """Raises ``InputError`` for a name that was never given or is forgotten."""
        question = self._questions.peek(name)
        if question is None:
            raise InputError("this heat map is not kept any more; ask again")
        space, version = self.current()
        return self._heats.get((version, name), lambda: space.heat(question.query(self.uploads)))

    def _ask(self, space: Space, question: Question) -> Answered:
        started = time.perf_counter()
        query = question.query(self.uploads)
        answer = space.search(query=query, into=question.into, k=question.k, how=question.how())
        return Answered(answer, {"search": 1000 * (time.perf_counter() - started)})


class Workspaces:
    """All that is served, by name; the first is where a visit begins."""

    def __init__(self, each: Sequence[Workspace]) -> None:
        if not each:
            raise InputError("there is nothing to serve; name a catalogue with --catalogue")
        self._by_name = {workspace.name: workspace for workspace in each}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def get(self, name: str = "") -> Workspace:
        """Raises ``InputError`` for a name that is not served."""
        if name and name not in self._by_name:
            raise InputError(f"there is no catalogue '{name[:60]}' here; choose of {', '.join(self.names)}")
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
    """Changes whenever a table does."""
    present = [modality for modality in MODALITIES if catalogue.has(modality)]
    return " ".join(f"{modality}:{catalogue.db.open_table(modality).version}" for modality in present)
