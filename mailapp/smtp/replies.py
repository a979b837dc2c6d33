"""Every reply the server gives, by name. None of them quotes what the peer sent.

Codes: RFC 5321, section 4.2.3. Enhanced codes: RFC 3463 and RFC 5248; their class
digit follows from the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from mailapp.core import status as statuses
from mailapp.core.failures import DeliveryFailure, PermanentFailure
from mailapp.core.status import Status
from mailapp.delivery.types import Failed
from mailapp.policy.verdict import Defer, Refusal, Reject, Verdict
from mailapp.smtp.grammar.parameters import CommandProblem, Fault
from mailapp.smtp.grammar.reply import LINE_LIMIT, Reply, make_reply


def reply(code: int, subject: int, detail: int, *lines: str) -> Reply:
    """A reply with an enhanced code."""
    return make_reply(code, Status(subject, detail, lines[0]), lines)


# ---- commands that went well

OK = reply(250, 0, 0, "OK")
SENDER_OK = reply(250, 1, 0, "sender OK")
# RFC 6710, section 4.1: X.3.6, and the new priority comes first
PRIORITY_LOWERED = reply(250, 3, 6, "0 is the priority; a higher one needs a login")
RECIPIENT_OK = reply(250, 1, 5, "recipient OK")
CHUNK_OK = reply(250, 0, 0, "chunk received")
START_CONTENT = make_reply(
    354, None, ["go ahead; end with a line that holds only a dot"]
)
READY_FOR_TLS = reply(220, 0, 0, "ready to start TLS")
CANNOT_VERIFY = reply(
    252, 1, 5, "cannot verify, but will take mail for it and try to deliver it"
)

# ---- what the peer did wrong

UNRECOGNIZED = reply(500, 5, 2, "command not recognized; HELP lists the commands")
LINE_TOO_LONG = reply(500, 5, 2, "line too long")
NOT_IMPLEMENTED = reply(502, 5, 1, "command not available here")
EXPN_REFUSED = reply(502, 7, 0, "EXPN is not available here")
BAD_SEQUENCE = reply(503, 5, 1, "command out of sequence")
HELLO_FIRST = reply(503, 5, 1, "send EHLO first")
MAIL_FIRST = reply(503, 5, 1, "send MAIL first")
CHUNKS_BEGUN = reply(503, 5, 1, "BDAT was used before; go on with it, or send RSET")
BINARY_NEEDS_CHUNKS = reply(503, 5, 1, "BODY=BINARYMIME needs BDAT in place of DATA")
NO_RECIPIENTS = reply(503, 5, 1, "no valid recipients")
SAY_LHLO = reply(500, 5, 1, "this is LMTP; send LHLO")
RECIPIENT_FIRST = reply(554, 5, 1, "no valid recipients")
NESTED_MAIL = reply(503, 5, 1, "sender already given; RSET starts over")
TLS_IS_ON = reply(503, 5, 1, "TLS is already on")
NO_SUCH_TOPIC = reply(504, 5, 4, "no help on this; HELP lists the commands")
PIPELINED = make_reply(
    503,
    Status(5, 0, ""),
    ["commands were sent before this one was answered; goodbye"],
    closes=True,
)
EARLY_TALKER = make_reply(
    554, Status(5, 0, ""), ["you spoke before the greeting; goodbye"], closes=True
)
TLS_REQUIRED = reply(530, 7, 10, "REQUIRETLS needs a connection with TLS")
HELD_TWICE = reply(501, 5, 4, "give HOLDFOR or HOLDUNTIL, not both")
HELD_BADLY = reply(501, 5, 4, "EHLO says how long messages are kept back at most")
HELD_BEYOND = reply(501, 5, 4, "this is kept back for longer than BY allows")
BODY_NOT_DECLARED = reply(550, 6, 1, "octets above 127 need BODY=8BITMIME")
TOO_LATE = reply(554, 4, 7, "delivery time expired")
SENDER_NOT_ASCII = reply(550, 6, 7, "an address like this needs SMTPUTF8")
RECIPIENT_NOT_ASCII = reply(553, 6, 7, "an address like this needs SMTPUTF8")

# ---- ETRN (RFC 1985, section 5.1)

QUEUING = reply(250, 0, 0, "queuing for this node started")
NOTHING_WAITS = reply(251, 0, 0, "no messages are waiting for this node")
CANNOT_QUEUE = reply(458, 3, 2, "cannot queue messages for this node; try again later")
NODE_NOT_ALLOWED = reply(459, 7, 1, "ask for one domain, by its name alone")

# ---- logins (RFC 4954, section 6)

LOGGED_IN = reply(235, 7, 0, "welcome")
LOGIN_CANCELLED = reply(501, 7, 0, "login cancelled")
LOGIN_MALFORMED = reply(501, 7, 0, "that is not how this mechanism works")
LOGIN_NOT_NOW = reply(503, 5, 1, "log in before or after a message, not inside one")
LOGIN_DONE = reply(503, 5, 1, "you are logged in already")
LOGIN_REFUSED = reply(535, 7, 8, "wrong name or password")
LOGIN_UNAVAILABLE = reply(454, 7, 0, "logins are not possible now; try again later")
LOGIN_THROTTLED = reply(454, 7, 0, "too many failed logins; try again later")
LOGIN_FIRST = reply(530, 7, 0, "log in first")
TLS_FIRST = reply(530, 7, 0, "send STARTTLS first, then log in")
LOGIN_NEEDS_TLS = reply(538, 7, 11, "a login needs TLS; send STARTTLS first")
NO_MECHANISM = reply(504, 5, 4, "no such mechanism here; EHLO lists those there are")
BAD_BASE64 = reply(501, 5, 2, "not valid base64")
RESPONSE_TOO_LONG = reply(500, 5, 6, "line too long")

# ---- limits

TOO_MANY_RECIPIENTS = reply(452, 5, 3, "too many recipients; send the rest again")
MESSAGE_TOO_BIG = reply(552, 3, 4, statuses.MESSAGE_TOO_BIG.text)
HEADER_TOO_BIG = reply(552, 3, 4, "message header too big")
TOO_MANY_CHUNKS = reply(554, 5, 0, "too many chunks; send the message in larger ones")
NO_MEMORY = reply(452, 3, 1, "no room for so large a header just now; try again later")
ROUTING_LOOP = reply(554, 4, 6, "too many Received fields: a mail loop")
STRAY_OCTETS = reply(
    550, 6, 0, "message refused: it has a NUL, or a CR or LF that stands alone"
)
TEXT_LINE_TOO_LONG = reply(550, 6, 0, "message refused: it has a line that is too long")
MESSAGE_ENDLESS = make_reply(
    552,
    statuses.MESSAGE_TOO_BIG,
    ["message too big, and no end in sight; goodbye"],
    closes=True,
)

# ---- our own trouble

LOCAL_TROUBLE = reply(451, 3, 0, statuses.SYSTEM_TROUBLE.text)

_CODES: Final[Mapping[tuple[int, int], tuple[int, int]]] = {
    # subject and detail: code when temporary, code when permanent
    (1, 7): (451, 553),
    (2, 2): (452, 552),
    (3, 1): (452, 552),
    (3, 4): (452, 552),
    (4, 6): (451, 554),
    (5, 3): (452, 554),
    (6, 0): (451, 554),
    (6, 7): (451, 553),
}

_FAULTS: Final[Mapping[Fault, tuple[int, int, int]]] = {
    Fault.ARGUMENT: (501, 5, 4),
    Fault.SENDER: (501, 1, 7),
    Fault.RECIPIENT: (501, 1, 3),
    Fault.PARAMETER_UNKNOWN: (555, 5, 4),
    Fault.BASE64: (501, 5, 2),
}


_ACCEPTED: Final = OK.octets.rstrip() + b" id="


def accepted(transaction_id: str) -> Reply:
    """The message is ours now; its id is what to ask the administrator about."""
    if transaction_id.isalnum() and transaction_id.isascii():  # as all of ours are
        octets = _ACCEPTED + transaction_id.encode("ascii") + b"\r\n"
        if len(octets) <= LINE_LIMIT:
            return Reply(250, octets)
    return reply(250, 0, 0, f"OK id={transaction_id}")


def queued(count: int) -> Reply:
    """So many messages are on their way now (RFC 1985, section 5.1)."""
    return reply(253, 0, 0, f"{count} pending messages for this node started")


def greeting(hostname: str, protocol: str = "ESMTP") -> Reply:
    """RFC 5321, section 4.2: "220 " Domain. No version (threat 73)."""
    return make_reply(220, None, [f"{hostname} {protocol} ready"])


def goodbye(hostname: str) -> Reply:
    """The answer to QUIT: "221 <domain> Service closing transmission channel"."""
    return reply(221, 0, 0, f"{hostname} goodbye")


def closing(hostname: str, status: Status) -> Reply:
    """421: why we leave. The domain stands in it (RFC 5321, section 4.2.2)."""
    return make_reply(421, status, [f"{hostname} {status.text}"])


def last_word(said: Reply) -> Reply:
    """The same, and the connection ends with it."""
    return evolve(said, closes=True)


def problem(found: Exception) -> Reply:
    """The reply to what a grammar refused."""
    if isinstance(found, CommandProblem):
        code, subject, detail = _FAULTS[found.fault]
        return reply(code, subject, detail, found.reason)
    return reply(501, 5, 4, getattr(found, "reason", "syntax error"))


def refusal(verdict: Refusal) -> Reply:
    """What a policy decided."""
    return make_reply(verdict.reply_code, verdict.status, [verdict.status.text])


def failure(status: Status, *, permanent: bool) -> Reply:
    """What delivery or the directory could not do."""
    codes = _CODES.get((status.subject, status.detail), (451, 550))
    return make_reply(codes[permanent], status, [status.text])


def of_exception(found: DeliveryFailure) -> Reply:
    """The same for a failure that was raised; what is not known is temporary."""
    return failure(found.status, permanent=isinstance(found, PermanentFailure))


def of_outcome(found: Failed) -> Reply:
    """The same for a recipient's outcome."""
    return failure(found.status, permanent=found.permanent)


def no_service(verdict: Verdict) -> Reply:
    """554 in place of the greeting (RFC 5321, section 3.1)."""
    status = verdict.status if isinstance(verdict, Reject | Defer) else Status(7, 1, "")
    return make_reply(554, status, [status.text])
