"""Profiles of listeners: how they show mail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.schema import Profile
from tests.rows import rows, tabled
from tests.unit.config.files import LISTENER, SERVER, TLS, loaded, problems

POP2 = '[[listener]]\nprotocol = "pop2"\n'
POP3 = '[[listener]]\nprotocol = "pop3"\n'


@tabled
class ProfileTests(SynchronousTestCase):
    """Old machines fetch mail; nobody else has use for a profile."""

    @rows(pop2=(POP2,), pop3=(POP3,))
    def test_vintage(self, listener: str) -> None:
        """POP2 and POP3 may show mail to old machines; the size can be set."""
        lines = 'tls = "none"\naddress = "127.0.0.1"\nprofile = "vintage"\n'
        size = '[vintage]\nmessage-size = "8 KiB"\n'
        text = SERVER + TLS + listener + lines + size
        self.assertEqual([], [p for p in problems(text) if ": error: " in p])
        configuration = loaded(text).configuration
        assert configuration is not None
        self.assertIs(Profile.VINTAGE, configuration.listeners[0].profile)
        self.assertEqual(8192, configuration.vintage.message_size)

    def test_refused(self) -> None:
        """A listener that takes mail shows none."""
        text = SERVER + TLS + LISTENER + 'profile = "vintage"\n'
        (line,) = [p for p in problems(text) if "profile" in p]
        self.assertIn(': error: listener[1].profile: expected "standard", or ', line)
        self.assertIsNone(loaded(text).configuration)
