"""Sentences of real-life texts: a full stop is not always an end, and an end is not always a full stop."""

import pytest

from train.text.sentences import sentences, split

# Each is one list of sentences; joined by spaces they must come apart again just so.
REAL_LIFE = {
    "saints and mountains": [
        "St. Louis lies on the Mississippi opposite East St. Louis.",
        "Mt. Rainier rises above Ft. Lewis and Pt. Defiance near Ste. Genevieve and Sta. Rosa.",
        "It was named by Capt. G. Vancouver.",
    ],
    "circa and dates": [
        "The temple was built c. 1500 BC and rebuilt ca. 530, fl. 12 kings (r. 1200–1250).",
        "On Jan. 5, 1901, Gov. Stone, b. 1850 d. 1910, came.",
    ],
    "the United States in the middle and at the end": [
        "The town lies on U.S. Route 66 in the U.S. state of Illinois.",
        "Corn is grown as elsewhere in the U.S.",
        "The population was 300.",
    ],
    "D.C., B.C., p.m. and Ph.D.": [
        "The embassy is in Washington, D.C.",
        "It opens at 3 p.m. Monday to Friday.",
        "Dr. B. Wu, Ph.D., dated the wall to 300 B.C. Babylonian bricks lie below it.",
    ],
    "initials": ["The dam was planned by J. A. R. Miller and W. E. B. Du Bois.", "Its wall was finished in 1931."],
    "a sentence that ends with a letter": [
        "The mine closed during World War I.",
        "Miners left for Plan B.",
        "Its houses are Grade A.",
        "The school is older.",
    ],
    "decimals, thousands and units": [
        "The area is 12.5 km2 (4.8 sq. mi.) and 3.05 m. high on average.",
        "It is 65 km. south of Rio.",
        "The dam is 30 m.",
        "Nearby hills reach 1,200.75 m.",
        "July averages 21 °C.",
        "Yearly rain is 900 mm.",
    ],
    "companies and streets": [
        "The Mfg. Co. Ltd. of Smith Bros. Entertainment stood at 12 Main St. Bakers worked there.",
        "It burnt down on State St.",
        "The ruins remain.",
    ],
    "numbers": [
        "No. 102 Squadron and Nos. 5 and 6 Groups were stationed here.",
        "See vol. 3, pp. 12, fig. 4.",
        "Pop. 359 in 1943.",
    ],
    "brackets": [
        "Cairo (/ˈkeɪ. roʊ/; pop. 2,831. It fell since 1900) is a city.",
        "(The name is that of Egypt's capital. It is an old one.)",
        "It was flooded (see map [The river. Its bed]).",
        "It grew (slowly.) Later it shrank.",
        "It has a wall (see [1] and so on. The wall [2] is [3] long) of brick.",
        "An unclosed (bracket does no harm.",
        "The text goes on.",
    ],
    "quotation marks and Wikipedia's notes": [
        'The Romans called it "the end of the world."',
        "“Is this a lake?”",
        "Nobody asked.[3]",
        "It is salty.[4][5]",
        "«Oui!»",
        "That was all.",
    ],
    "small letters go on": ["The motto is Onward! and the hymn is Why? by A. Nemo.", "The port is open all day… so they say."],
    "other scripts": [
        "Это город на реке.",
        "Он был основан в 1700 г. на холме.",
        "¿Dónde está?",
        "Está aquí.",
        "È una città.",
        "Éire.",
    ],
    "no space needed in Chinese": ["这是一个城市。", "它在河边！"],
}


@pytest.mark.parametrize("name", REAL_LIFE)
def test_sentences_come_apart_as_a_reader_would_cut_them(name: str) -> None:
    assert list(split(" ".join(REAL_LIFE[name]))) == REAL_LIFE[name]


def test_a_text_that_was_glued_together_comes_apart() -> None:
    assert list(split("The river is long.The city is at its mouth.Ships come.")) == [
        "The river is long.",
        "The city is at its mouth.",
        "Ships come.",
    ]
    assert list(split("See Example.com or St.Petersburg or 3.5.")) == ["See Example.com or St.Petersburg or 3.5."]


def test_brackets_without_a_partner_do_no_harm() -> None:
    assert list(split("A closing one). A second. A (third. A fourth.")) == [
        "A closing one).",
        "A second.",
        "A (third.",
        "A fourth.",
    ]
    far = ["An open (one.", *["A sentence in between."] * 30, "A close) one."]
    assert list(split(" ".join(far))) == far


def test_a_paragraph_ends_a_sentence_and_a_broken_line_does_not() -> None:
    assert list(split("Geography\n\nThe town lies\non a hill. It is old.\n \n")) == [
        "Geography",
        "The town lies\non a hill.",
        "It is old.",
    ]


@pytest.mark.parametrize("text", ["", "  \n\n ", "no end", "...", "A.", ".", "((((", "]]"])
def test_odd_texts_are_cut_without_losing_a_letter(text: str) -> None:
    assert "".join(split(text)) == text.strip()


def test_nothing_is_lost_or_added() -> None:
    text = " ".join(sentence for group in REAL_LIFE.values() for sentence in group)
    assert "".join("".join(split(text)).split()) == "".join(text.split())


LONG = "This is a sentence of some length"  # 33 characters


def test_only_sentences_that_say_something_are_kept_and_only_so_many() -> None:
    text = f"Short. {LONG} one. {'X' * 29}. {'X' * 28}. {LONG} two. {LONG} three."
    kept = [f"{LONG} one.", "X" * 29 + ".", f"{LONG} two.", f"{LONG} three."]
    assert sentences(text, most=9, characters=2_000) == kept
    assert sentences(text, most=2, characters=2_000) == kept[:2]
    assert sentences(text, most=0, characters=2_000) == []


def test_fewer_sentences_are_the_first_of_more() -> None:
    """Features are cached under the number of a sentence, however many are asked for."""
    text = " ".join(f"{LONG} number {number}." for number in range(9))
    assert all(sentences(text, most, 2_000) == sentences(text, 9, 2_000)[:most] for most in range(10))


def test_a_sentence_that_is_cut_in_two_is_left_out_unless_there_is_no_other() -> None:
    text = f"{LONG} one. {LONG} two. {LONG} three."
    assert sentences(text, most=9, characters=70) == [f"{LONG} one."]
    assert sentences("x" * 100, most=9, characters=50) == ["x" * 50]
    assert sentences(f"{LONG}.", most=9, characters=34) == [f"{LONG}."]


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    """Brackets and ends within ends are where a splitter may become quadratic: a million characters must not take minutes."""
    assert len(list(split("(A. B) The end. " * 20_000))) == 20_000
    assert len(list(split("\n " * 100_000))) == 0
    assert len(list(split("." * 100_000 + "x"))) == 1
    assert len(list(split('."' * 100_000 + " End."))) == 2
