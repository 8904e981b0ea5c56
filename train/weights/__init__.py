"""Reading weights from elsewhere: safetensors, Lightning checkpoints, open_clip folders. Nothing is unpickled."""
