"""Links that somebody has written by hand, damaged or invented: what a page and an API have to bear."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from index.search.filters import Filter

RECORD = {"modality": "articles", "id": "0" * 32}
RING = [[0, 0], [20, 0], [20, 20], [0, 0]]
GOOD_PARTS: list[Any] = [
    {"text": "snow"}, {"text": "sand", "weight": -0.5}, {"place": {"lat": 70, "lon": 10}}, {"record": RECORD},
    {"image": "0" * 64}, {"text": "![x](http://evil.example/p.png)"}, {"text": "ice in Africa near 12.5 N, 44.3 E"},
]  # fmt: skip
GOOD: dict[str, list[Any]] = {
    "kinds": [["articles"], ["tiles", "locations"], []],
    "into": [["articles"]],
    "k": [1, 7, 200, 5000],
    "words": [True, False],
    "centred": [True],
    "calibrated": [True],
    "direct": [True],
    "apart_km": [0, 12.5, 500, 1e6],
    "combine": ["mean", "max"],
    "verbatim": [True, False],
    "filter": [
        {"bbox": "0,0,20,20"}, {"bbox": [0, 170, 20, -170]}, {"near": "0,0,500"}, {"countries": ["Norway", "Norway"]},
        {"countries": "Kenya"}, {"dates": "2021-06-01/"}, {"dates": ["2021-06-01", None]}, {"where": "lat > 0"},
        {"sources": ["x"], "licences": "y"}, {"splits": ["train", ""]}, {"sensors": ["sentinel2"]},
        {"inside": ["Africa", "DE"], "outside": "egypt"}, {"coast_km": 50},
        {"polygon": {"type": "Polygon", "coordinates": [RING]}}, {"where": "title = '[live](http://evil.example)'"},
    ],
}  # fmt: skip
ODD: list[Any] = [
    None, True, -1, 0, 1e308, -1e308, float("nan"), float("inf"), 10**400, -(10**30), "", " ", "\0", "\ud800", "\u202e", "😀" * 30,
    "x" * 300, "[a](http://evil.example)", "' OR 1=1 --", [], {}, [[]], [None], ["\ud800"], {"": 0}, {"\ud800": 1}, [1, 2, 3],
    [1, 2, 3, 4], [10**400, 2, 3], [1, 2, 3, 10**400], [[0, 0], [1, 1], [0, 10**400]], "1,2,3", "nan,nan,nan,nan",
    {"type": "Polygon"}, {"lat": 1}, {"modality": "articles", "id": "\ud800"}, "9999-99-99/", [["a"]], {"text": {}},
    ":smile: :red[x] $x$ www.evil.example",
]  # fmt: skip


def deep(levels: int) -> Any:
    """A list in a list in a list …"""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def odd_links(count: int, seed: int = 0) -> Iterator[str]:
    """Random links: sound ones, sound ones with a value or a name changed, and texts that were cut or altered."""
    chance = random.Random(seed)
    for _ in range(count):
        values = _sound(chance)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            chance.choice(_CHANGES)(values, chance)
        text = json.dumps(values)
        if chance.random() < 0.1:
            text = json.dumps(values, ensure_ascii=False).encode(errors="replace").decode()
        if chance.random() < 0.1:
            at = chance.randrange(len(text))
            text = chance.choice((text[:at], text[:at] + chance.choice('"{}[],:x0') + text[at + 1 :]))
        yield text


def _sound(chance: random.Random) -> dict[str, Any]:
    parts = [dict(each) for each in chance.choices(GOOD_PARTS, k=chance.choice((1, 1, 1, 2, 3)))]
    fields = chance.sample(sorted(GOOD), chance.randrange(5))
    return {"parts": parts} | {name: json.loads(json.dumps(chance.choice(GOOD[name]))) for name in fields}


def _odd_value(values: dict[str, Any], chance: random.Random) -> None:
    values[chance.choice(["parts", *GOOD])] = chance.choice(ODD)


def _odd_filter(values: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice([*Filter.model_fields])
    values["filter"] = {name: chance.choice(ODD)}


def _odd_part(values: dict[str, Any], chance: random.Random) -> None:
    values["parts"] = [{chance.choice(["text", "place", "record", "image", "weight", "\ud800", "x"]): chance.choice(ODD)}]


def _odd_place(values: dict[str, Any], chance: random.Random) -> None:
    values["parts"] = [{"place": {"lat": chance.choice(ODD), "lon": chance.choice(ODD)}}]


def _odd_weight(values: dict[str, Any], chance: random.Random) -> None:
    values["parts"] = [{"text": "snow", "weight": chance.choice(ODD)}]


def _many(values: dict[str, Any], chance: random.Random) -> None:
    values["parts"] = [{"text": "snow"}] * chance.choice((0, 32, 33, 1000))


def _unknown(values: dict[str, Any], chance: random.Random) -> None:
    values[chance.choice(["\ud800", "", "__class__", "[live](http://evil.example)", "parts "])] = chance.choice(ODD)


def _nested(values: dict[str, Any], chance: random.Random) -> None:
    values[chance.choice(["parts", *GOOD])] = deep(chance.choice((5, 50, 300)))


def _nested_filter(values: dict[str, Any], chance: random.Random) -> None:
    values["filter"] = {chance.choice(["bbox", "polygon", "countries", "dates", "where"]): deep(chance.choice((5, 300)))}


_CHANGES: list[Callable[[dict[str, Any], random.Random], None]] = [
    _odd_value, _odd_filter, _odd_part, _odd_place, _odd_weight, _many, _unknown, _nested, _nested_filter,
]  # fmt: skip
