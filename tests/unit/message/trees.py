"""MIME trees for hypothesis: messages as other programs write them, and worse."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from mailapp.message.encodings import decode_leaf
from mailapp.message.part import Part

_WORDS = st.sampled_from(
    [
        b"word", b" ", b"\t", b"caf\xc3\xa9", b"\xff\x80", b"=", b"=41", b".", b"..",
        b"\r\n", b"\r\n", b"\r\n.\r\n", b"\r\nFrom x", b"\r\n-- \r\n", b"\r\n--b",
        b"y" * 80, b"z" * 1200, b" \r\n", b"--b0", b"\r\n--b0x", b"\r\n\r\n",
    ]
)  # fmt: skip
_RAW = st.one_of(_WORDS, st.binary(max_size=40), st.sampled_from([b"\0", b"\r", b"\n"]))
_TEXT = st.lists(_RAW, max_size=12).map(b"".join)
_TYPES = st.sampled_from(
    [
        b"", b"Content-Type: text/plain; charset=utf-8\r\n",
        b"Content-Type: text/html\r\n", b"Content-Type: application/pdf\r\n",
        b"Content-Type: image/png; name=a.png\r\n",
        b"Content-Type: message/delivery-status\r\n",
    ]
)  # fmt: skip
_ENCODINGS = st.sampled_from(
    [
        b"", b"Content-Transfer-Encoding: 8bit\r\n",
        b"Content-Transfer-Encoding: binary\r\n",
        b"Content-Transfer-Encoding: BASE64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"content-transfer-encoding : 8Bit (x)\r\n",
    ]
)  # fmt: skip
_LABELS = st.sampled_from([b"", b"Content-Transfer-Encoding: 8bit\r\n"])


def _leaf(kind: bytes, encoding: bytes, body: bytes) -> bytes:
    return kind + encoding + b"\r\n" + body


def _multipart(parts: list[bytes], label: bytes, level: int, around: bytes) -> bytes:
    boundary = b"b%d" % level
    pieces = [b"Content-Type: multipart/mixed; boundary=%b\r\n" % boundary, label]
    pieces += [b"\r\n", around]
    for part in parts:
        pieces += [b"\r\n--" + boundary + b"\r\n", part]
    pieces += [b"\r\n--" + boundary + b"--\r\n", around]
    return b"".join(pieces)


def _message(label: bytes, inner: bytes, kind: bytes) -> bytes:
    head = b"Content-Type: message/%b\r\n%b\r\nSubject: inner\r\n" % (kind, label)
    return head + inner


_AROUND = st.sampled_from([b"", b"This is MIME.", b"caf\xc3\xa9", b"w" * 1500])
_LEAVES = st.builds(_leaf, _TYPES, _ENCODINGS, _TEXT)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(
            _multipart,
            st.lists(inner, min_size=1, max_size=3),
            _LABELS,
            st.integers(0, 9),
            _AROUND,
        ),
        st.builds(_message, _LABELS, inner, st.sampled_from([b"rfc822", b"global"])),
    ),
    max_leaves=8,
)
messages: st.SearchStrategy[bytes] = _TREES.map(
    lambda tree: b"From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n" + tree
)


def leaves(octets: bytes, part: Part) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Type, subtype and decoded body of each leaf; a message/global is one."""
    whole = part.content.subtype == b"global"
    if part.parts and not whole:
        for child in part.parts:
            yield from leaves(octets, child)
        return
    body = octets[part.body_start : part.end]
    decoded = b"".join(decode_leaf([body], part.encoding))
    yield part.content.type, part.content.subtype, decoded
