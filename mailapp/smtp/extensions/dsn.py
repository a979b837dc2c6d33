r"""DSN (RFC 3461): what the sender wants to hear about each recipient.

The values are kept as they are meant: xtext is decoded, and with the address type
``utf-8`` the ``\x{...}`` of RFC 6533, section 3 too. What could break out of a field of
the report is refused here (threat 17).
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.core import abnf
from mailapp.core.address import Address
from mailapp.core.envelope import Notify, OriginalRecipient, Recipient, Return
from mailapp.core.failures import SyntaxProblem
from mailapp.smtp.extensions.extension import (
    Agreed,
    Circumstances,
    Extension,
    always,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters
from mailapp.smtp.grammar.xtext import decode_xtext

_ENVID_LIMIT: Final = 100 - len("ENVID=")  # section 4.4
_ORCPT_LIMIT: Final = 500 - len("ORCPT=")  # section 4.2: "the entire ORCPT parameter"

_CONDITIONS: Final = {
    b"SUCCESS": Notify.SUCCESS,
    b"FAILURE": Notify.FAILURE,
    b"DELAY": Notify.DELAY,
}
_RETURNS: Final = {returned.value.encode(): returned for returned in Return}
# RFC 6533, section 3: QUCHAR and EmbeddedUnicodeChar
_UNITEXT: Final = re.compile(
    r"(?:[!-*,-<>-\[\]-~\u0080-\U0010FFFF]|\\x\{[0-9A-F]{2,6}\})+"
)
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")


def recipient(address: Address, parameters: Parameters) -> Recipient:
    """The recipient that RCPT named, with what it said of reports."""
    return Recipient(address, parameters.get(b"NOTIFY"), parameters.get(b"ORCPT"))


def _read_notify(value: bytes | None) -> Notify:
    """notify-esmtp-value = "NEVER" / 1#notify-list-element (section 4.1)."""
    words = (value or b"").upper().split(b",")
    if words == [b"NEVER"]:
        return Notify.NEVER
    notify = Notify.NEVER
    for word in words:
        if word not in _CONDITIONS:
            reason = "NOTIFY must be NEVER, or some of SUCCESS,FAILURE,DELAY"
            raise CommandProblem(Fault.ARGUMENT, reason)
        notify |= _CONDITIONS[word]
    return notify


def _read_original(value: bytes | None) -> OriginalRecipient:
    """original-recipient-address = addr-type ";" xtext (section 4.2)."""
    kind, semicolon, address = (value or b"").partition(b";")
    if (
        not semicolon
        or not address
        or not abnf.is_atom(kind)
        or len(value or b"") > _ORCPT_LIMIT
    ):
        reason = "write ORCPT as rfc822;user@example.org"
        raise CommandProblem(Fault.ARGUMENT, reason)
    name = kind.decode("ascii")
    text = None
    if name.lower() == "utf-8":
        text = _unitext(address)
    elif b"+" in address and name.lower() == "rfc822":
        text = _mislabelled(address)
        name = name if text is None else "utf-8"
    return OriginalRecipient(name, _xtext(address, "ORCPT") if text is None else text)


def _read_envelope_id(value: bytes | None) -> str:
    """envid-parameter = "ENVID=" xtext (section 4.4)."""
    if not value or len(value) > _ENVID_LIMIT:
        reason = "ENVID must have 1 to 94 characters"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return _xtext(value, "ENVID")


def _read_return(value: bytes | None) -> Return:
    """Section 4.3."""
    returned = _RETURNS.get((value or b"").upper())
    if returned is None:
        reason = "RET must be FULL or HDRS"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return returned


def _xtext(value: bytes, keyword: str) -> str:
    """Printable US-ASCII behind xtext (sections 4.2 and 4.4)."""
    try:
        return decode_xtext(value).decode("ascii")
    except (SyntaxProblem, UnicodeDecodeError):
        reason = f"{keyword} must be xtext of printable ASCII"
        raise CommandProblem(Fault.ARGUMENT, reason) from None


def _unitext(value: bytes) -> str | None:
    """The address behind utf-8-enc-addr; None: it is none, and is taken as xtext."""
    try:
        text = value.decode()
        if _UNITEXT.fullmatch(text) is None:
            return None
        text = _EMBEDDED.sub(lambda found: chr(int(found[1], 16)), text)
        text.encode()  # fails for surrogates
    except ValueError:
        return None
    if not text.replace(" ", "_").isprintable():
        reason = "ORCPT hides a control character"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return text


def _mislabelled(value: bytes) -> str | None:
    """A UTF-8 address in xtext that is called rfc822; None: it is in order.

    Postfix sends ``rfc822;j+C3+BCrgen@example.org`` for every recipient that is not
    ASCII (3.7, 2022), where RFC 6533, section 3 has ``utf-8;``.
    """
    try:
        text = decode_xtext(value).decode()
    except (SyntaxProblem, UnicodeDecodeError):
        return None
    if text.isascii() or not text.replace(" ", "_").isprintable():
        return None
    return text


def _settle(parameters: Parameters, _circumstances: Circumstances) -> Agreed:
    return Agreed(
        {
            "envelope_id": parameters.get(b"ENVID"),
            "returned": parameters.get(b"RET"),
        }
    )


DSN: Final = Extension(
    "DSN",
    always("DSN"),
    mail_parameters={b"RET": _read_return, b"ENVID": _read_envelope_id},
    rcpt_parameters={b"NOTIFY": _read_notify, b"ORCPT": _read_original},
    mail_octets=len(" RET=FULL ") + 100,
    rcpt_octets=len(" NOTIFY=SUCCESS,FAILURE,DELAY ") + 500,
    settle=_settle,
    needs_queue=True,
    explains={
        b"RET": "RET=FULL or HDRS: how much of the message a report carries.",
        b"ENVID": "ENVID=text: a name for this message that reports repeat.",
        b"NOTIFY": "NOTIFY=NEVER, or some of SUCCESS,FAILURE,DELAY: what to report.",
        b"ORCPT": "ORCPT=rfc822;user@domain: the recipient as it was written first.",
    },
)
