"""mailapp.delivery.srs."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address, parse_address
from mailapp.core.failures import PermanentFailure
from mailapp.delivery.srs import SenderRewriting
from tests.rows import rows, tabled
from tests.threats import threat

NOW = 1_700_000_000.0
DAY = 86400.0
OURS = SenderRewriting(b"a" * 32, "srs.example.test", ["example.test"])
THEIRS = SenderRewriting(b"b" * 32, "forward.example.org")
SENDERS = st.builds(
    Address,
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
    st.sampled_from(["example.net", "xn--bcher-kva.example", "a-b.c.d.example"]),
)


@tabled
class RewriteTests(SynchronousTestCase):
    """What a sender becomes, and back."""

    @given(SENDERS, st.floats(0, 4e9), st.floats(0, 20 * DAY))
    @example(Address("0" * 28 + '"', "a-b.c.d.example"), 0, 0)
    @settings(deadline=None)
    def test_round_trip(self, sender: Address, now: float, later: float) -> None:
        """Whatever is rewritten is an address that leads back, unless it is too old."""
        made = OURS.rewrite(sender, now)
        self.assertEqual(made, parse_address(made.encode()) if made != sender else made)
        if made == sender:
            return
        self.assertTrue(OURS.is_made_here(made))
        self.assertEqual(sender, OURS.reverse(made, now + later))

    @given(st.floats(0, 4e9))
    @settings(deadline=None, max_examples=20)
    def test_second_hop(self, now: float) -> None:
        """What another forwarder made leads back to that one, and from there home."""
        sender = Address("Carol=x", "example.net")
        first = THEIRS.rewrite(sender, now)
        second = OURS.rewrite(first, now)
        self.assertTrue(second.local_part.startswith("SRS1="))
        self.assertEqual(first, OURS.reverse(second, now))
        # a third hop shortens the way: the first forwarder stays, the second goes
        third = THEIRS.rewrite(second, now)
        self.assertTrue(third.local_part.startswith("SRS1="))
        self.assertEqual(first, THEIRS.reverse(third, now))
        self.assertEqual(sender, THEIRS.reverse(first, now))

    @rows(
        ours=Address("alice", "example.test"),
        our_srs=OURS.rewrite(Address("carol", "example.net"), NOW),
        literal=Address("carol", "[192.0.2.1]"),
        too_long=Address("c" * 50, "example.net"),
    )
    def test_as_it_is(self, sender: Address) -> None:
        """What would gain nothing, or break the limit of 64 octets, stays."""
        self.assertEqual(sender, OURS.rewrite(sender, NOW))

    def test_case(self) -> None:
        """Servers that change case on the way break nothing but the case itself."""
        made = OURS.rewrite(Address("carol", "example.net"), NOW)
        for local_part in (made.local_part.lower(), made.local_part.upper()):
            back = OURS.reverse(Address(local_part, made.domain), NOW)
            self.assertEqual("example.net", back.domain)
            self.assertEqual("carol", back.local_part.lower())

    @rows(
        plain=Address("alice", "srs.example.test"),
        no_separator=Address("SRS0aaa=bb=c=d", "srs.example.test"),
        other_domain=Address("SRS0=aaaaaa=bbbb=example.net=c", "example.org"),
        name=Address("srs0", "srs.example.test"),
    )
    def test_not_ours(self, address: Address) -> None:
        """Other addresses are none of our business."""
        self.assertFalse(OURS.is_made_here(address))

    @threat(18)
    def test_expiry(self) -> None:
        """An address works for three weeks and an hour; a clock set back is no harm."""
        made = OURS.rewrite(Address("carol", "example.net"), NOW)
        for moment in (NOW - 1800, NOW + 21 * DAY):
            OURS.reverse(made, moment)
        for moment in (NOW + 21 * DAY + 7200, NOW - 3 * 3600, NOW + 400 * DAY):
            self.assertRaises(PermanentFailure, OURS.reverse, made, moment)

    @given(st.integers(0, 40), st.characters(min_codepoint=33, max_codepoint=126))
    @settings(deadline=None)
    @threat(18)
    def test_forged(self, place: int, character: str) -> None:
        """Not one character can be changed, but for its case."""
        made = OURS.rewrite(Address("carol", "example.net"), NOW).local_part
        place %= len(made) - 5
        changed = made[: 5 + place] + character + made[6 + place :]
        if changed.lower() == made.lower():
            return
        address = Address(changed, "srs.example.test")
        self.assertRaises(PermanentFailure, OURS.reverse, address, NOW)

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=60))
    @settings(deadline=None)
    @threat(18)
    def test_anything(self, rest: str) -> None:
        """Whatever stands behind the prefix is refused, and nothing else is raised."""
        for prefix in ("SRS0=", "SRS1=", "srs0+"):
            try:
                address = Address(prefix + rest, "srs.example.test")
            except ValueError:
                return
            self.assertRaises(PermanentFailure, OURS.reverse, address, NOW)
