"""Where records come from: one file each, with ``Options`` and ``build(**options)`` returning an ``index.records.Source``."""
