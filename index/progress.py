"""How long-running work reports its progress. The packages below ui/ only know this protocol; ui/ draws the bars."""

from typing import Protocol


class Progress(Protocol):
    def start(self, title: str, total: int | None) -> None:
        """A new stage begins; ``total`` in its own units, None where it is not known."""

    def advance(self, n: int, **figures: float) -> None:
        """``n`` units are done; ``figures`` are values worth watching, such as a loss."""


class Quiet:
    """Says nothing."""

    def start(self, title: str, total: int | None) -> None: ...

    def advance(self, n: int, **figures: float) -> None: ...
