"""The atlas page view by view; ``ui/page/panels/atlas.py`` puts them beside one map."""
