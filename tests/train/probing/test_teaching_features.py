"""Features made to teach: values of a table at its own points, and kinds of places counted in a gazetteer."""

import math
from pathlib import Path

import numpy as np
import pytest

from index.errors import InputError
from index.geo import geodesic_km
from train.probing.features import kinds, table


def written(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text)
    return file


def test_a_table_has_its_numbers_at_its_points_and_rows_at_one_point_are_averaged(tmp_path: Path) -> None:
    file = written(tmp_path, "lat,lon,name,warm,wet\n10,190,x,1,\n10,-170,x,3,7\n-5,20,y,4,9\n0,0,z,,\n7,7,w,,8\n")
    found = table.build(file=file)
    lat, lon = found.places()
    assert sorted(zip(lat, lon, strict=True)) == [(-5, 20), (7, 7), (10, -170)]
    values = found.encode(np.array([10.0, -5, 7]), np.array([190.0, 20, 7]))
    np.testing.assert_array_equal(values, [[2, 7], [4, 9], [np.nan, 8]])
    chosen = table.build(file=file, columns=("wet",))
    np.testing.assert_array_equal(chosen.encode(np.array([-5.0]), np.array([20.0])), [[9]])
    assert chosen.digest != found.digest


def test_a_table_says_that_it_knows_no_other_point(tmp_path: Path) -> None:
    found = table.build(file=written(tmp_path, "lat,lon,warm\n1,1,1\n2,2,2\n"))
    with pytest.raises(InputError, match=r"no row at 1.5, 2.0; a table knows its own points only, so use it as a teacher"):
        found.encode(np.array([1.0, 1.5]), np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("lat,warm\n1,1\n", (), "has no column lon; it has lat, warm"),
        ("lat,lon,warm\n1,1,1\n", ("cold",), "has no column cold"),
        ("lat,lon,warm\n1,1,1\n2,2,\n", (), "column warm of .* holds fewer than two numbers"),
        ("lat,lon,warm\n1,1,a\n2,2,b\n", ("warm",), "column warm of .* holds fewer than two numbers"),
        ("lat,lon,name\n1,1,a\n2,2,b\n", (), "holds fewer than two numbers"),
        ("lat,lon,warm\n100,1,1\n2,2,2\n", (), "beyond 90 degrees; are latitude and longitude swapped"),
    ],
)
def test_tables_that_cannot_teach_are_refused(text: str, columns: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        table.build(file=written(tmp_path, text), columns=columns)


def test_kinds_are_counted_within_the_radius_by_hand(tmp_path: Path) -> None:
    """Against the distance to every row, at the pole and across the antimeridian too; held-out rows do not count."""
    rng = np.random.default_rng(0)
    rows = [
        (rng.normal(at, 0.4), rng.normal(180, 0.4), kind, split) for at in (0, 88) for kind in "ab" for split in ("train", "val")
    ]
    rows += [(0.1, -179.9, "a", "train"), (0.0, 180.0, "", "train"), (0.0, 180.0, "rare", "train"), (0.2, 179.9, "b", "train")]
    file = written(tmp_path, "lat,lon,category,split\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    found = kinds.build(file=file, radius_km=60, fewest=2)
    assert found.names == ("a", "b")
    points = [(0.0, 180.0), (0.0, -180.0), (88.0, 0.0), (88.0, 180.0), (-50.0, 10.0)]
    expected = [
        [
            math.log1p(sum(geodesic_km(*point, a, b)[()] < 60 for a, b, c, d in rows if (c, d) == (kind, "train")))
            for kind in found.names
        ]
        for point in points
    ]
    lat, lon = np.array(points).T
    np.testing.assert_allclose(found.encode(lat, lon), expected, rtol=1e-6)
    assert np.array(expected)[0].min() > 0
    assert kinds.build(file=file, radius_km=50, fewest=2).digest != found.digest


def test_a_gazetteer_without_a_split_is_counted_whole_and_one_without_kinds_is_refused(tmp_path: Path) -> None:
    whole = kinds.build(file=written(tmp_path, "lat,lon,category\n1,1,hill\n1,1,hill\n"), fewest=2)
    assert whole.encode(np.array([1.0]), np.array([1.0])).tolist() == [[pytest.approx(math.log(3))]]
    with pytest.raises(InputError, match="no kind with 3 rows; lower `fewest`"):
        kinds.build(file=whole.file, fewest=3)
    with pytest.raises(InputError, match="has no column category"):
        kinds.build(file=written(tmp_path, "lat,lon,kind\n1,1,hill\n"))
