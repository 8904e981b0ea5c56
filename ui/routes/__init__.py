"""The routes of the HTTP API by subject; ``ui/api.py`` puts them together."""
