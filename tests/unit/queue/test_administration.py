"""What an administrator does, with a postman and without one, and over its socket."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.testing import StringTransport
from zope.interface.verify import verifyObject

from mailapp.events.record import Kind
from mailapp.net.steps import finish
from mailapp.queue.administration import Administration
from mailapp.queue.control import Control
from mailapp.queue.forms import read_entry
from mailapp.queue.interfaces import IContent, IQueue, IQueueAdministration, IQueuedBody
from mailapp.queue.stored import StoredContent
from mailapp.queue.types import Entry, Outcome
from mailapp.storage.files import Files
from tests.unit.queue.postman import PostCase, envelope


class InterfaceTests(PostCase):
    """Who provides what."""

    def test_interfaces(self) -> None:
        """Each implementation provides its interface."""
        spool = self.post.spool
        verifyObject(IQueue, spool)
        verifyObject(IQueuedBody, spool.stage())
        verifyObject(IContent, StoredContent(b"", 0, b"", Files(), spool.in_thread))
        verifyObject(
            IQueueAdministration, Administration(self.post.custody, self.post.events)
        )


class AdministrationCase(PostCase):
    """Three messages that were deferred."""

    with_postman = True

    def setUp(self) -> None:
        """Defer them."""
        super().setUp()
        self.always(Outcome.DEFERRED)
        self.post.put(envelope("m1", "x@far.test"))
        self.post.put(envelope("m2", "y@far.test", "z@other.test"))
        self.post.put(envelope("m3", "z@other.test"))
        self.tried = len(self.post.carrier.carried)
        if not self.with_postman:
            self.post.end()
            self.post = self.new_post()
            finish(self.post.custody.take())
        dispatcher = self.post.dispatcher if self.with_postman else None
        self.administration = Administration(
            self.post.custody, self.post.events, dispatcher
        )
        self.always(Outcome.RELAYED)

    def go(self) -> list[str]:
        """Who was tried since, at once or when a postman starts."""
        if not self.with_postman:
            self.post.custody.give_up()
            self.post = self.new_post()
            self.always(Outcome.RELAYED)
            self.post.start()
            self.tried = 0
        self.wait(0.2)
        return sorted(name for _, name in self.post.carrier.carried[self.tried :])

    def ids(self, domain: str = "") -> list[str]:
        """What is listed."""

        async def collect() -> list[Entry]:
            return [entry async for entry in self.administration.entries(domain)]

        return sorted(entry.id for entry in finish(collect()))


class AdministrationTests(AdministrationCase):
    """Beside a running postman."""

    def test_list(self) -> None:
        """All, or those that wait for a domain."""
        self.assertEqual(self.ids(), ["m1", "m2", "m3"])
        self.assertEqual(self.ids("far.test"), ["m1", "m2"])
        self.assertEqual(self.ids("none.test"), [])
        found = finish(self.administration.entry("m2"))
        self.assertEqual(found.waiting, [0, 1])

    def test_unknown(self) -> None:
        """An id that is not there raises KeyError, whatever is asked."""
        one: Any
        for one in (
            self.administration.entry,
            self.administration.retry,
            self.administration.hold,
            self.administration.release,
            self.administration.drop,
        ):
            for name in "m4", "../lock", "":
                with self.assertRaises(KeyError):
                    finish(one(name))

    def test_retry(self) -> None:
        """It is tried, the others are not."""
        finish(self.administration.retry("m1"))
        self.assertEqual(self.go(), ["x@far.test"])

    def test_flush(self) -> None:
        """All that wait for a domain are tried."""
        self.assertEqual(finish(self.administration.flush("none.test")), 0)
        self.assertEqual(finish(self.administration.flush("far.test")), 2)
        went = self.go()
        self.assertIn("x@far.test", went)
        self.assertIn("y@far.test", went)

    def test_hold_and_release(self) -> None:
        """What is held is not tried, also after a restart, until it is released."""
        finish(self.administration.hold("m1"))
        finish(self.administration.hold("m1"))
        self.assertEqual(self.post.events.kinds("m1").count(Kind.HELD), 1)
        self.assertTrue(finish(self.administration.entry("m1")).held)
        if self.with_postman:
            self.wait(3600)
            self.assertNotIn("x@far.test", self.go())
            self.restart()
            self.wait(3600)
            self.assertEqual(self.left(), ["m1", "m1.log"])
            self.administration = Administration(
                self.post.custody, self.post.events, self.post.dispatcher
            )
            self.tried = 0
        finish(self.administration.release("m1"))
        self.assertEqual(self.post.events.kinds("m1")[-2:].count(Kind.RELEASED), 1)
        self.assertIn("x@far.test", self.go())

    def test_drop(self) -> None:
        """It is gone, and nobody is told."""
        finish(self.administration.drop("m1"))
        self.assertEqual(self.ids(), ["m2", "m3"])
        self.assertEqual(self.post.events.kinds("m1")[-1], Kind.DROPPED)
        self.assertEqual(self.post.reporter.reports, [])
        self.assertNotIn("m1", " ".join(self.left()))

    def test_rows_of_the_table(self) -> None:
        """An entry says when it is tried next, and what was said last."""
        entry = finish(self.administration.entry("m1"))
        self.assertGreater(entry.next_attempt, self.clock.seconds())
        self.assertEqual(entry.last[0].text if entry.last[0] else "", "as told")


class DirectTests(AdministrationTests):
    """The same without a postman: it happens when one starts."""

    with_postman = False


class UnderWayTests(PostCase):
    """What is done to a message while it is carried."""

    def setUp(self) -> None:
        """A message under way."""
        super().setUp()
        self.post.carrier.held = True
        self.post.put(envelope("m1", "x@far.test"))
        self.administration = Administration(
            self.post.custody, self.post.events, self.post.dispatcher
        )

    def test_drop(self) -> None:
        """A message that is dropped leaves nothing, whatever comes back."""
        finish(self.administration.drop("m1"))
        self.always(Outcome.FAILED)
        self.post.carrier.release()
        self.assertEqual(self.left(), [])
        self.assertEqual(self.post.reporter.reports, [])

    def test_hold(self) -> None:
        """One that is held is not tried again when it comes back deferred."""
        finish(self.administration.hold("m1"))
        self.always(Outcome.DEFERRED)
        self.post.carrier.release()
        self.wait(86_400)
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.assertTrue(self.post.entries()[0].held)

    def test_retry(self) -> None:
        """One that is under way is not tried twice at once."""
        finish(self.administration.retry("m1"))
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.post.carrier.release()
        self.assertEqual(self.left(), [])

    def test_drain(self) -> None:
        """Nothing begins any more; the end comes when all is back."""
        drained = self.post.dispatcher.drain()
        self.assertNoResult(drained)
        self.post.put(envelope("m2", "x@far.test"))
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.post.carrier.release()
        self.successResultOf(drained)
        self.assertEqual(self.left(), ["m2"])

    def test_stop(self) -> None:
        """What is broken off is tried again by the next postman."""
        self.restart()
        self.assertEqual(self.post.carrier.taken, [("m1", "x@far.test")])


class ControlTests(AdministrationCase):
    """The same over the socket."""

    def ask(self, *requests: Any) -> list[Any]:
        """Ask, and get what is answered."""
        transport = StringTransport()
        control = Control(self.administration)
        control.makeConnection(transport)
        for request in requests:
            octets = (
                request if isinstance(request, bytes) else json.dumps(request).encode()
            )
            control.dataReceived(octets + b"\n")
        self.wait(0.2)
        return [json.loads(line) for line in transport.value().split(b"\n") if line]

    def test_list(self) -> None:
        """Entries, then how many there are."""
        *entries, done = self.ask({"do": "list", "domain": "far.test"})
        names = sorted(read_entry(form["entry"]).id for form in entries)
        self.assertEqual((names, done), (["m1", "m2"], {"done": 2}))

    def test_commands(self) -> None:
        """Each is answered, in order."""
        said = self.ask(
            {"do": "hold", "id": "m1"},
            {"do": "release", "id": "m1"},
            {"do": "retry", "id": "m3"},
            {"do": "drop", "id": "m4"},
            {"do": "flush", "domain": "far.test"},
        )
        self.assertEqual(said[:3], [{"done": 1}] * 3)
        self.assertEqual(said[3]["error"], "gone")
        self.assertIn("done", said[4])

    def test_nonsense(self) -> None:
        """What is not understood is answered so, and harms nothing."""
        said = self.ask(b"x", b"[]", b'{"do": "x"}', b'{"do": 1}', b'{"do": "hold"}')
        self.assertEqual([form["error"] for form in said[:4]], ["unknown"] * 4)
        self.assertEqual(said[4]["error"], "gone")

    def test_slow_reader(self) -> None:
        """Nothing is sent to who does not read."""
        transport = StringTransport()
        control = Control(self.administration)
        control.makeConnection(transport)
        control.pauseProducing()
        control.dataReceived(b'{"do": "list"}\n')
        self.assertEqual(transport.value().count(b"\n"), 1)
        control.resumeProducing()
        self.assertEqual(transport.value().count(b"\n"), 4)
