"""What a person does at mutt, with messages 1 to 9, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.interop.client_case import needs


def keys(folder: str, copy: Path) -> str:
    """The end of a muttrc; the key Z then does it all and leaves.

    Args:
        folder: to save to, as mutt writes it.
        copy: a Maildir to copy to.
    """
    macro = (
        "<tag-pattern>~s 'words [12]$'<enter><tag-prefix><flag-message>"
        "<untag-pattern>~A<enter>"
        "<delete-pattern>~s 'words 3$'<enter>"
        "<tag-pattern>~s 'words [45]$'<enter><tag-prefix><save-message>"
        f"<kill-line>{folder}<enter><untag-pattern>~A<enter>"
        "<tag-pattern>~s 'words 6$'<enter><tag-prefix><copy-message>"
        f"<kill-line>{copy}<enter><untag-pattern>~A<enter>"
        "<tag-pattern>~s 'words 7$'<enter><tag-prefix><clear-flag>N"
        "<untag-pattern>~A<enter><quit>"
    )
    return (
        "set confirmappend=no\nset confirmcreate=no\nset delete=yes\nset quit=yes\n"
        "set move=no\nset wait_key=no\nset mbox_type=Maildir\nset mark_old=no\n"
        f'macro index Z "{macro}"\n'
    )


def expected() -> dict[int, str]:
    """What is left, and its flags as letters."""
    return {1: "F", 2: "F", 6: "", 7: "S", 8: "", 9: ""}


def saved() -> Sequence[int]:
    """What is found in the other folder."""
    return [4, 5]


class AtMutt(Protocol):
    """Tests of a case that says what a person does there, and what comes of it."""

    def sort_mail(self, program: str) -> None:
        """Play it with this program."""

    @needs("mutt")
    def test_mutt(self) -> None:
        """A person at mutt flags, reads, deletes, saves and copies."""
        self.sort_mail("mutt")

    @needs("neomutt")
    def test_neomutt(self) -> None:
        """And one at neomutt."""
        self.sort_mail("neomutt")
