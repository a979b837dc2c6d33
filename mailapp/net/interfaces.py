"""The seam of the name service."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

from mailapp.net.records import Answer, RecordType


class IResolver(Interface):
    """Looks names up: one seam for MX, SPF, DKIM, DANE and PTR alike."""

    def lookup(name: str, kind: RecordType) -> Awaitable[Answer]:
        """The records of a name; a CNAME is followed.

        Args:
            name: ASCII (A-labels); upper and lower case are the same.
            kind: which records.

        Raises:
            NoSuchName: the name does not exist.
            NoRecords: it has none of this type.
            ServerFailure, NoAnswer: unknown; try later. Both are ``Unresolved``.
        """

    def reverse(address: str) -> Awaitable[Answer]:
        """The PTR names of an address. They prove nothing until looked up themselves.

        Raises:
            NoSuchName, NoRecords, ServerFailure, NoAnswer: as for ``lookup``.
        """
