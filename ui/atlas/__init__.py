"""The atlas page view by view; ``ui/panels/atlas.py`` puts them beside one map."""
