"""What makes a client aware of MODSEQ (RFC 7162, section 3.1)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context, Extension
from mailapp.imap.responses.changes import highest_modseq


def enable_condstore(context: Context) -> None:
    """The client gave a CONDSTORE enabling command: it is told MODSEQs from now on.

    RFC 7162, section 3.1: the first one, with a mailbox selected, is answered with its
    HIGHESTMODSEQ.
    """
    if Extension.CONDSTORE in context.enabled:
        return
    context.enabled.add(Extension.CONDSTORE)
    if context.selected is not None:
        context.send(highest_modseq(context.selected.told_modseq))
