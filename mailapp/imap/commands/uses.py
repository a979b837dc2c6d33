r"""Special uses of mailboxes: ``\Sent`` and the like (RFC 6154)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mailapp.storage.types import FolderId, Named, Noted

USES: Final = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
r"""What a mailbox can be used for. \All and \Flagged are views that we don't have."""
_BY_FOLDED: Final = {use.lower(): use for use in USES}
_BY_NAME: Final[Mapping[tuple[str, ...], str]] = {(use[1:],): use for use in USES}


def known_use(use: str) -> str | None:
    """A use in its one spelling; None: there is no such mailbox here."""
    return _BY_FOLDED.get(use.lower())


def uses_of(
    mailboxes: Sequence[Named], noted: Noted
) -> Mapping[FolderId, tuple[str, ...]]:
    r"""The uses of each mailbox that has any.

    What no mailbox was given by CREATE goes to the one that is called like it: most
    accounts have a Sent that no client ever said anything about.
    """
    there = {mailbox.id for mailbox in mailboxes}
    found = {
        folder: tuple(sorted(uses))
        for folder, uses in noted.uses.items()
        if folder in there
    }
    given = {use for uses in found.values() for use in uses}
    for mailbox in mailboxes:
        use = _BY_NAME.get(mailbox.name)
        if use is not None and use not in given and mailbox.id not in found:
            found[mailbox.id] = (use,)
    return found
