"""The base subject (RFC 5256, section 2.1): without "Re:", "[list]", "(fwd)".

Every step moves the ends of what is left, and no octet is looked at more than a few
times, whatever somebody wrote into a subject (threat 83).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mailapp.message.words import decode_text

# Step 1. A line end that came out of an encoded-word is a continuation, too.
_SPACES: Final = re.compile("[ \t\r\n\0]+")
_BLOB: Final = re.compile(r"\[[^\[\]\0]*+\][ \t]*+")
_BLOBS: Final = re.compile(r"(?:\[[^\[\]\0]*+\][ \t]*+)*")
_REFWD: Final = re.compile(
    r"(?:re|fwd?)[ \t]*+(?:\[[^\[\]\0]*+\][ \t]*+)?:", re.ASCII | re.IGNORECASE
)
_TRAILER: Final = "(fwd)"
_FORWARD: Final = "[fwd:"


class Subject(NamedTuple):
    """What is left of a subject.

    Attributes:
        base: the base subject, as it was written; compare it casemapped.
        is_reply: what was removed says that it is a reply or forward (section 3).
    """

    base: str
    is_reply: bool


def base_subject(value: bytes) -> Subject:
    """The base subject of a Subject field, folded or not."""
    return base_of(decode_text(value))


def base_of(text: str) -> Subject:
    """The base subject of decoded text."""
    subject = _SPACES.sub(" ", text)  # step 1
    start, end, is_reply = 0, len(subject), False
    while True:
        end, forwarded = _without_trailers(subject, start, end)  # step 2
        start, replied = _without_leaders(subject, start, end)  # steps 3 to 5
        is_reply = is_reply or forwarded or replied
        if not (
            subject[start : start + len(_FORWARD)].lower() == _FORWARD
            and end - start > len(_FORWARD)
            and subject[end - 1] == "]"
        ):
            return Subject(subject[start:end], is_reply)
        start, end, is_reply = start + len(_FORWARD), end - 1, True  # step 6


def _without_trailers(subject: str, start: int, end: int) -> tuple[int, bool]:
    """Where ``*subj-trailer`` begins, and whether a "(fwd)" was in it."""
    forwarded = False
    while start < end:
        if subject[end - 1] == " ":
            end -= 1
        elif (
            end - start >= len(_TRAILER)
            and subject[end - len(_TRAILER) : end].lower() == _TRAILER
        ):
            end -= len(_TRAILER)
            forwarded = True
        else:
            break
    return end, forwarded


def _without_leaders(subject: str, start: int, end: int) -> tuple[int, bool]:
    """Where the base begins, and whether a "Re:" or the like stood before it."""
    replied = False
    while start < end:
        if subject[start] == " ":
            start += 1
            continue
        # subj-leader: *subj-blob subj-refwd
        found = _BLOBS.match(subject, start, end)
        blobs_end = found.end() if found is not None else start
        reply = _REFWD.match(subject, blobs_end, end)
        if reply is not None:
            start, replied = reply.end(), True
            continue
        if blobs_end < end:
            # Step 4, once for each blob: none is followed by a leader now.
            return blobs_end, replied
        # Only blobs are left: the last one is the base.
        return _last_blob(subject, start, end), replied
    return start, replied


def _last_blob(subject: str, start: int, end: int) -> int:
    last = start
    for found in _BLOB.finditer(subject, start, end):
        last = found.start()
    return last
