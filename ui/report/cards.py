"""The cards of the evaluated models: kept in the folder of results, shown without anything that Markdown could load or link."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from index.files import made_whole
from ui.console import harmless
from ui.report.html import Html

FOLDER = "cards"
HEADING_OFFSET = 2  # '#' of a card is h3 of the page


@dataclass(frozen=True)
class Card:
    """``digest`` of the checkpoint, ``text`` in Markdown."""

    digest: str
    text: str


def keep_cards(folder: Path, checkpoints: Sequence[Path]) -> None:
    """``folder/cards/DIGEST.md`` of each checkpoint. Raises ``CheckpointError`` where there is no finished model."""
    from train.card import card_text
    from train.checkpoint import Checkpoint

    for path in checkpoints:
        checkpoint = Checkpoint.open(path)
        with made_whole(folder / FOLDER / f"{checkpoint.digest}.md") as partial:
            partial.write_text(card_text(checkpoint), encoding="utf-8")


def read_cards(folder: Path) -> list[Card]:
    """The stored cards of all models that were evaluated into this folder."""
    return [Card(file.stem, file.read_text(encoding="utf-8", errors="replace")) for file in sorted((folder / FOLDER).glob("*.md"))]


def card_html(card: Card) -> Html:
    """Headings, lists and tables; HTML in the card is shown as text, pictures and links are dropped."""
    from markdown_it import MarkdownIt  # rich depends on it

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink", "reference"])
    tokens = reader.parse("\n".join(map(harmless, card.text.splitlines())))
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(6, int(token.tag[1:]) + HEADING_OFFSET)}"
    return Html(reader.renderer.render(tokens, reader.options, {}))
