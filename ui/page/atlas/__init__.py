"""The atlas page view by view; ``ui/page/panels/atlas.py`` shows them next to one map."""
