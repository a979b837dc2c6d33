"""Replies by name: what is put together in a shorter way is the same reply."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.status import Status
from mailapp.smtp.grammar.reply import make_reply
from mailapp.smtp.replies import accepted


class AcceptedTests(SynchronousTestCase):
    """The reply to a message that was taken."""

    @given(
        st.text(max_size=20).filter(str.isprintable)
        | st.text("0123456789abcdef", max_size=600)
    )
    def test_as_by_rules(self, name: str) -> None:
        """Whatever the id is, the reply is the one that the general way makes."""
        slow = make_reply(250, Status(0, 0, ""), [f"OK id={name}"])
        self.assertEqual(accepted(name), slow)
