"""Weights from elsewhere: safetensors, Lightning checkpoints, open_clip folders; torchvision beside CPU torch. No pickle."""
