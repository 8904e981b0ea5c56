"""Records of one modality and batches of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from train.batching.batches import Chances, Records


def made(chosen: npt.NDArray[np.int64], chances: Chances | None) -> Any:
    """A batch that only says what was asked for."""
    return SimpleNamespace(rows=chosen.tolist(), chances=chances, lat=torch.zeros(len(chosen)))


def records(count: int) -> Records:
    return Records("articles", [f"id{n}" for n in range(count)], np.arange(count) * 1.0, np.arange(count) * 2.0, made)


def test_a_batch_is_made_of_the_rows_that_are_asked_for_with_their_chances() -> None:
    chances = np.array([[0.1, 0.2], [0.3, 0.4]])
    batch = records(5).batch(np.array([3, 1]), chances)
    assert batch.rows == [3, 1]
    assert batch.chances is chances
    assert records(5).batch(np.array([2])).chances is None


def test_the_first_records_are_the_same_records() -> None:
    few = records(5).first(2)
    assert len(few) == 2
    assert few.ids == ["id0", "id1"]
    assert (few.lat.tolist(), few.lon.tolist()) == ([0, 1], [0, 2])
    assert few.batch(np.array([1])).rows == [1]


def test_no_more_are_taken_than_there_are() -> None:
    assert records(3).first(10).ids == records(3).ids
