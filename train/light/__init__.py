"""A model's encoders without torch: graphs run by onnxruntime, and what is no network in numpy. `placebind export-encoder` makes them."""
