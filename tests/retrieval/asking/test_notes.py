"""The texts of a question that the model cannot read are said, each in a sentence."""

from retrieval.asking.notes import reading_notes
from train.queries.encoders import Reads
from train.text import minilm, use

ENGLISH, MANY = Reads(minilm.LANGUAGES, minilm.SCRIPTS), Reads(use.LANGUAGES, use.SCRIPTS)
GREEK, HINDI, JAPANESE = "χιόνι και πάγος", "बर्फ से ढके पहाड़", "雪に覆われた山々のふもとのコーヒー農園"


def test_each_text_in_a_script_that_the_tower_does_not_read_gets_a_sentence() -> None:
    assert reading_notes(["snow and ice", GREEK, HINDI], ENGLISH) == (
        f"The model does not read Greek script (in '{GREEK}'); ask in English instead.",
        f"The model does not read Devanagari script (in '{HINDI}'); ask in English instead.",
    )


def test_the_sentence_names_every_script_that_is_not_read_and_every_language_that_is() -> None:
    (japanese,) = reading_notes([JAPANESE], ENGLISH)
    assert "does not read Hiragana, Han and Katakana scripts" in japanese
    assert reading_notes([JAPANESE], MANY) == ()
    (greek,) = reading_notes([GREEK], MANY)
    assert greek.endswith(
        "ask in Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian, Spanish, "
        "Thai or Turkish instead."
    )


def test_of_a_long_text_the_beginning_is_shown_in_one_line() -> None:
    (note,) = reading_notes(["χιόνι\n" * 1000], ENGLISH)
    assert "\n" not in note
    assert len(note) < 150


def test_nothing_is_said_for_a_tower_that_does_not_say_what_it_reads() -> None:
    assert reading_notes([GREEK], None) == ()
