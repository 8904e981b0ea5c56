"""What a sentence says beside its words: coordinates and links typed anywhere, and constraints that are filters.

``read.read_question`` is the way in. ``links``, ``codes`` and ``coordinates`` find places, ``constraints`` finds filters; each
gives stretches of the text with what they were taken for. What is ambiguous stays words, with a note that says what to type
instead.
"""
