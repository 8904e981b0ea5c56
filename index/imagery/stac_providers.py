"""The providers of Sentinel-2 L2A through a STAC API. A new provider is a new class here and changes nothing else.

``assets`` maps each band, and SCL, to the keys that the provider's items use for it.
"""

from collections.abc import Mapping
from typing import ClassVar

from index.imagery.sensors import UNNAMED_SENTINEL2

BANDS = UNNAMED_SENTINEL2[12]
_COLOURS = ("coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "nir09", "swir16", "swir22")
_BY_BAND = {band: (band,) for band in (*BANDS, "SCL")}
_BY_COLOUR = {band: (colour,) for band, colour in zip(BANDS, _COLOURS, strict=True)} | {"SCL": ("scl",)}


class Provider:
    """Any API: assets by the names of all known providers. ``token_url`` gives tokens for hosts that end with ``signed_hosts``."""

    title: ClassVar[str] = ""
    endpoint: ClassVar[str] = ""
    collection: ClassVar[str] = "sentinel-2-l2a"
    assets: ClassVar[Mapping[str, tuple[str, ...]]] = {band: _BY_BAND[band] + _BY_COLOUR[band] for band in _BY_BAND}
    token_url: ClassVar[str] = ""
    signed_hosts: ClassVar[str] = ""

    @classmethod
    def at(cls, endpoint: str) -> type["Provider"]:
        """A provider without a preset, at this address."""
        return type("Other", (cls,), {"title": endpoint, "endpoint": endpoint})


class EarthSearch(Provider):
    """Element 84, files on AWS. Why not its collection sentinel-2-c1-l2a: docs/sources/sentinel2_stac.md."""

    title = "Earth Search"
    endpoint = "https://earth-search.aws.element84.com/v1"
    assets = _BY_COLOUR


class PlanetaryComputer(Provider):
    """Microsoft, files on Azure, read with tokens that last an hour."""

    title = "Planetary Computer"
    endpoint = "https://planetarycomputer.microsoft.com/api/stac/v1"
    assets = _BY_BAND
    token_url = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
    signed_hosts = ".blob.core.windows.net"


PROVIDERS: Mapping[str, type[Provider]] = {"earth-search": EarthSearch, "planetary-computer": PlanetaryComputer}
