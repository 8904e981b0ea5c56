"""Where the next page of an answer begins, as an opaque text: how many hits to skip, of which question, in which index."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Self

from index.errors import InputError
from retrieval.asking.question import MAX_K, Question

MAX_CHARACTERS = 200


@dataclass(frozen=True)
class Cursor:
    """``version`` is that of the workspace. The page's size is no part of the question."""

    skip: int
    version: str
    question: str

    @classmethod
    def at(cls, skip: int, version: str, question: Question) -> Self:
        about = question.model_copy(update={"k": 1}).to_link()
        return cls(skip, version, hashlib.sha256(about.encode()).hexdigest()[:16])

    @classmethod
    def read(cls, text: str, version: str, question: Question) -> Self:
        """Raises ``InputError`` for one that is damaged, of another question, or of an index that has changed."""
        try:
            skip, was, about = json.loads(base64.b64decode(text.encode(), altchars=b"-_", validate=True))
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise InputError("the cursor is damaged; take `next` from the last answer as it is") from None
        expected = cls.at(skip if isinstance(skip, int) else -1, version, question)
        if not 0 < expected.skip < MAX_K or about != expected.question:
            raise InputError("the cursor is of another question; send it with the question whose answer it came with")
        if was != version:
            raise InputError("the index has changed since the page before; ask again without cursor=, from the first page on")
        return expected

    def text(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.skip, self.version, self.question]).encode()).decode()
