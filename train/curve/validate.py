"""The state of a run: held-out records of each modality put on the map by their nearest location vector."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from index.geo import fibonacci_sphere
from train.batching.batches import Records
from train.curve.geolocation import ACCURACY_KM, encode_locations, geolocation_figures, nearest, recall_at
from train.objective.architecture import Architecture
from train.protocols import encoder_of

GALLERY = 20_000  # points 160 km apart over the whole sphere: a steady yardstick, not the reported figure
RESOLVED_KM = tuple(km for km in ACCURACY_KM if km > 100)  # of all places 7.5 % have a point of the gallery within 25 km
RECALL_K = 10
CHUNK = 512


@torch.inference_mode()
def validate(model: Architecture, held_out: Sequence[Records]) -> dict[str, float]:
    """For each modality ``val_<modality>_median_km``, ``..._within_<km>_km`` (nearest of points all over the sphere) and
    ``..._recall_at_10`` (its own place among the nearest ten of the places of all held-out records)."""
    training = model.training
    model.eval()
    lat, lon = fibonacci_sphere(GALLERY)
    locations = encoder_of(model.encoders, "locations")
    gallery = encode_locations(locations, lat, lon)
    figures: dict[str, float] = {}
    for records in held_out:
        vectors = encode_records(model, records)
        best = nearest(vectors, gallery)
        own = encode_locations(locations, records.lat, records.lon)
        found = geolocation_figures(lat[best], lon[best], records.lat, records.lon, RESOLVED_KM)
        found[f"recall_at_{RECALL_K}"] = recall_at(vectors, own, RECALL_K)
        figures |= {f"val_{records.modality}_{name}": value for name, value in found.items()}
    model.train(training)
    return figures


def encode_records(model: Architecture, records: Records) -> torch.Tensor:
    """Unit vectors [N, D] of all records, not augmented."""
    device = next(model.parameters()).device
    parts = np.array_split(np.arange(len(records)), math.ceil(len(records) / CHUNK))
    batches = (records.batch(rows).to(device) for rows in parts)
    return torch.cat([F.normalize(batch.encode(model.encoders[records.modality]).float(), dim=-1) for batch in batches])


def score(figures: dict[str, float]) -> float | None:
    """The value that early stopping watches, less is better: the geometric mean of the modalities' median errors. None without
    validation."""
    medians = [value for name, value in figures.items() if name.startswith("val_") and name.endswith("_median_km")]
    return float(np.exp(np.mean(np.log(np.maximum(medians, 1e-3))))) if medians else None
