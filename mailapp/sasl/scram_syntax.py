"""The messages of SCRAM as values (RFC 5802, section 7)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NoReturn

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.sasl import base64

_ATTRIBUTE: Final = re.compile(r"[A-Za-z]=[^,\0]+")
_PRINTABLE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_BINDING_TYPE: Final = re.compile(r"[A-Za-z0-9.-]+")
_ESCAPE: Final = re.compile(r"=(?:2C|3D)?")
_POSITIVE: Final = re.compile(r"[1-9][0-9]{0,9}")


class Flag(Enum):
    """gs2-cbind-flag."""

    UNSUPPORTED = "n"
    SUPPORTED = "y"
    BOUND = "p"


@frozen
class ClientFirst:
    """client-first-message.

    Attributes:
        binding_type: cb-name, only with ``Flag.BOUND``.
        gs2_header: as sent, with its commas.
        bare: client-first-message-bare, as sent.
    """

    flag: Flag
    binding_type: str
    authzid: str
    name: str
    nonce: str
    gs2_header: bytes
    bare: bytes

    @classmethod
    def parse(cls, octets: bytes) -> ClientFirst:
        """gs2-header client-first-message-bare.

        Raises:
            SyntaxProblem: it is none.
        """
        parts = _text(octets).split(",", 2)
        if len(parts) != 3:  # noqa: PLR2004 - flag, authzid, bare
            _refuse()
        flag_text, authzid_text, bare = parts
        flag, binding_type = _read_flag(flag_text)
        authzid = ""
        if authzid_text:
            authzid = _unescape(_value("a", authzid_text))
        # "m=" comes first if at all, and then it is not "n=": refused
        attributes = _attributes(bare, "n", "r")
        return cls(
            flag=flag,
            binding_type=binding_type,
            authzid=authzid,
            name=_unescape(attributes[0]),
            nonce=_nonce(attributes[1]),
            gs2_header=f"{flag_text},{authzid_text},".encode(),
            bare=bare.encode(),
        )


@frozen
class ServerFirst:
    """server-first-message."""

    nonce: str
    salt: bytes
    iterations: int

    @classmethod
    def parse(cls, octets: bytes) -> ServerFirst:
        """Nonce, salt, iteration-count.

        Raises:
            SyntaxProblem: it is none.
        """
        nonce, salt, iterations = _attributes(_text(octets), "r", "s", "i")
        if not _POSITIVE.fullmatch(iterations):
            _refuse()
        return cls(_nonce(nonce), base64.decode(salt.encode()), int(iterations))


@frozen
class ClientFinal:
    """client-final-message.

    Attributes:
        channel_binding: still in base64, since only one spelling is right.
        without_proof: client-final-message-without-proof, as sent.
    """

    channel_binding: bytes
    nonce: str
    proof: bytes
    without_proof: bytes

    @classmethod
    def parse(cls, octets: bytes) -> ClientFinal:
        """channel-binding "," nonce ["," extensions] "," proof.

        Raises:
            SyntaxProblem: it is none.
        """
        without_proof, comma, proof = _text(octets).rpartition(",")
        if not comma:
            _refuse()
        binding, nonce = _attributes(without_proof, "c", "r")
        return cls(
            channel_binding=binding.encode(),
            nonce=_nonce(nonce),
            proof=base64.decode(_value("p", proof).encode()),
            without_proof=without_proof.encode(),
        )


def parse_server_final(octets: bytes) -> bytes:
    """The server's signature in ``server-final-message``.

    Raises:
        SyntaxProblem: it is none, or holds an error of the server.
    """
    (signature,) = _attributes(_text(octets), "v")
    return base64.decode(signature.encode())


def escape(name: str) -> str:
    """Saslname: ``=`` and ``,`` escaped."""
    return name.replace("=", "=3D").replace(",", "=2C")


def _attributes(text: str, *letters: str) -> list[str]:
    """The values of these attributes, in this order, then extensions.

    Unknown extensions are ignored; ``m`` and a second copy of a known one are not.
    """
    parts = text.split(",")
    if len(parts) < len(letters):
        _refuse()
    values = [
        _value(letter, part) for letter, part in zip(letters, parts, strict=False)
    ]
    for extension in parts[len(letters) :]:
        if not _ATTRIBUTE.fullmatch(extension) or extension[0] in "acimnprsve":
            _refuse()
    return values


def _value(letter: str, text: str) -> str:
    if not _ATTRIBUTE.fullmatch(text) or text[0] != letter:
        _refuse()
    return text[2:]


def _read_flag(text: str) -> tuple[Flag, str]:
    if text in {"n", "y"}:
        return Flag(text), ""
    binding_type = _value("p", text)
    if not _BINDING_TYPE.fullmatch(binding_type):
        _refuse()
    return Flag.BOUND, binding_type


def _nonce(value: str) -> str:
    if not _PRINTABLE.fullmatch(value):
        _refuse()
    return value


def _unescape(value: str) -> str:
    def character(found: re.Match[str]) -> str:
        match found[0]:
            case "=2C":
                return ","
            case "=3D":
                return "="
            case _:
                # RFC 5802, section 5.1: "the server MUST fail the authentication"
                return _refuse()

    return _ESCAPE.sub(character, value)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return _refuse()


def _refuse() -> NoReturn:
    reason = "not a SCRAM message"
    raise SyntaxProblem(reason)
