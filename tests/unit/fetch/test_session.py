"""Whole runs, against our own servers in memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.types import Bounds, Keeping, Protection, Report, Source
from tests.play import CUTS
from tests.rows import rows, tabled
from tests.svt import make_message
from tests.unit.fetch.support import POP2, SOURCE, Here
from tests.unit.pop2.support import Server as Pop2Server
from tests.unit.pop3.support import Server as Pop3Server

BODIES = (
    b"Subject: one\r\n\r\nHello.\r\n",
    b"Subject: two\r\n\r\n.\r\n..\r\n.x\r\n",
    b".\r\n",
    b"Return-Path: <bob@example.net>\r\nSubject: three\r\n\r\nG\r\n",
    make_message("dots:64"),
    make_message("300000"),
)
KEPT = Keeping(keep=True)


def report(**facts: int) -> Report:
    """Of a run that went well."""
    return Report("old", **facts)  # type: ignore[arg-type]  # no text among them


@tabled
class RunTests(SynchronousTestCase):
    """POP2 and POP3 do the same."""

    @rows(
        **{
            f"{source.speech.value} {cut}".replace(" ", "_"): (source, server, cut)
            for source, server in ((SOURCE, Pop3Server), (POP2, Pop2Server))
            for cut in CUTS
        }
    )
    def test_moves(self, source: Source, server: type, cut: str) -> None:
        """Octets are equal, and what is here is gone there."""
        bodies: tuple[bytes, ...] = BODIES
        if cut == "octetwise":
            bodies = BODIES[:5]
        there = server(*bodies)
        here = Here()
        done = here.run(there, source, cut)
        wanted = report(
            offered=len(bodies),
            fetched=len(bodies),
            octets=sum(map(len, bodies)),
            deleted=len(bodies),
        )
        self.assertEqual(wanted, done)
        self.assertEqual(list(bodies), here.contents())
        self.assertEqual([], there.bodies())
        self.assertEqual(report(), here.run(there, source))

    @rows(pop3=(SOURCE, Pop3Server), pop2=(POP2, Pop2Server))
    def test_keeps(self, source: Source, server: type) -> None:
        """What is kept there is fetched once, and new mail is noticed."""
        source = evolve(source, keeping=KEPT)
        there, here = server(*BODIES), Here()
        self.assertEqual(6, here.run(there, source).fetched)
        again = here.run(there, source)
        self.assertEqual(report(offered=6, known=6), again)
        there.deliver(b"Subject: new\r\n\r\nx\r\n")
        done = here.run(there, source)
        self.assertEqual(report(offered=7, known=6, fetched=1, octets=19), done)
        self.assertEqual([*BODIES, b"Subject: new\r\n\r\nx\r\n"], here.contents())
        self.assertEqual(7, len(there.bodies()))

    @rows(pop3=(SOURCE, Pop3Server), pop2=(POP2, Pop2Server))
    def test_alike(self, source: Source, server: type) -> None:
        """Messages with the same octets are as many here as there."""
        there, here = server(BODIES[0], BODIES[0], BODIES[1]), Here()
        kept = evolve(source, keeping=KEPT)
        self.assertEqual(3, here.run(there, kept).fetched)
        self.assertEqual(0, here.run(there, kept).fetched)
        there.deliver(BODIES[0])
        self.assertEqual(1, here.run(there, kept).fetched)
        self.assertEqual(4, here.run(there, source).deleted)
        self.assertEqual(4, len(here.contents()))
        there.deliver(BODIES[0])
        self.assertEqual(1, here.run(there, source).fetched)
        self.assertEqual(5, len(here.contents()))

    @rows(pop3=(SOURCE, Pop3Server), pop2=(POP2, Pop2Server))
    def test_bounds(self, source: Source, server: type) -> None:
        """What is too large stays, and one run takes no more than it may."""
        there, here = server(*BODIES), Here()
        bounded = evolve(source, bounds=Bounds(octets=1000, messages=3))
        self.assertEqual(3, here.run(there, bounded).fetched)
        self.assertEqual(2, here.run(there, bounded).fetched)
        last = here.run(there, bounded)
        self.assertEqual(report(offered=1, left=1), last)
        self.assertEqual([BODIES[5]], there.bodies())

    @rows(pop3=(SOURCE, Pop3Server), pop2=(POP2, Pop2Server))
    def test_dry(self, source: Source, server: type) -> None:
        """A dry run changes nothing on either side."""
        there, here = server(*BODIES), Here()
        bounded = evolve(source, bounds=Bounds(octets=1000))
        self.assertEqual(report(offered=6, left=1), here.run(there, bounded, dry=True))
        self.assertEqual(6, len(there.bodies()))
        with self.assertRaises(KeyError):
            here.disk.inodes[0].names[b"mail/example.test"]

    @rows(pop3=(SOURCE, Pop3Server), pop2=(POP2, Pop2Server))
    def test_refused(self, source: Source, server: type) -> None:
        """A wrong password is told, and the password is not."""
        there = server(*BODIES)
        there.user.secret = b"another"
        done = Here().run(there, source)
        self.assertNotEqual("", done.problem)
        self.assertNotIn("p w", done.problem)

    def test_folder(self) -> None:
        """Mail goes into the mailbox that was named, which is made."""
        here = Here()
        source = evolve(SOURCE, folder="Old mail")
        self.assertEqual(6, here.run(Pop3Server(*BODIES), source).fetched)
        self.assertEqual([], here.stored())
        self.assertEqual(list(BODIES), here.contents(("Old mail",)))
        self.assertEqual(6, here.run(Pop3Server(*BODIES), source).offered)

    def test_return_path(self) -> None:
        """The sender that the other server noted is ours, too."""
        here = Here()
        here.run(Pop3Server(BODIES[0], BODIES[3]))
        one, two = here.stored()
        self.assertTrue(one.startswith(b"Return-Path: <>\r\nDelivered-To: alice@"))
        self.assertTrue(two.startswith(b"Return-Path: <bob@example.net>\r\n"))
        self.assertIn(b"Received: from pop.example.net ([192.0.2.110])", one)
        self.assertIn(b"with POP3", one)

    def test_stls(self) -> None:
        """With STLS nothing is sent before it; a server without it gets no login."""
        source = evolve(SOURCE, protection=Protection.STARTTLS)
        there = Pop3Server(*BODIES)
        there.authenticator.in_clear = False
        self.assertEqual(6, Here().run(there, source).deleted)
        there = Pop3Server(*BODIES)
        there.tls_available = False
        done = Here().run(there, source)
        self.assertIn("STLS", done.problem)
        self.assertEqual(0, there.authenticator.evaluated)

    def test_keep_days(self) -> None:
        """What was fetched long enough ago is deleted."""
        there, here = Pop3Server(*BODIES), Here()
        kept = evolve(SOURCE, keeping=Keeping(keep=True, days=3))
        self.assertEqual(0, here.run(there, kept).deleted)
        here.time += 3 * 86_400 - 1
        self.assertEqual(0, here.run(there, kept).deleted)
        here.time += 1
        self.assertEqual(6, here.run(there, kept).deleted)
        self.assertEqual(6, len(here.contents()))

    def test_no_account(self) -> None:
        """Without a mailbox nobody is called."""
        done = Here().run(Pop3Server(), evolve(SOURCE, into="bob@example.test"))
        self.assertTrue(done.lasting)
        self.assertIn("no account", done.problem)
