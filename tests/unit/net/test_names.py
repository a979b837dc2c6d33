"""Ids of connections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.names import SessionNames


class SessionNamesTests(SynchronousTestCase):
    """Short, and never twice."""

    def test_unique(self) -> None:
        """No two are equal in a process."""
        name = SessionNames()
        names = [name() for _ in range(5000)]
        self.assertEqual(len(set(names)), 5000)
        self.assertLessEqual(max(map(len, names)), 8)

    def test_processes_differ(self) -> None:
        """The random part sets processes and restarts apart."""
        self.assertNotEqual(SessionNames(b"\0" * 5)(), SessionNames(b"\1" * 5)())
        self.assertEqual(SessionNames(b"\0" * 5)(), "aaaa-b")
