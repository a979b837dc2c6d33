"""mailapp.policy.verdict."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.status import RELAYING_DENIED
from mailapp.policy.verdict import Defer, Reject
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class VerdictTests(SynchronousTestCase):
    """A refusal can't have the reply code of another class."""

    @rows(
        reject_4=(Reject, 450),
        reject_2=(Reject, 250),
        defer_5=(Defer, 550),
        defer_3=(Defer, 354),
    )
    @threat(27)
    def test_class(self, kind: type[Reject] | type[Defer], reply_code: int) -> None:
        """Reject is 5yz and Defer 4yz, or they are not made."""
        self.assertRaises(ValueError, kind, RELAYING_DENIED, reply_code)

    def test_default(self) -> None:
        """The usual codes need not be written."""
        self.assertEqual(550, Reject(RELAYING_DENIED).reply_code)
        self.assertEqual(451, Defer(RELAYING_DENIED).reply_code)
