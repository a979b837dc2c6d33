"""mailapp.relay.mx and routes: where mail goes next."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.records import MX, NoAnswer, RecordType, ServerFailure
from mailapp.queue.types import LOCAL
from mailapp.relay.mx import Exchangers, Hop, NextHops
from mailapp.relay.routes import Route, Routes
from mailapp.smtp.client_states import Trouble
from tests.rows import rows, tabled
from tests.table_resolver import TableResolver
from tests.threats import threat
from tests.unit.relay.net import FakeServer, World, address_of, finish, outcomes

MXS, FOUR, SIX, ALIAS = RecordType.MX, RecordType.A, RecordType.AAAA, RecordType.CNAME
DOMAIN = "example.test"


def exchangers(
    zone: Any, clock: Clock | None = None
) -> tuple[Exchangers, TableResolver]:
    """Ours is mx.us.test at 203.0.113.1."""
    resolver = TableResolver(zone)
    seconds = (clock or Clock()).seconds
    return Exchangers(resolver, "mx.us.test", ["203.0.113.1"], seconds), resolver


def found(zone: Any, domain: str = DOMAIN) -> list[str] | str:
    """Addresses in order, or the status of the trouble."""
    answer = finish(exchangers(zone)[0].of_domain(domain))
    if isinstance(answer, Trouble):
        return answer.status
    return [hop.address for hop in answer.shuffled(lambda hosts: hosts.reverse())]


@tabled
class DomainTests(SynchronousTestCase):
    """The next hops of a domain (RFC 5321, section 5.1)."""

    @rows(
        preferences=(
            {(DOMAIN, MXS): [MX(20, "b.test"), MX(10, "a.test")],
             ("a.test", FOUR): ["192.0.2.1"], ("b.test", FOUR): ["192.0.2.2"]},
            ["192.0.2.1", "192.0.2.2"],
        ),
        equal_are_shuffled=(
            {(DOMAIN, MXS): [MX(10, "a.test"), MX(10, "b.test"), MX(5, "c.test")],
             ("a.test", FOUR): ["192.0.2.1"], ("b.test", FOUR): ["192.0.2.2"],
             ("c.test", FOUR): ["192.0.2.3"]},
            ["192.0.2.3", "192.0.2.2", "192.0.2.1"],
        ),
        families_in_turn=(
            {(DOMAIN, MXS): [MX(10, "a.test")],
             ("a.test", FOUR): ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
             ("a.test", SIX): ["2001:db8::1"]},
            ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"],
        ),
        implicit=({(DOMAIN, FOUR): ["192.0.2.1"]}, ["192.0.2.1"]),
        implicit_behind_alias=(
            {(DOMAIN, ALIAS): ["c.test"], ("c.test", FOUR): ["192.0.2.1"]},
            ["192.0.2.1"],
        ),
        mx_behind_alias=(
            {(DOMAIN, ALIAS): ["c.test"], ("c.test", MXS): [MX(1, "a.test")],
             ("a.test", FOUR): ["192.0.2.1"]},
            ["192.0.2.1"],
        ),
        exchange_is_alias=(
            {(DOMAIN, MXS): [MX(1, "c.test")], ("c.test", ALIAS): ["a.test"],
             ("a.test", FOUR): ["192.0.2.1"]},
            ["192.0.2.1"],
        ),
        no_use_of_own_address=(
            {(DOMAIN, MXS): [MX(1, "nowhere.test")], (DOMAIN, FOUR): ["192.0.2.1"]},
            "5.4.4",
        ),
        null_mx=(
            {(DOMAIN, MXS): [MX(0, ".")], (DOMAIN, FOUR): ["192.0.2.1"]},
            "5.1.10",
        ),
        null_among_others=(
            {(DOMAIN, MXS): [MX(0, "."), MX(1, "a.test")],
             ("a.test", FOUR): ["192.0.2.1"]},
            ["192.0.2.1"],
        ),
        no_domain=({}, "5.1.2"),
        no_address=({(DOMAIN, RecordType.TXT): [b"x"]}, "5.4.4"),
        servfail=({(DOMAIN, MXS): ServerFailure()}, "4.4.3"),
        no_answer=({(DOMAIN, MXS): NoAnswer()}, "4.4.3"),
        addresses_unknown=(
            {(DOMAIN, MXS): [MX(1, "a.test")], ("a.test", FOUR): ServerFailure()},
            "4.4.3",
        ),
        one_unknown=(
            {(DOMAIN, MXS): [MX(1, "a.test"), MX(2, "b.test")],
             ("a.test", FOUR): NoAnswer(), ("b.test", FOUR): ["192.0.2.2"]},
            ["192.0.2.2"],
        ),
        we_are_second=(
            {(DOMAIN, MXS): [MX(10, "a.test"), MX(20, "mx.us.test"), MX(20, "b.test"),
                             MX(30, "c.test")],
             ("a.test", FOUR): ["192.0.2.1"], ("b.test", FOUR): ["192.0.2.2"],
             ("c.test", FOUR): ["192.0.2.3"]},
            ["192.0.2.1"],
        ),
        we_are_first=(
            {(DOMAIN, MXS): [MX(10, "mx.us.test"), MX(20, "b.test")],
             ("b.test", FOUR): ["192.0.2.2"]},
            "5.4.6",
        ),
        our_address=(
            {(DOMAIN, MXS): [MX(10, "b.test")], ("b.test", FOUR): ["203.0.113.1"]},
            "5.4.6",
        ),
        our_address_without_mx=({(DOMAIN, FOUR): ["203.0.113.1"]}, "5.4.6"),
    )  # fmt: skip
    @threat(21, 101)
    def test_domain(self, zone: Any, expected: list[str] | str) -> None:
        """Hops in their order, or why there are none; in doubt mail waits."""
        self.assertEqual(found(zone), expected)

    @rows(
        four=("[192.0.2.1]", ["192.0.2.1"]),
        six=("[IPv6:2001:db8::1]", ["2001:db8::1"]),
        ours=("[203.0.113.1]", "5.4.6"),
    )
    def test_literal(self, domain: str, expected: list[str] | str) -> None:
        """An address literal needs no DNS."""
        self.assertEqual(found({}, domain), expected)

    def test_limits(self) -> None:
        """A domain with masses of records costs no more than the limits."""
        zone: dict[Any, Any] = {
            (DOMAIN, MXS): [MX(n, f"a{n}.test") for n in range(500)]
        }
        for n in range(500):
            zone[f"a{n}.test", FOUR] = [f"192.0.{n % 256}.{m}" for m in range(30)]
        finder, resolver = exchangers(zone)
        answer = finish(finder.of_domain(DOMAIN))
        hops = [] if isinstance(answer, Trouble) else answer.shuffled(lambda _: None)
        self.assertEqual(len(hops), 40)
        self.assertLessEqual(len(resolver.asked), 41)

    def test_remembered(self) -> None:
        """What was found is not asked again before its time; failures are."""
        clock = Clock()
        zone = {(DOMAIN, FOUR): ["192.0.2.1"]}
        finder, resolver = exchangers(zone, clock)
        for _ in range(3):
            finish(finder.of_domain(DOMAIN))
        self.assertEqual(len(resolver.asked), 3)
        clock.advance(61)
        finish(finder.of_domain(DOMAIN))
        self.assertEqual(len(resolver.asked), 6)

    def test_host(self) -> None:
        """A configured host has no MX; a path is a Unix socket; it may be us."""
        zone = {("h.test", MXS): [MX(1, "x.test")], ("h.test", FOUR): ["203.0.113.1"]}
        finder, _ = exchangers(zone)
        for host, hop in (
            ("h.test", Hop("h.test", "203.0.113.1", 587)),
            ("192.0.2.9", Hop("192.0.2.9", "192.0.2.9", 587)),
            ("/run/lmtp", Hop("/run/lmtp", "/run/lmtp", 0)),
        ):
            answer = finish(finder.of_host(host, 587))
            self.assertEqual(answer, NextHops([[[hop]]], authenticated=True))


@tabled
class FallbackTests(SynchronousTestCase):
    """One host after the other."""

    ZONE: ClassVar[Any] = {
        (DOMAIN, MXS): [MX(1, "a.test"), MX(2, "b.test")],
        ("a.test", FOUR): ["192.0.2.1"],
        ("b.test", FOUR): ["192.0.2.2"],
    }

    @rows(
        refused=({}, True),
        busy=({"greeting": b"421 4.3.2 busy\r\n"}, True),
        never=({"greeting": b"554 5.7.1 not you\r\n"}, True),
        silent=({"greeting": b""}, True),
        recipient=({"rcpt": b"550 5.1.1 who?\r\n"}, False),
        greylisted=({"rcpt": b"450 4.2.0 later\r\n"}, False),
    )
    def test_next_host(self, steps: dict[str, Any], next_one: bool) -> None:  # noqa: FBT001
        """The next is asked if one takes no mail, not if it refuses a recipient."""
        servers: Any = {"192.0.2.2": FakeServer}
        if steps:
            servers["192.0.2.1"] = lambda: FakeServer(**steps)
        world = World(servers, self.ZONE)
        attempts = world.carry()
        asked = world.dialed == ["192.0.2.1", "192.0.2.2"]
        self.assertEqual(asked, next_one)
        self.assertEqual(attempts[0].outcome.value == "relayed", next_one)
        if next_one:
            self.assertEqual(attempts[0].host, "b.test [192.0.2.2]:25")

    def test_nobody(self) -> None:
        """Nobody there: deferred; all say never: failed; else deferred."""
        self.assertEqual(
            outcomes(World({}, self.ZONE).carry()), [("deferred", "4.4.1")]
        )

        def never() -> FakeServer:
            return FakeServer(greeting=b"521 5.3.2 no mail here\r\n")

        both = World({"192.0.2.1": never, "192.0.2.2": never}, self.ZONE)
        self.assertEqual(outcomes(both.carry()), [("failed", "5.3.2")])
        one = World({"192.0.2.1": never}, self.ZONE)
        self.assertEqual(outcomes(one.carry()), [("deferred", "4.4.1")])


class RouteTests(SynchronousTestCase):
    """What goes where."""

    def test_most_exact(self) -> None:
        """The domain itself, then the nearest above it, then ``*``."""
        routes = Routes(
            [
                Route(name="all", host="smart.test"),
                Route(name="exact", host="e.test", domains=["A.test"]),
                Route(name="below", host="b.test", domains=[".a.test"]),
                Route(name="deep", host="d.test", domains=[".x.a.test"]),
                Route(name="secure", domains=["s.test"]),
            ],
            is_local=lambda domain: domain == "us.test",
        )
        for domain, key in {
            "a.test": "exact",
            "y.a.test": "below",
            "y.x.a.test": "deep",
            "x.a.test": "below",
            "other.test": "all",
            "[192.0.2.1]": "all",
            "s.test": "s.test",
        }.items():
            destination = routes.destination_of(address_of(f"bob@{domain}"))
            self.assertEqual(destination.key, key, domain)
            name = routes.route_of(destination).name
            self.assertEqual(name, "secure" if key == "s.test" else key)
        self.assertEqual(routes.destination_of(address_of("bob@us.test")), LOCAL)

    def test_direct(self) -> None:
        """Without routes each domain is its own destination."""
        routes = Routes()
        destination = routes.destination_of(address_of("bob"))
        self.assertEqual(destination.key, "example.test")
        self.assertEqual(routes.route_of(destination).host, "")

    def test_refused(self) -> None:
        """Two of one name or for one domain, and names that look like domains."""
        one, two = Route(name="a", host="x"), Route(name="b", host="y")
        for routes in ([one, one], [one, two]):
            self.assertRaises(ValueError, Routes, routes)
        self.assertRaises(ValueError, Route, name="a.test")

    def test_source(self) -> None:
        """Our address of the same family."""
        route = Route(name="a", sources=["192.0.2.7", "2001:db8::7"])
        self.assertEqual(route.source("198.51.100.1"), "192.0.2.7")
        self.assertEqual(route.source("2001:db8::1"), "2001:db8::7")
        self.assertEqual(route.source("/run/lmtp"), "")
        self.assertEqual(Route(name="b").source("198.51.100.1"), "")
