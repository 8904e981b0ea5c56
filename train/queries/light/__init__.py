"""A model's encoders without torch: graphs run by onnxruntime, the rest in numpy. `placebind export-encoder` makes them."""
