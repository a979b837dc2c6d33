"""Who is let in."""

from __future__ import annotations

import time
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.addresses import plain, within
from mailapp.net.limits import Admission, Limit, key_of
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class AddressTests(SynchronousTestCase):
    """One spelling for each peer."""

    @rows(
        v4=("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        mapped=("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        v6=("2001:DB8:0:1:0::5", "2001:db8:0:1::5", "2001:db8:0:1::/64"),
        scope=("fe80::1%eth0", "fe80::1", "fe80::/64"),
        mapped_hex=("::ffff:c000:201", "192.0.2.1", "192.0.2.1"),
    )
    def test_plain(self, host: str, address: str, key: str) -> None:
        """IPv4-mapped is IPv4, scopes are dropped, a /64 counts as one."""
        self.assertEqual(plain(host), address)
        self.assertEqual(key_of(address), key)

    @rows(
        inside=("192.0.2.1", True),
        outside=("198.51.100.1", False),
        v6=("2001:db8::1", True),
        other_v6=("2001:db9::1", False),
    )
    def test_within(self, address: str, expected: object) -> None:
        """Networks of both families may stand side by side."""
        networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
        self.assertEqual(within(address, networks), expected)


class AdmissionTests(SynchronousTestCase):
    """Three limits, and what the descriptors allow."""

    def setUp(self) -> None:
        """A clock."""
        self.clock = Clock()

    @threat(126)
    def test_descriptors(self) -> None:
        """Without descriptors nobody can be served, trusted or not."""
        trusted = [ip_network("192.0.2.0/24")]
        admission = Admission(self.clock, total=1, trusted=trusted, most=2)
        self.assertIsNone(admission.enter("198.51.100.1"))
        self.assertIsNone(admission.enter("192.0.2.1"))
        self.assertEqual(admission.enter("192.0.2.1"), Limit.TOTAL)
        admission.leave("198.51.100.1")
        self.assertIsNone(admission.enter("192.0.2.1"))

    @threat(125)
    def test_per_address(self) -> None:
        """An IPv6 peer does not get around it with other addresses of its /64."""
        admission = Admission(self.clock, per_address=2)
        entered = [admission.enter(f"2001:db8::{n}") for n in range(1, 4)]
        self.assertEqual(entered, [None, None, Limit.ADDRESS])
        self.assertIsNone(admission.enter("2001:db8:0:1::1"))
        admission.leave("2001:db8::1")
        self.assertIsNone(admission.enter("2001:db8::9"))

    @threat(125)
    def test_total(self) -> None:
        """All together."""
        admission = Admission(self.clock, total=2)
        entered = [admission.enter(f"192.0.2.{n}") for n in range(3)]
        self.assertEqual(entered, [None, None, Limit.TOTAL])

    @threat(125)
    def test_rate(self) -> None:
        """Whoever comes too often waits for the next minute; refusals count too."""
        admission = Admission(self.clock, per_minute=3)
        for _ in range(3):
            self.assertIsNone(admission.enter("192.0.2.1"))
            admission.leave("192.0.2.1")
        self.assertEqual(admission.enter("192.0.2.1"), Limit.RATE)
        self.assertIsNone(admission.enter("192.0.2.2"))
        self.clock.advance(60)
        self.assertIsNone(admission.enter("192.0.2.1"))

    def test_trusted(self) -> None:
        """Those in trusted networks are never refused."""
        admission = Admission(
            self.clock,
            total=1,
            per_address=1,
            per_minute=1,
            trusted=[ip_network("127.0.0.0/8")],
        )
        for _ in range(100):
            self.assertIsNone(admission.enter("127.0.0.1"))

    def test_other_workers_count(self) -> None:
        """What others hold is told, what we hold is heard."""
        told: list[tuple[str, int]] = []
        admission = Admission(
            self.clock,
            per_address=3,
            observe=lambda key, count: told.append((key, count)),
        )
        admission.heard("192.0.2.1", 2)
        self.assertIsNone(admission.enter("192.0.2.1"))
        self.assertEqual(admission.enter("192.0.2.1"), Limit.ADDRESS)
        admission.heard("192.0.2.1", 0)
        self.assertIsNone(admission.enter("192.0.2.1"))
        admission.leave("192.0.2.1")
        self.assertEqual(told, [("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.1", 1)])

    @threat(125)
    def test_flood_is_cheap(self) -> None:
        """A refusal costs microseconds, and no memory that stays."""
        admission = Admission(self.clock, per_address=1)
        begun = time.process_time()
        for n in range(5000):
            admission.enter(f"192.0.{n % 4}.1")
        self.assertLess(time.process_time() - begun, 0.1)
        self.assertEqual(admission.connections, 4)

    @given(
        st.lists(
            st.tuples(st.booleans(), st.sampled_from(["192.0.2.1", "2001:db8::1"]))
        )
    )
    def test_counts(self, steps: list[tuple[bool, str]]) -> None:
        """Whatever the order of coming and going, the counts are right."""
        admission = Admission(Clock(), total=4, per_address=3)
        inside: list[str] = []
        for comes, address in steps:
            if comes and admission.enter(address) is None:
                inside.append(address)
            elif not comes and address in inside:
                inside.remove(address)
                admission.leave(address)
            self.assertEqual(admission.connections, len(inside))
            self.assertLessEqual(inside.count(address), 3)
        for address in inside:
            admission.leave(address)
        self.assertEqual((admission.connections, admission._here), (0, {}))
