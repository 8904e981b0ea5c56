"""The regions of the probes: what lies in them, over the antimeridian and around a pole too."""

import numpy as np
import pytest

from benchmarks.probe_list import MEGACITIES, REGIONS, Probe, probes, within


def test_there_are_40_probes_and_each_has_regions_and_a_text_of_its_own() -> None:
    found = probes()
    assert len({probe.text for probe in found}) == 40
    assert all(probe.regions for probe in found)
    assert {name for probe in found for name in probe.regions} == {*REGIONS, *MEGACITIES}


def test_a_point_is_in_a_box_up_to_its_border() -> None:
    inside = within((-10, 20, 10, 30), [0, 10, 10.1, 0, 0], [25, 30, 25, 19.9, 30.1])
    assert inside.tolist() == [True, True, False, False, False]


def test_a_box_may_cross_the_antimeridian() -> None:
    inside = within((-19, 176, -16, -179), [-17, -17, -17, -17], [178, -179.5, 175, -178])
    assert inside.tolist() == [True, True, False, False]


def test_a_cap_around_a_pole_has_every_longitude() -> None:
    assert within((-90, -180, -60, 180), [-75, -75, -90, -59], [-180, 0, 77, 0]).tolist() == [True, True, True, False]


def test_a_circle_reaches_its_radius_over_the_antimeridian() -> None:
    """1 degree of longitude is 111.3 km at the equator: 0.9 degrees are within 105 km, 1.1 are not."""
    assert within((0, 179.5, 105), [0, 0, 0], [-179.6, -179.4, 178.7]).tolist() == [True, False, True]


def test_an_answer_is_right_in_any_of_the_regions() -> None:
    probe = Probe("somewhere", {"box": (0, 0, 10, 10), "circle": (50.0, 50.0, 100.0)})
    assert probe.right(np.array([5.0, 50.5, 30.0]), np.array([5.0, 50.0, 30.0])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("text", "lat", "lon"),
    [
        ("kangaroos", -23.7, 133.9), ("penguins", -77.8, 166.7), ("tango", -34.6, -58.4), ("fado", 38.7, -9.1),
        ("sushi", 35.7, 139.7),
        ("sugar cane", -17.8, -179.9), ("reindeer", 69.0, 23.0), ("fjords", -45.4, 167.0), ("megacity", 40.7, -74.0),
        ("Incas", -13.2, -72.5), ("karst", 24.8, 110.5), ("salt flat", -20.1, -67.5), ("Silk Road", 39.65, 66.97),
    ],
)  # fmt: skip
def test_the_place_that_everybody_thinks_of_is_right(text: str, lat: float, lon: float) -> None:
    (probe,) = [probe for probe in probes() if text in probe.text]
    assert probe.right([lat], [lon]).all()
    assert not probe.right([0.0], [-30.0]).any()  # in the middle of the Atlantic
