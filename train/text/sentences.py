"""Splits a text into sentences: good enough for the leads of Wikipedia articles, without a dependency.

A full stop ends a sentence unless it belongs to an abbreviation or an initial; then the next word decides: "in the U.S. The" ends
one, "the U.S. Army" does not, because "The" begins sentences and rarely follows an abbreviation inside one (the frequent sentence
starters of Punkt, Kiss and Strunk 2006). Nothing is cut inside brackets or before a small letter. pySBD and Blingfire know more
rules and languages; neither has had a release since 2021.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

SHORTEST_CHARACTERS = 30  # a shorter sentence says too little about a place
LONGEST_BRACKETS = 500  # characters; two brackets further apart both lack their partner

# Only abbreviations that are not words as well ("art", "long"). Case matters: Col. is a rank, a col a pass. Units (km, m, ft) may
# well end one.
_ABBREVIATION = re.compile(
    r"""Sts?|St[aeo]|SS|Mts?|Mte|Ft|Pte?|Pt[ao]|Fr|Rev|Revd|Msgr|Ven|A?[Bb]p   # St. Louis, Mt. Etna, Ste. Genevieve
    |Mr|Mrs|Ms|Messrs|Drs?|Prof|Hon|Sr|Jr|Bros|Esq
    |Gen|Maj|Col|Lt|Capt|Cpt|Cdr|Cmdr|Adm|Sgt|Cpl|Pvt|Gov|Sen|Rep|Pres|Supt
    |Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec
    |Co|Corp|Inc|Ltd|Cie|Mfg|Bldg|Ave|Blvd|Rd|Hwy|Rte?|Dept|Dist|Twp|Univ|Assn
    |[Nn]os?|[Nn]r|[Vv]ols?|pp|[Ff]igs?|ch|chap|eds|trans|cf|viz|vs|etc|esp|incl|excl|approx|resp|orig
    |cc?a|circa|fl|est|[Pp]op|elev|alt|lat|lit|pron|abbr|Lat|Gk|Ger|Skt|Arab|subsp|ssp|spp
    |Rs|[bcdrpv]                                                                    # born, circa, died, reigned, page, versus
    |(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}                                              # U.S, a.m, e.g, Ph.D""",
    re.VERBOSE,
)
_NUMBERED = re.compile(r"(?:\b(?:War|Grade|Class|Category|Type|Phase|Part|Stage|Group|Zone|Line|Route|Plan|Division)\s+|°\s*)$")

_STARTER = re.compile(
    r"""An?|About|According|Across|Additionally|After|Afterwards|Along|Also|Although|Among|And|Another|Around|As|At|Because|Before
    |Besides|Between|Both|But|By|Consequently|Construction|Currently|Despite|Due|During|Each|Earlier|Every|Excavations|For|Formerly
    |Founded|From|Furthermore|He|Hence|Her|Here|His|Historically|How|However|I[fnst]|Initially|Instead|Its|Later|Like|Located|Many
    |Meanwhile|Moreover|Most|Nearby|Nevertheless|Nowadays|Of|On|Once|Only|Originally|Other|Over|Previously|Prior|Recently|She
    |Similarly|Since|Situated|So|Some|Soon|Subsequently|Such|Surrounding|That|The|Their|Then|There|Thereafter|These|They|This|Those
    |Though|Through|Throughout|Thus|To|Today|Together|Unlike|Until|Upon|Was|We|What|When|Where|Whereas|Which|While|Who|With|Within
    |Without""",
    re.VERBOSE,
)

_END = re.compile(
    r"""(?<![.!?…؟۔।])(?P<mark>[.!?…؟۔।]+) (?P<closing>(?:["'”’»)\]]|\[\d+\])*) 
        (?:\s+(?=\S) | (?<=[a-z]{2}\.)(?=[A-Z][a-z]))  # white space; none where a text was glued together
    | (?P<ideographic>[。！？]+[」』”）]*)
    | \n\s*\n\s*  # a paragraph ends""",
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*$")
_NEXT = re.compile(r"""["'“‘«(\[¿¡]*(?P<word>\w*)(?P<stop>\.?)""")


def sentences(text: str, most: int, characters: int) -> list[str]:
    """Up to ``most`` first sentences of a text that are long enough to say something; ``characters`` of it are looked through."""
    found = list(split(text[:characters]))
    if len(text) > characters and len(found) > 1:
        found.pop()  # most likely cut in two
    return [sentence for sentence in found if len(sentence) >= SHORTEST_CHARACTERS][:most]


def split(text: str) -> Iterator[str]:
    """All sentences of a text in order, stripped of white space."""
    text = text.strip()
    start, brackets = 0, _brackets(text)
    for end in _END.finditer(text):
        if end["mark"] is None or _ends(text, start, end, brackets):
            yield text[start : end.end()].strip()
            start = end.end()
    if start < len(text):
        yield text[start:]


def _ends(text: str, start: int, end: re.Match[str], brackets: list[tuple[int, int]]) -> bool:
    """Whether the mark found is the end of the sentence that began at ``start``."""
    before = bisect_left(brackets, (end.start(),)) - 1
    opened, closed = brackets[before] if before >= 0 else (0, 0)
    if end.start() < closed and (end.end("closing") <= closed or opened > start):
        return False  # in brackets; a sentence ends with them only if they hold all of it
    following = _NEXT.match(text, end.end())
    assert following is not None  # the pattern may be empty
    if following["word"][:1].islower():
        return False
    word = _WORD_BEFORE.search(text, max(start, end.start() - 20), end.start())
    if end["mark"] != "." or word is None or not _is_abbreviation(word[0]):
        return True
    if len(word[0]) == 1 and _NUMBERED.search(text, max(start, word.start() - 20), word.start()):
        return True  # World War I. 21 °C.
    return bool(_STARTER.fullmatch(following["word"])) and not following["stop"]


def _is_abbreviation(word: str) -> bool:
    initial = len(word) == 1 and word.isupper()
    return initial or _ABBREVIATION.fullmatch(word) is not None


def _brackets(text: str) -> list[tuple[int, int]]:
    """Where the outermost brackets that have a partner open and close, in order."""
    waiting: list[int] = []
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"[()\[\]]", text):
        if match[0] in "([":
            waiting.append(match.start())
        elif waiting:
            opened = waiting.pop()
            while found and found[-1][0] > opened:
                found.pop()
            if match.start() - opened <= LONGEST_BRACKETS:
                found.append((opened, match.start()))
    return found
