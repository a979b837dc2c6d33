"""Tests of ``mailapp user import``."""

from __future__ import annotations

from threading import Event

from hypothesis import given, settings
from hypothesis import strategies as st

from mailapp.auth.hashes import Hashes
from mailapp.cli.user_import import parse_line, parse_scram
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.types import NewPassword
from mailapp.sasl import base64
from mailapp.sasl.scram import make_verifier
from tests.rows import rows, tabled
from tests.unit.cli.support import ARGON2, GOOD, CommandCase


def scram(password: bytes = GOOD.encode(), iterations: int = 4096) -> str:
    """A verifier in the form of RFC 5803."""
    made = make_verifier(password, b"0123456789abcdef", iterations)
    salt, stored, server = (
        base64.encode(part).decode()
        for part in (made.salt, made.stored_key, made.server_key)
    )
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


@tabled
class ImportTests(CommandCase):
    """Many accounts at once."""

    def bring_in(self, *lines: str, words: tuple[str, ...] = ()) -> int:
        """Import these lines from stdin."""
        return self.mailapp("user", "import", *words, stdin="\n".join(lines) + "\n")

    def test_import(self) -> None:
        """Passwords, argon2 hashes and SCRAM verifiers, in one file."""
        code = self.bring_in(
            "# name and password",
            "",
            f"alice\t{GOOD}",
            f"bob@example.org,{GOOD}",
            f"carol\t{ARGON2}",
            f"dave,{{ARGON2ID}}{ARGON2}",
            f"erin\t{scram()}",
            f"frank\t{ARGON2}\t{scram()}",
            f'grace,"{GOOD}, with ""quotes"""',
            "heidi\t{PLAIN}" + GOOD,
        )
        self.assertEqual((code, self.err), (0, ""))
        self.assertEqual(self.out, "8 added, 0 updated, 0 left out\n")
        names = ["alice", "bob@example.org", "carol", "dave", "erin", "frank", "heidi"]
        for name in names:
            self.assertTrue(self.accepts(GOOD, name), name)
            self.assertFalse(self.accepts("battery staple", name), name)
        self.assertTrue(self.accepts(GOOD + ', with "quotes"', "grace"))
        frank = self.found("frank")
        assert frank is not None
        self.assertEqual(frank.scram["SCRAM-SHA-256"].iterations, 4096)

    def test_problems(self) -> None:
        """Bad lines are told by number, without their passwords; good ones are done."""
        self.add()
        code = self.bring_in(
            f"alice\t{GOOD}",
            "bob\tsecret",
            "carol",
            f"../dave\t{GOOD}",
            f"erin@elsewhere.test\t{GOOD}",
            "frank\t{CRYPT}$6$secret$hash",
            f"grace\t{GOOD}",
            f"grace\tnot {GOOD}",
            f"heidi\t{GOOD}\tsecret",
        )
        self.assertEqual(code, 1)
        self.assertEqual(self.out, "1 added, 0 updated, 8 left out\n")
        numbers = sorted(line.split(":")[1] for line in self.err.splitlines())
        self.assertEqual(numbers, [f" line {n}" for n in (1, 2, 3, 4, 5, 6, 8, 9)])
        self.assertNotIn("secret", self.err)
        self.assertTrue(self.accepts(GOOD, "grace"))

    def test_update(self) -> None:
        """With --update accounts that are there get the new password."""
        self.add()
        code = self.bring_in("alice\tbattery staple", words=("--update",))
        self.assertEqual((code, self.out), (0, "0 added, 1 updated, 0 left out\n"))
        self.assertTrue(self.accepts("battery staple"))

    def test_interrupted(self) -> None:
        """Ctrl-C ends it, and not only when all passwords are hashed."""
        made: list[Secret] = []

        def interrupted(_hashes: Hashes, password: Secret) -> NewPassword:
            made.append(password)
            if len(made) > 1:
                Event().wait(0.01)  # as a password takes its time
            raise KeyboardInterrupt

        self.patch(Hashes, "make", interrupted)
        lines = [f"u{n}\t{GOOD}" for n in range(5000)]
        with self.assertRaises(KeyboardInterrupt):
            self.bring_in(*lines)
        self.assertLess(len(made), len(lines))

    def test_again(self) -> None:
        """What is there is left out before it takes any time."""
        self.add()
        self.patch(Hashes, "make", lambda *_: self.fail("nothing is to be hashed"))
        self.assertEqual(self.bring_in(f"alice\t{GOOD}"), 1)
        self.assertIn("line 1: alice@example.test exists already", self.err)

    def test_file(self) -> None:
        """From a file, too; one that is not there is told by name."""
        path = self.folder / "users.tsv"
        path.write_text("".join(f"u{n}\tabc\n" for n in range(450)), encoding="utf-8")
        words = ("user", "import", str(path))
        self.assertEqual(self.mailapp(*words), 1)
        self.assertEqual(self.mailapp(*words, "--allow-weak"), 0)
        self.assertEqual(self.out, "450 added, 0 updated, 0 left out\n")
        self.assertEqual(self.err, "")
        self.assertEqual(self.mailapp("user", "import", str(path) + "x"), 1)
        self.assertIn("users.tsvx", self.err)
        path.write_bytes(b"\xff\xfe")
        self.assertEqual(self.mailapp(*words), 1)
        self.assertIn("UTF-8", self.err)

    @rows(
        sha1="SCRAM-SHA-1$4096:c2FsdA==$AAAA:AAAA",
        few_iterations=scram(iterations=4095),
        bomb=scram().replace("4096", "1000001"),
        short_key=scram().rpartition(":")[0] + ":AAAA",
        not_base64=scram().replace("=", "*", 1),
        empty="SCRAM-SHA-256$",
    )
    def test_bad_verifier(self, text: str) -> None:
        """A verifier that can't be used is refused."""
        self.assertRaises(SyntaxProblem, parse_scram, text)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=40))
    def test_never_raises(self, text: str) -> None:
        """No line raises anything but a syntax problem."""
        for line in (text, f"alice,{text}", f"alice\t{text}", f'a,"{text}'):
            try:
                parse_line(1, line, ["example.test"])
            except SyntaxProblem:
                continue
