"""The model card: what was learnt from, told by source and licence, and the figures and the digest of this very file."""

from pathlib import Path
from typing import Any

import pytest

from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from tests.train.small_worlds import REGIONS, TILES_PER_SENSOR, ListSource, fill, region_articles, region_tiles, tiny_config
from train.card import card_text, write_card
from train.checkpoint import CARD_FILE, Card, Checkpoint, Origin, save_model
from train.loop import train
from train.model import build_model


def sourced(number: int, source: str, licence: str, split: str = "") -> Article:
    place = Place(lat=float(number), lon=2.0 * number)
    return Article(
        place=place, title=f"Place {number}", text=f"What is said of {number}.", source=source, licence=licence, split=split
    )


def saved(folder: Path, **facts: Any) -> Checkpoint:
    config = tiny_config()
    usual = {"trained_on": {"articles": 3}, "placebind_version": "0.1"}
    save_model(folder, build_model(config).state_dict(), Card(config=config, **{**usual, **facts}))
    return Checkpoint.open(folder)


@pytest.fixture
def several_sources(tmp_path: Path) -> Catalogue:
    """Five articles of Wikipedia, two of UNESCO, one of nobody in particular; three more are held out. And tiles."""
    found = [sourced(n, "wikipedia", "CC BY-SA 4.0") for n in range(5)] + [sourced(n, "unesco", "CC BY 3.0") for n in (5, 6)]
    held_out = [sourced(n, "held out", "secret", split="val") for n in (8, 9, 10)]
    catalogue = fill(tmp_path / "c", tiles=region_tiles())
    ingest(catalogue, ListSource("articles", [*found, sourced(7, "", ""), *held_out]))
    return catalogue


def test_the_data_are_told_by_source_and_licence_and_held_out_records_are_not_among_them(
    several_sources: Catalogue, tmp_path: Path
) -> None:
    card = train(tiny_config(steps=1), several_sources, tmp_path / "run").checkpoint.card
    tiles = card.trained_on["tiles"]
    assert [(each.modality, each.source, each.licence, each.records) for each in card.origins] == [
        ("articles", "", "", 1),
        ("articles", "unesco", "CC BY 3.0", 2),
        ("articles", "wikipedia", "CC BY-SA 4.0", 5),
        ("tiles", "", "", tiles),
    ]
    text = (tmp_path / "run" / CARD_FILE).read_text()
    assert "| articles | wikipedia | CC BY-SA 4.0 | 5 |" in text
    assert "| articles | not said | not said | 1 |" in text
    assert "secret" not in text


def test_tiles_that_the_tower_cannot_read_are_not_among_the_data(several_sources: Catalogue, tmp_path: Path) -> None:
    """Half of the training tiles are Sentinel-2's, and this tower has a stem for the coarse ones only."""
    image = {"name": "multispectral", "options": {"trunk": "test_convnext", "size_px": 32, "sensors": ["nasa_coarse"]}}
    card = train(tiny_config(steps=1, image=image), several_sources, tmp_path / "run").checkpoint.card
    assert card.trained_on["tiles"] == TILES_PER_SENSOR * len(REGIONS)
    assert [each.records for each in card.origins if each.modality == "tiles"] == [card.trained_on["tiles"]]
    assert card.sensors == ("nasa_coarse",)


def test_a_run_on_texts_alone_does_not_speak_of_tiles(several_sources: Catalogue, tmp_path: Path) -> None:
    result = train(tiny_config(steps=1, modalities=("articles",)), several_sources, tmp_path / "run")
    text = (tmp_path / "run" / CARD_FILE).read_text()
    assert {origin.modality for origin in result.checkpoint.card.origins} == {"articles"}
    assert "tiles" not in text
    assert "| image |" not in text
    assert "| text | minilm |" in text


def test_the_card_names_the_file_it_belongs_to(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, data_digest="c0ffee")
    write_card(tmp_path, checkpoint)
    text = (tmp_path / CARD_FILE).read_text()
    assert checkpoint.digest in text
    assert "c0ffee" in text
    assert "sh_siren" in text
    assert "degrees 6" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CARD_FILE, checkpoint.path.name])


def test_every_figure_stands_in_the_card(tmp_path: Path) -> None:
    figures = {"total": 2.5, "val_articles_median_km": 351.237, "val_tiles_recall_at_10": 0.25}
    text = card_text(saved(tmp_path, figures=figures))
    assert "| total | 2.5 |" in text
    assert "| val_articles_median_km | 351.2 |" in text
    assert "| val_tiles_recall_at_10 | 0.25 |" in text
    assert "Held-out records" in text


def test_a_model_that_nothing_was_held_out_for_says_so(tmp_path: Path) -> None:
    text = card_text(saved(tmp_path, figures={"total": 2.5}))
    assert "nothing is known but the training losses" in text


def test_a_source_with_a_bar_or_a_line_break_in_its_name_does_not_break_the_table(tmp_path: Path) -> None:
    origin = Origin(modality="articles", source="a|b\nc", licence="CC0", records=1234)
    (row,) = [line for line in card_text(saved(tmp_path, origins=(origin,))).splitlines() if "CC0" in line]
    assert row == "| articles | a\\|b c | CC0 | 1,234 |"


def test_the_digest_of_the_data_changes_with_the_records_and_with_nothing_else(tmp_path: Path) -> None:
    def digest(name: str, articles: list[Article], **settings: Any) -> str:
        result = train(tiny_config(steps=1, **settings), fill(tmp_path / name, articles), tmp_path / f"{name}-run")
        return result.checkpoint.card.data_digest

    learnt = [each for each in region_articles() if each.split != "val"]
    whole = digest("whole", learnt)
    assert digest("backwards", learnt[::-1], seed=5) == whole
    assert digest("and held out", region_articles()) == whole
    assert digest("fewer", learnt[:-1]) != whole
