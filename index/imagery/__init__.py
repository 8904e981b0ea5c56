"""Reading rasters: safe opening and cutting, Sentinel-2 products and archives, windows of COGs, STAC.

The sources of tiles build on this.
"""
