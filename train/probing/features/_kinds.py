"""What features are, read from their digests: a digest says what they are made from (the files beside), a name is only a name."""

import re
from typing import Literal

FeaturesKind = Literal["floor", "ours", "peer", "joined"]
_UNTRAINED = re.compile(r"-untrained\d*$")
_KINDS: tuple[tuple[str, FeaturesKind], ...] = (
    (r"lonlat|xyz|idw|sh\d+|.+-inputs|.+-untrained\d*", "floor"),
    (r"[0-9a-f]{64}(-output|-hidden)?", "ours"),  # a layer of a checkpoint, or its results from our index
    (r"concat-.*", "joined"),
)


def kind_of(digest: str) -> FeaturesKind:
    """Floors have learnt nothing; what is neither a floor, nor ours, nor joined from two is a peer."""
    return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, digest)), "peer")


def is_twin(digest: str) -> bool:
    """Whether these are the features of an untrained twin."""
    return _UNTRAINED.search(digest) is not None


def without_seed(digest: str) -> str:
    """The digest that all untrained twins of a layer share; of other features their own."""
    return _UNTRAINED.sub("-untrained", digest)
