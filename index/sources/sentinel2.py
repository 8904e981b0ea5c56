"""Sentinel-2 tiles of a region or of points, under the name that people type first; the source is the same as sentinel2-stac.

Licence: Copernicus Sentinel data, free and open; see docs/sources/sentinel2_stac.md. Products on disk: sentinel2-safe.
"""

from index.sources.sentinel2_stac import Options, build

__all__ = ["Options", "build"]
