"""mailapp.smtp.client: a transaction that is begun behind the content of another."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import Body, Notify, Recipient, Return
from mailapp.smtp.client import LOST, SILENT, SmtpClient
from mailapp.smtp.client_states import ClientState, Finished, GoAhead
from mailapp.smtp.outgoing import Outgoing
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.clients import ALICE, BOB, FINE, events, opened, outgoing

CARL = Address("carl", "them.test")
GO = b"354 go on\r\n"
TAKEN = b"250 2.0.0 taken\r\n"
WORDS = st.sampled_from(
    [FINE, b"450 4.2.0 later\r\n", b"550 5.1.1 never\r\n", b"250-two\r\n250 lines\r\n"]
)


def sent(*extensions: str, **changes: Any) -> SmtpClient:
    """A client that has sent a content, and whose last word is awaited."""
    client = opened(*(extensions or ("PIPELINING",)), **changes)
    client.begin(outgoing(), 0.0)
    client.receive(FINE + FINE + GO)
    if client.state is not ClientState.CONTENT:
        raise AssertionError(client.state)
    events(client)
    client.take_output()
    client.write_content(b"hi\r\n")
    client.end_content()
    return client


def followed(next_one: Outgoing | None = None) -> SmtpClient:
    """And another one to carl and bob stands behind it."""
    client = sent()
    client.follow(next_one or outgoing(CARL, BOB), 0.0)
    client.take_output()
    return client


@tabled
class FollowTests(SynchronousTestCase):
    """RFC 2920, section 3.1: the next envelope leaves along with a content."""

    def test_one_write(self) -> None:
        """The end of the content and what begins the next message: DATA is last."""
        client = sent()
        client.follow(outgoing(CARL), 0.0)
        self.assertEqual(
            client.take_output(),
            b"hi\r\n.\r\nMAIL FROM:<alice@us.test>\r\n"
            b"RCPT TO:<carl@them.test>\r\nDATA\r\n",
        )

    def test_one_read(self) -> None:
        """One word for the first, the go-ahead of the second, and its content."""
        client = followed()
        client.receive(TAKEN + FINE + FINE + FINE + GO)
        first, ahead = events(client)
        self.assertEqual([word.text for word in first.words], ["250 2.0.0 taken"])
        self.assertEqual((first.followed, first.heard), (False, 4))
        self.assertIsInstance(ahead, GoAhead)
        client.write_content(b".dot\r\n")
        client.end_content()
        self.assertEqual(client.take_output(), b"..dot\r\n.\r\n")
        self.assertTrue(client.may_follow)
        client.receive(TAKEN)
        [second] = events(client)
        self.assertEqual([word.positive for word in second.words], [True, True])
        self.assertEqual((second.followed, second.heard), (True, 5))
        self.assertIs(client.state, ClientState.READY)

    @rows(
        chunking=(("PIPELINING", "CHUNKING"),),
        lockstep=(("8BITMIME",),),
        one_only=(("PIPELINING", "LIMITS MAILMAX=1"),),
    )
    def test_not_there(self, extensions: tuple[str, ...]) -> None:
        """Where BDAT saves the round trip, and where the server does not offer it."""
        client = (
            sent(*extensions) if "PIPELINING" in extensions else opened(*extensions)
        )
        self.assertFalse(client.may_follow)
        with self.assertRaises(RuntimeError):
            client.follow(outgoing(), 0.0)

    def test_not_yet(self) -> None:
        """Nothing may stand behind what is not sent, nor behind what stands behind."""
        client = opened("PIPELINING")
        self.assertFalse(client.may_follow)
        client.begin(outgoing(), 0.0)
        self.assertFalse(client.may_follow)
        client.receive(FINE + FINE + GO)
        self.assertFalse(client.may_follow)
        client.end_content()
        client.follow(outgoing(CARL), 0.0)
        self.assertFalse(client.may_follow)

    def test_own_parameters(self) -> None:
        """What stands behind has the parameters that it has by itself."""
        offers = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 99", "DSN", "REQUIRETLS")
        message = outgoing(
            reverse_path=Address("ä", "us.test"),
            recipients=[Recipient(BOB, notify=Notify.NEVER)],
            size_octets=77,
            body=Body.EIGHT_BIT,
            smtputf8=True,
            require_tls=True,
            envelope_id="x",
            returned=Return.HEADERS,
        )
        alone = opened(*offers)
        alone.begin(message, 0.0)
        expected = alone.take_output()
        client = sent(*offers)
        client.take_output()
        client.follow(message, 0.0)
        self.assertEqual(client.take_output(), expected)
        self.assertIn(b"SMTPUTF8 REQUIRETLS RET=HDRS", expected)

    @rows(
        refused=(b"554 5.7.1 no\r\n",),
        deferred=(b"451 4.3.0 later\r\n",),
        taken=(TAKEN,),
    )
    def test_first_word(self, reply: bytes) -> None:
        """Whatever is said of the first, the second is heard by itself; no RSET."""
        client = followed()
        client.receive(reply)
        [first] = events(client)
        self.assertTrue(reply.decode().startswith(first.words[0].text))
        client.receive(FINE + FINE + b"550 5.1.1 who?\r\n" + GO)
        client.end_content()
        client.receive(TAKEN)
        second = events(client)[-1]
        self.assertEqual([w.status for w in second.words], ["2.0.0", "5.1.1"])
        client.begin(outgoing(), 0.0)
        self.assertTrue(client.take_output().startswith(b".\r\nMAIL FROM"))

    @rows(
        drop=(b"", "4.4.2"),
        closing=(b"421 4.3.2 bye\r\n", "4.3.2"),
        garbage=(b"hello\r\n", "4.5.0"),
        go_ahead=(GO, "4.5.0"),
    )
    @threat(22)
    def test_first_lost(self, reply: bytes, status: str) -> None:
        """What ends the session in place of the first word is not about the second."""
        client = followed()
        client.receive(reply)
        client.receive_eof()
        first, second = events(client)
        self.assertEqual([word.status for word in first.words], [status])
        self.assertEqual((second.words, second.heard), ([LOST, LOST], 0))

    def test_late(self) -> None:
        """A server that is silent is silent about the first."""
        client = followed()
        client.time_out()
        first, second = events(client)
        self.assertEqual((first.words, second.words), ([SILENT], [LOST, LOST]))

    @rows(
        drop=(b"", LOST, 0),
        closing=(b"421 4.3.2 enough\r\n", None, 1),
        order=(b"503 5.5.1 nested MAIL\r\n", LOST, 0),
        protocol=(b"554 5.5.0 improper pipelining\r\n", LOST, 0),
    )
    def test_second_unheard(self, reply: bytes, word: Any, heard: int) -> None:
        """A server that takes nothing behind a message: nothing was sent of it."""
        client = followed()
        client.receive(TAKEN + reply)
        client.receive_eof()
        first, second = events(client)
        self.assertTrue(first.words[0].positive)
        self.assertEqual(second.heard, heard)
        if word is not None:
            self.assertEqual(second.words, [word, word])
        else:
            self.assertEqual({w.text for w in second.words}, {"421 4.3.2 enough"})

    def test_refused_by_itself(self) -> None:
        """A 503 counts where nothing stood before."""
        client = opened("PIPELINING")
        client.begin(outgoing(), 0.0)
        client.receive(b"503 5.5.1 no\r\n" * 3)
        self.assertTrue(events(client)[0].words[0].permanent)

    @given(WORDS, st.lists(WORDS, min_size=3, max_size=3), st.booleans(), st.data())
    @settings(deadline=None, max_examples=100)
    def test_as_alone(
        self,
        last: bytes,
        envelope: list[bytes],
        taken: bool,  # noqa: FBT001 - hypothesis gives it
        data: st.DataObject,
    ) -> None:
        """At any cut, what stands behind ends as it would by itself."""
        nobody = not envelope[0].startswith(b"250") or not any(
            reply.startswith(b"250") for reply in envelope[1:]
        )
        tail = b"".join(envelope) + GO
        tail += b"554 5.5.1 nobody\r\n" if nobody else TAKEN if taken else envelope[0]
        alone = opened("PIPELINING")
        alone.begin(outgoing(CARL, BOB), 0.0)
        [expected] = self.played(alone, [tail[i : i + 1] for i in range(len(tail))])
        octets = last + tail
        cuts = data.draw(st.sets(st.integers(0, len(octets)), max_size=6))
        edges = [0, *sorted(cuts), len(octets)]
        pieces = [octets[a:b] for a, b in pairwise(edges)]
        client = followed()
        first, second = self.played(client, pieces)
        self.assertEqual(first.words[0].text[:3], last[:3].decode())
        self.assertEqual(second.words, expected.words)
        self.assertEqual(client.state, alone.state)

    def played(self, client: SmtpClient, pieces: list[bytes]) -> list[Finished]:
        """All that ended; the user sends the content when it may."""
        found: list[Finished] = []
        for octets in pieces:
            # a reply to the content does not come before it
            for line in octets.splitlines(keepends=True):
                client.receive(line)
                for event in events(client):
                    if isinstance(event, GoAhead):
                        client.end_content()
                    else:
                        found.append(event)
        return found

    STEPS = st.lists(
        st.sampled_from(
            [
                "eof", "late", "begin", "end", "follow", FINE, GO, b"421 x\r\n",
                b"550 5.1.1 x\r\n", b"503 5.5.1 x\r\n", b"x\r\n", FINE + FINE + GO,
            ]
        )
    )  # fmt: skip

    @given(STEPS, st.booleans())
    @settings(deadline=None, max_examples=200)
    def test_any_order(self, steps: list[Any], lmtp: bool) -> None:  # noqa: FBT001
        """Nothing raises; each transaction ends once, in order, with all its words."""
        client = opened("PIPELINING", lmtp=lmtp)
        begun: list[int] = []
        ended: list[int] = []
        for step in [*steps, "eof"]:
            begun += self.act(client, step, 1 + len(begun) % 3)
            found = [e for e in events(client) if isinstance(e, Finished)]
            ended += [len(event.words) for event in found]
            client.take_output()
        self.assertIs(client.state, ClientState.CLOSED)
        self.assertEqual(ended, begun)

    @staticmethod
    def act(client: SmtpClient, step: Any, count: int) -> list[int]:
        """One thing that the server, the clock or the user does."""
        message = outgoing(*[BOB, CARL, ALICE][:count])
        match step:
            case "eof":
                client.receive_eof()
            case "late":
                client.time_out()
            case "begin" if client.state is ClientState.READY:
                client.begin(message, 0.0)
                return [count]
            case "follow" if client.may_follow:
                client.follow(message, 0.0)
                return [count]
            case "end":
                client.end_content()
            case bytes():
                client.receive(step)
        return []
