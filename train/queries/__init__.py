"""Encoders as a search asks them: by onnxruntime where they were exported (``light``), else by torch."""
