"""Base maps that can be chosen: Blue Marble from this server, and providers on the internet through xyzservices."""

from functools import cache

import xyzservices.providers as providers

from ui.page.map import Background

ONLINE = ("OpenStreetMap.Mapnik", "OpenTopoMap", "Esri.WorldImagery")


@cache
def backgrounds() -> dict[str, Background]:
    """By name, the local one first."""
    found = {"NASA Blue Marble (offline)": Background()}
    for name in ONLINE:
        provider = providers.query_name(name)
        found[name.replace(".", " ")] = Background(provider.build_url(), provider.attribution, provider.get("max_zoom", 18))
    return found
