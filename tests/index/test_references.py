"""What counts as a language, a Wikidata item and a web address; everything else is nothing, and never an error."""

from typing import Any

import pytest

from index.references import language_code, web_address, wikidata_id

NOTHING: list[Any] = ["", " ", None, 5, 5.0, True, b"Q84", ["Q84"], {"id": "Q84"}]


@pytest.mark.parametrize("code", ["en", "de", "nds", "simple", "zh-min-nan", "be-x-old", "roa-rup", "pt-BR", "zh-Hans", "es-419"])
def test_a_code_of_bcp_47_or_of_a_wikipedia_is_a_language(code: str) -> None:
    assert language_code(code) == code


@pytest.mark.parametrize("value", [*NOTHING, "e", "-", "en-", "-en", "en--us", "en_US", "en.evil.org/", "en\n", "de, fr", "ünd"])
def test_what_is_no_code_is_no_language(value: Any) -> None:
    assert language_code(value) == ""


@pytest.mark.parametrize(
    "value",
    ["Q84", " Q84\n", "http://www.wikidata.org/entity/Q84", "https://www.wikidata.org/wiki/Q84", "https://wikidata.org/wiki/Q84"],
)
def test_an_item_is_known_by_its_number_or_by_its_address(value: str) -> None:
    assert wikidata_id(value) == "Q84"


@pytest.mark.parametrize(
    "value",
    [*NOTHING, "84", "q84", "Q", "Q0", "Q084", "Q٨٤", "P31", "L84", "Q84-F1", "Q84 Q85", "Q" + "9" * 16, "http://evil.org/entity/Q84",
     "https://www.wikidata.org.evil.org/wiki/Q84", "Q84' OR '1'='1"],
)  # fmt: skip
def test_what_is_no_number_of_an_item_is_no_item(value: Any) -> None:
    assert wikidata_id(value) == ""


@pytest.mark.parametrize(
    "value",
    [
        "https://upload.wikimedia.org/wikipedia/commons/a/ab/M%C3%BChle_%281%29.jpg",
        "http://example.org",
        "HTTPS://example.org/Bild_ü.jpg?width=300#x",
        "http://[2001:db8::1]:8080/a.png",
    ],
)
def test_an_http_address_is_kept_as_it_is(value: str) -> None:
    assert web_address(value) == value


@pytest.mark.parametrize(
    "value",
    [*NOTHING, "a.jpg", "/a.jpg", "//example.org/a.jpg", "javascript:alert(1)", "data:image/png;base64,AA", "file:///etc/passwd",
     "ftp://example.org/a", "/vsicurl/http://example.org/a.tif", "http://", "http:///a.jpg", "https:a.jpg", "http://[",
     "https://a b/c", "https://example.org/a\nb", " https://example.org/a", "https://example.org/\x00", "https://example.org\\@evil.org/",
     'https://example.org/"><script>'],
)  # fmt: skip
def test_what_leads_nowhere_on_the_web_is_no_address(value: Any) -> None:
    assert web_address(value) == ""
