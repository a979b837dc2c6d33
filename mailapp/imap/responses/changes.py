"""What happens to messages, as untagged responses (RFC 9051, section 7.5).

Each function takes a slice of a mailbox and gives its lines at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen

from mailapp.imap.responses.mailbox import ranges_of, set_octets
from mailapp.storage.columns import Columns


@frozen
class Rows:
    """FETCH responses that tell flags, of the messages of some columns.

    Attributes:
        with_uid: they have UID.
        with_modseq: they have MODSEQ (RFC 7162, section 3.1).
    """

    columns: Columns
    with_uid: bool
    with_modseq: bool
    _names: dict[int, bytes] = field(factory=dict, init=False)

    def flags(self, mask: int) -> bytes:
        """The list of a mask, with its parentheses."""
        known = self._names.get(mask)
        if known is None:
            names = " ".join(self.columns.flags_of(mask))
            known = self._names[mask] = b"(%b)" % names.encode("ascii")
        return known

    def flag_lines(self, pairs: Iterable[tuple[int, int]]) -> bytes:
        """FLAGS, and what else is wanted.

        Args:
            pairs: sequence number and place of each message.
        """
        columns, flags = self.columns, self.flags
        masks, uids, modseqs = columns.masks, columns.uids, columns.modseqs
        if self.with_uid and self.with_modseq:
            lines = [
                b"* %d FETCH (UID %d FLAGS %b MODSEQ (%d))\r\n"
                % (number, uids[place], flags(masks[place]), modseqs[place])
                for number, place in pairs
            ]
        elif self.with_uid:
            lines = [
                b"* %d FETCH (UID %d FLAGS %b)\r\n"
                % (number, uids[place], flags(masks[place]))
                for number, place in pairs
            ]
        elif self.with_modseq:
            lines = [
                b"* %d FETCH (FLAGS %b MODSEQ (%d))\r\n"
                % (number, flags(masks[place]), modseqs[place])
                for number, place in pairs
            ]
        else:
            lines = [
                b"* %d FETCH (FLAGS %b)\r\n" % (number, flags(masks[place]))
                for number, place in pairs
            ]
        return b"".join(lines)

    def modseq_lines(self, pairs: Iterable[tuple[int, int]]) -> bytes:
        """MODSEQ without FLAGS, which the client knows (RFC 7162, section 3.1.3)."""
        uids, modseqs = self.columns.uids, self.columns.modseqs
        if self.with_uid:
            lines = [
                b"* %d FETCH (UID %d MODSEQ (%d))\r\n"
                % (number, uids[place], modseqs[place])
                for number, place in pairs
            ]
        else:
            lines = [
                b"* %d FETCH (MODSEQ (%d))\r\n" % (number, modseqs[place])
                for number, place in pairs
            ]
        return b"".join(lines)


def expunge_lines(numbers: Sequence[int]) -> bytes:
    """``EXPUNGE``, each number as it is when the lines before it were read."""
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished_line(uids: Iterable[int]) -> bytes:
    """``VANISHED`` (RFC 7162, section 3.2.10.2)."""
    return b"* VANISHED %b\r\n" % set_octets(ranges_of(uids))


def vanished_earlier(ranges: Sequence[tuple[int, int]]) -> bytes:
    """``VANISHED (EARLIER)`` (RFC 7162, section 3.2.10.1); nothing for none."""
    if not ranges:
        return b""
    return b"* VANISHED (EARLIER) %b\r\n" % set_octets(ranges)


def highest_modseq(modseq: int) -> bytes:
    """``HIGHESTMODSEQ`` (RFC 7162, section 3.1.2.1)."""
    return b"* OK [HIGHESTMODSEQ %d] highest\r\n" % modseq
