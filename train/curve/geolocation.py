"""How well a text is put on the map: median geodesic error and the share within given distances, next to the floors."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from index.extras import extra
from index.geo import geodesic_km
from train.protocols import LocationEncoder

ACCURACY_KM = (
    25,
    200,
    750,
    2500,
)  # city, region, country, continent: the usual thresholds of image geolocation (Hays and Efros 2008)
Degrees = npt.NDArray[np.float64]


def geolocation_figures(
    lat: Degrees, lon: Degrees, true_lat: Degrees, true_lon: Degrees, within_km: Sequence[int] = ACCURACY_KM
) -> dict[str, float]:
    """Median error in km and accuracy (share within the threshold) of predicted points, all [N]."""
    errors_km = geodesic_km(lat, lon, true_lat, true_lon)
    figures = {"median_km": float(np.median(errors_km))}
    return figures | {f"within_{km}_km": float((errors_km <= km).mean()) for km in within_km}


def nearest(queries: Tensor, gallery: Tensor, chunk: int = 256) -> npt.NDArray[np.int64]:
    """Row of the gallery [G, D] with the highest inner product for each query [N, D]."""
    return torch.cat([(part @ gallery.T).argmax(dim=1) for part in queries.split(chunk)]).cpu().numpy()


def recall_at(queries: Tensor, gallery: Tensor, k: int, chunk: int = 1024) -> float:
    """Share of queries [N, D] whose own row of the gallery [N, D] is among the ``k`` nearest; ties count against it, and so does
    a vector with NaN."""
    ranks = []
    for start in range(0, len(queries), chunk):
        scores = queries[start : start + chunk] @ gallery.T
        own = scores.gather(1, torch.arange(start, start + len(scores), device=scores.device)[:, None])
        ranks.append((~(scores < own)).sum(dim=1))
    return float((torch.cat(ranks) <= k).float().mean())


@torch.inference_mode()
def encode_locations(encoder: LocationEncoder, lat: Degrees, lon: Degrees, chunk: int = 8192) -> Tensor:
    """Unit vectors [N, D] float32 of points in WGS84 degrees."""
    device = next(encoder.parameters()).device
    lats, lons = torch.from_numpy(np.array(lat, dtype=np.float64)), torch.from_numpy(np.array(lon, dtype=np.float64))
    pairs = zip(lats.split(chunk), lons.split(chunk), strict=True)
    return torch.cat([F.normalize(encoder(a.to(device), b.to(device)).float(), dim=-1) for a, b in pairs])


def tfidf_nearest(train_texts: Sequence[str], texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], Degrees]:
    """The floor for text to location: row of the training article most similar by TF-IDF, for each text, and its cosine. A text
    without a word in common with any has the cosine 0, and its row means nothing."""
    vectorizer = extra("sklearn.feature_extraction.text").TfidfVectorizer(sublinear_tf=True, stop_words="english")
    known = vectorizer.fit_transform(train_texts).T.tocsr()  # transposed once, not for each text
    cosines = ((vectorizer.transform([text]) @ known).toarray()[0] for text in texts)
    best = [(int(row.argmax()), float(row.max())) for row in cosines]
    return np.array([row for row, _ in best], dtype=np.int64), np.array([cosine for _, cosine in best])
