"""Tests of command lines: octets to values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import Body
from mailapp.core.failures import SyntaxProblem
from mailapp.smtp.extensions.starttls import StartTls
from mailapp.smtp.grammar import command
from mailapp.smtp.grammar.command import (
    Command,
    Data,
    Ehlo,
    Expn,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    Vrfy,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, read_parameters
from mailapp.smtp.profile import Profile
from tests.rows import rows, tabled
from tests.threats import threat

VERBS = Profile("mx.example.org", tls_available=True).verbs


def read(line: bytes) -> Command:
    """As the connection does it."""
    verb, _, argument = line.rstrip(b" \t").partition(b" ")
    return VERBS[verb.upper()].read(argument)


@tabled
class CommandTests(SynchronousTestCase):
    """What a line means."""

    @rows(
        helo=(b"HELO a.b", Helo("a.b")),
        helo_literal=(b"HELO [192.0.2.1]", Helo("[192.0.2.1]")),
        ehlo=(b"ehlo Client.Example", Ehlo("Client.Example")),
        ehlo_ipv6=(b"EHLO [IPv6:2001:db8:0::1]", Ehlo("[IPv6:2001:db8::1]")),
        ehlo_trailing=(b"EHLO a.b \t", Ehlo("a.b")),
        ehlo_more=(b"EHLO [192.0.2.1] my host", Ehlo("[192.0.2.1]")),
        ehlo_underscore=(b"EHLO my_pc", Ehlo("my_pc")),
        mail=(b"MAIL FROM:<a@b>", Mail(Address("a", "b"))),
        mail_null=(b"mail from:<>", Mail(None)),
        mail_space=(b"MAIL FROM: <a@b>", Mail(Address("a", "b"))),
        mail_trailing=(b"MAIL FROM:<a@b>  ", Mail(Address("a", "b"))),
        mail_size=(b"MAIL FROM:<a@b> size=17", Mail(Address("a", "b"), {b"SIZE": 17})),
        mail_all=(
            b"MAIL FROM:<> SIZE=0 BODY=8bitmime SMTPUTF8",
            Mail(None, {b"SIZE": 0, b"BODY": Body.EIGHT_BIT, b"SMTPUTF8": True}),
        ),
        mail_utf8=(
            "MAIL FROM:<é@b> SMTPUTF8".encode(),
            Mail(Address("é", "b"), {b"SMTPUTF8": True}, is_ascii=False),
        ),
        mail_u_label=(
            "MAIL FROM:<a@bücher.example>".encode(),
            Mail(Address("a", "xn--bcher-kva.example"), is_ascii=False),
        ),
        rcpt=(b"rcpt to:<a@b>", Rcpt(Address("a", "b"))),
        rcpt_space=(b"RCPT TO: <a@b>", Rcpt(Address("a", "b"))),
        rcpt_postmaster=(b"RCPT TO:<POSTMASTER>", Rcpt(Address("postmaster", ""))),
        rcpt_route=(b"RCPT TO:<@x,@y:a@b>", Rcpt(Address("a", "b"))),
        data=(b"DATA", Data()),
        data_trailing=(b"DATA  ", Data()),
        rset=(b"rset", Rset()),
        quit=(b"QUIT", Quit()),
        noop=(b"NOOP", Noop()),
        noop_text=(b"NOOP hello there", Noop()),
        vrfy=(b"VRFY bob", Vrfy(b"bob")),
        vrfy_utf8=(b"VRFY bob smtputf8", Vrfy(b"bob", utf8=True)),
        vrfy_named=(b"VRFY SMTPUTF8", Vrfy(b"SMTPUTF8")),
        expn=(b"EXPN my list", Expn(b"my list")),
        help=(b"HELP", Help()),
        help_topic=(b"help rcpt", Help(b"RCPT")),
        starttls=(b"STARTTLS", StartTls()),
    )
    def test_read(self, line: bytes, meaning: Command) -> None:
        """A line of the grammar, and each lenience, has one meaning."""
        self.assertEqual(read(line), meaning)

    @rows(
        ehlo=(b"EHLO", Fault.ARGUMENT),
        ehlo_blank=(b"EHLO  ", Fault.ARGUMENT),
        ehlo_control=(b"EHLO a\0b", Fault.ARGUMENT),
        ehlo_cr=(b"EHLO a\rb", Fault.ARGUMENT),
        ehlo_eight_bit=(b"EHLO \xe4", Fault.ARGUMENT),
        ehlo_header=(b"EHLO a;b", Fault.ARGUMENT),
        ehlo_long=(b"EHLO " + b"a" * 256, Fault.ARGUMENT),
        mail=(b"MAIL", Fault.ARGUMENT),
        mail_to=(b"MAIL TO:<a@b>", Fault.ARGUMENT),
        mail_bare=(b"MAIL FROM:a@b", Fault.SENDER),
        mail_empty=(b"MAIL FROM:", Fault.SENDER),
        mail_twice=(b"MAIL FROM:<><>", Fault.SENDER),
        mail_glued=(b"MAIL FROM:<a@b>SIZE=1", Fault.SENDER),
        mail_two_spaces=(b"MAIL FROM:  <a@b>", Fault.SENDER),
        mail_unknown=(b"MAIL FROM:<a@b> X=1", Fault.PARAMETER_UNKNOWN),
        mail_no_keyword=(b"MAIL FROM:<a@b> =1", Fault.PARAMETER_UNKNOWN),
        mail_repeated=(b"MAIL FROM:<a@b> SIZE=1 size=1", Fault.ARGUMENT),
        size_empty=(b"MAIL FROM:<a@b> SIZE=", Fault.ARGUMENT),
        size_missing=(b"MAIL FROM:<a@b> SIZE", Fault.ARGUMENT),
        size_signed=(b"MAIL FROM:<a@b> SIZE=-1", Fault.ARGUMENT),
        size_letters=(b"MAIL FROM:<a@b> SIZE=1k", Fault.ARGUMENT),
        size_long=(b"MAIL FROM:<a@b> SIZE=" + b"1" * 21, Fault.ARGUMENT),
        body=(b"MAIL FROM:<a@b> BODY=9BIT", Fault.ARGUMENT),
        body_none=(b"MAIL FROM:<a@b> BODY", Fault.ARGUMENT),
        utf8_value=(b"MAIL FROM:<a@b> SMTPUTF8=1", Fault.ARGUMENT),
        rcpt=(b"RCPT", Fault.ARGUMENT),
        rcpt_null=(b"RCPT TO:<>", Fault.RECIPIENT),
        rcpt_bare=(b"RCPT TO:bob", Fault.RECIPIENT),
        rcpt_size=(b"RCPT TO:<a@b> SIZE=1", Fault.PARAMETER_UNKNOWN),
        rcpt_injected=(
            b"RCPT TO:<a@b> ORCPT=rfc822;a+0D+0AX:",
            Fault.PARAMETER_UNKNOWN,
        ),
        data=(b"DATA now", Fault.ARGUMENT),
        rset=(b"RSET x", Fault.ARGUMENT),
        quit=(b"QUIT x", Fault.ARGUMENT),
        starttls=(b"STARTTLS x", Fault.ARGUMENT),
        vrfy=(b"VRFY", Fault.ARGUMENT),
        vrfy_nul=(b"VRFY a\0", Fault.ARGUMENT),
        expn=(b"EXPN", Fault.ARGUMENT),
    )
    @threat(16, 17)
    def test_refused(self, line: bytes, fault: Fault) -> None:
        """A line that breaks the grammar says where, and quotes nothing."""
        with self.assertRaises(CommandProblem) as caught:
            read(line)
        self.assertIs(caught.exception.fault, fault)
        self.assertTrue(caught.exception.reason.isascii())

    @threat(16)
    @given(st.sampled_from(sorted(VERBS)), st.binary(max_size=60))
    def test_any_octets(self, verb: bytes, argument: bytes) -> None:
        """No argument raises anything else than a syntax problem."""
        try:
            self.assertIsInstance(VERBS[verb].read(argument), Command)
        except SyntaxProblem as problem:
            self.assertTrue(problem.reason)

    @given(st.sampled_from([b"FROM:<a@b> ", b"FROM:<"]), st.binary(max_size=60))
    def test_any_octets_in_mail(self, head: bytes, tail: bytes) -> None:
        """The same deeper in MAIL."""
        try:
            read(b"MAIL " + head + tail)
        except SyntaxProblem as problem:
            self.assertTrue(problem.reason)

    def test_keyword_octets(self) -> None:
        """A keyword that nobody announced is unknown, whatever it is made of."""
        for octet in set(range(256)) - {0x20}:
            with self.assertRaises(CommandProblem):
                read_parameters(b"A%c" % octet, {})

    def test_host_octets(self) -> None:
        """A client's name has letters, digits, dot, hyphen and underscore."""
        allowed = set(
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
        )
        for octet in set(range(256)) - {0x20}:
            try:
                command.read_ehlo(b"a%cb" % octet)
                taken = True
            except SyntaxProblem:
                taken = False
            self.assertEqual(taken, octet in allowed, octet)
