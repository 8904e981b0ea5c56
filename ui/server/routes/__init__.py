"""The routes of the HTTP API by subject; ``ui/server/api.py`` puts them together."""
