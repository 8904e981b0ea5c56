"""What training minimises: losses, contrast, distillation, the architectures, and how batches are shared out."""
