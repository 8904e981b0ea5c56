"""Sixty questions of four kinds of users, asked of the model that comes with PlaceBind: each has its place within so many km.

Who types a name, rightly, wrongly or in another language; who describes and names nothing; who sets conditions in the sentence; and
who has coordinates. The list was written before any answer was seen.
"""

import pytest

from index.geo import geodesic_km
from index.places.world_names import names_are_known
from index.sources import grid
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval import Space
from retrieval.building.build import build_index
from train.checkpoint import Checkpoint
from train.shipped import shipped_model

pytestmark = pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
POINTS = 6_000  # on land, 160 km apart: a description is right within a region, a name is right whatever the grid

NAMES = [
    ("Vienna", 48.21, 16.37, 50),
    ("Lima", -12.05, -77.04, 50),
    ("Ouagadougou", 12.37, -1.53, 50),
    ("Springfield, Illinois", 39.80, -89.64, 50),
    ("Paris, Texas", 33.66, -95.56, 50),
    ("Cambridge, Massachusetts", 42.37, -71.11, 50),
    ("steel works in Linz", 48.31, 14.29, 50),
    ("fishing harbour of Essaouira", 31.51, -9.77, 50),
    ("Lake Titicaca", -15.8, -69.4, 200),
    ("Mount Everest", 27.99, 86.93, 100),
    ("San Jose, Costa Rica", 9.93, -84.08, 50),
    ("the temples of Kyoto", 35.01, 135.77, 50),
]
MISSPELT = [
    ("Timbuktoo Mali", 16.77, -3.01, 50),
    ("Johanesburg", -26.20, 28.04, 50),
    ("Reykjavk", 64.14, -21.90, 50),
    ("Kathmandou", 27.70, 85.32, 50),
    ("Marakesh", 31.63, -8.00, 50),
    ("Vladivostock", 43.12, 131.89, 50),
    ("Philadelfia", 39.95, -75.16, 50),
    ("Buenos Aries", -34.61, -58.38, 50),
]
LANGUAGES = [
    ("München", 48.14, 11.58, 50),
    ("Москва", 55.75, 37.62, 50),
    ("東京", 35.69, 139.69, 50),
    ("القاهرة", 30.04, 31.24, 50),
    ("Αθήνα", 37.98, 23.73, 50),
    ("서울", 37.57, 126.98, 50),
    ("मुंबई", 19.07, 72.88, 50),
    ("Ciudad de México", 19.43, -99.13, 50),
    ("vignobles près de Bordeaux", 44.84, -0.58, 50),
    ("ein Fischerdorf bei Neapel", 40.85, 14.27, 50),
]
NOTHING_NAMED = [
    ("kangaroos and eucalyptus in the red outback", -25.0, 134.0, 2000),
    ("llamas and salt lakes on the high altiplano", -18.0, -68.0, 1200),
    ("yurts and horses on the endless steppe", 47.0, 104.0, 2000),
    ("lemurs and baobab trees", -19.0, 47.0, 1000),
    ("geysers, lava fields and glaciers on an island of sagas", 65.0, -18.0, 800),
    ("sumo wrestling and shinto shrines", 36.0, 138.0, 1000),
    ("emperor penguins breeding on the ice", -90.0, 0.0, 3000),
    ("olive groves, flamenco and bullfights", 38.0, -4.0, 900),
    ("gauchos and cattle on the pampas", -35.0, -61.0, 1200),
    ("kiwi birds and Maori villages", -41.0, 174.0, 1000),
]
CONDITIONS = [
    ("salt flat in Bolivia", -20.0, -67.0, 400),
    ("rice terraces in the Philippines", 17.0, 121.0, 800),
    ("Paris in the United States", 33.66, -95.56, 50),
    ("Birmingham, in the United States", 33.52, -86.80, 50),
    ("Córdoba, not in Spain", -31.41, -64.18, 50),
    ("desert within 300 km of Windhoek", -22.56, 17.08, 310),
    ("vineyards in Chile", -34.0, -71.0, 700),
    ("tropical rainforest in Africa", 0.0, 18.0, 1700),
    ("fjords in New Zealand", -45.0, 167.5, 500),
    ("a beach within 200 km of Accra", 5.60, -0.19, 210),
]
COORDINATES = [
    ("-33.92, 18.42", -33.92, 18.42, 2),
    ("48°12'30\"N 16°22'23\"E", 48.2083, 16.3731, 2),
    ("59,33° N, 18,06° E", 59.33, 18.06, 2),
    ("40.7 degrees north, 74 degrees west", 40.7, -74.0, 2),
    ("geo:35.68,139.69", 35.68, 139.69, 2),
    ("https://www.openstreetmap.org/#map=12/51.5000/-0.1200", 51.5, -0.12, 2),
    ("https://www.google.com/maps/@-13.1631,-72.5450,15z", -13.1631, -72.545, 2),
    ("geohash u4pruydqqvj", 57.64911, 10.40744, 2),
    ("8FVC9G8F+6X", 47.3655, 8.5249, 2),
    ("17T 630084 4833438", 43.64256, -79.38714, 2),
]
ALL = [*NAMES, *MISSPELT, *LANGUAGES, *NOTHING_NAMED, *CONDITIONS, *COORDINATES]


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Space:
    catalogue = Catalogue.open(tmp_path_factory.mktemp("land") / "catalogue", create=True)
    ingest(catalogue, grid.build(points=POINTS))
    build_index(Checkpoint.open(shipped_model()), catalogue)
    return Space.open(None, catalogue.uri)


@pytest.mark.parametrize(("text", "lat", "lon", "within_km"), ALL)
def test_a_question_is_answered_with_its_place(space: Space, text: str, lat: float, lon: float, within_km: float) -> None:
    best = space.search(text, k=1).origin
    assert best is not None
    assert geodesic_km(best.lat, best.lon, lat, lon) <= within_km, best


def test_there_are_sixty_of_them() -> None:
    assert len({text for text, *_ in ALL}) == 60
