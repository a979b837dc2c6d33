"""Ids of connections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.names import MessageNames, SessionNames


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


class MessageNamesTests(SynchronousTestCase):
    """Ids of messages."""

    def test_form(self) -> None:
        """Sixteen hexadecimal digits, each time others; a process has its own."""
        names = MessageNames()
        made = {names() for _ in range(1000)}
        self.assertEqual(len(made), 1000)
        for name in made:
            self.assertRegex(name, "^[0-9a-f]{16}$")
        self.assertNotIn(MessageNames()(), made)
        self.assertEqual(MessageNames(1)(), MessageNames(1)())
