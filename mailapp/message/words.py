"""Encoded-words (RFC 2047): text beyond ASCII in a header of ASCII.

Reading is lenient where mail needs it: an encoded-word may be longer than 75 octets,
may touch other text, and a character may be cut between two of them. Writing keeps
every rule.
"""

from __future__ import annotations

import binascii
from typing import Final

from mailapp.core import abnf
from mailapp.message.charsets import codec_of, decode, decode_raw

WORD_LIMIT: Final = 75
"""Octets of an encoded-word (RFC 2047, section 2)."""
_CHARSET_LIMIT: Final = 64
_SPACE: Final = b" \t\r\n"
_PREFIX: Final = b"=?utf-8?q?"
_ROOM: Final = WORD_LIMIT - len(_PREFIX) - len(b"?=")
_LONGEST_PLAIN: Final = 200
# RFC 2047, section 5 (3): what Q leaves alone in a phrase is safe everywhere
_PLAIN: Final = abnf.ALPHA_DIGIT | frozenset(b"!*+-/")
_Q: Final = tuple(
    bytes([octet])
    if octet in _PLAIN
    else b"_"
    if octet == ord(" ")
    else b"=%02X" % octet
    for octet in range(256)
)
_BASE64: Final = bytes(sorted(abnf.ALPHA_DIGIT | frozenset(b"+/")))
_NOT_BASE64: Final = bytes(o for o in range(256) if o not in _BASE64)


def decode_text(value: bytes) -> str:
    """Unstructured text, or one phrase, as people read it; never raises.

    White space between two encoded-words is dropped (RFC 2047, section 6.2).
    """
    # deviates: RFC 2047, section 5, wants white space around an encoded-word, and at
    # most 75 octets in it; many programs keep to neither.
    if b"=?" not in value:
        return decode_raw(value)
    pieces: list[str] = []
    charset, run = "", bytearray()  # encoded-words side by side, of one charset
    position = 0  # behind the last encoded-word
    at = value.find(b"=?")
    while at >= 0:
        word = _read_word(value, at)
        if word is None:
            at = value.find(b"=?", at + 2)
            continue
        word_charset, octets, end = word
        between = value[position:at]
        apart = not charset or bool(between.strip(_SPACE))
        if apart or word_charset != charset:
            pieces.append(decode(bytes(run), charset))
            if apart:
                pieces.append(decode_raw(between))
            charset, run = word_charset, bytearray()
        run += octets
        position = end
        at = value.find(b"=?", end)
    pieces.append(decode(bytes(run), charset))
    pieces.append(decode_raw(value[position:]))
    return "".join(pieces)


def _read_word(value: bytes, start: int) -> tuple[str, bytes, int] | None:
    """``=?charset?encoding?text?=`` at ``start``: charset, octets and where it ends.

    It looks no further than the fourth question mark, so a text full of beginnings
    is still read in linear time.
    """
    mark = value.find(b"?", start + 2, start + 2 + _CHARSET_LIMIT)
    if mark < 0 or value[mark + 2 : mark + 3] != b"?":
        return None
    # RFC 2231, section 5: the charset may carry a language
    charset = value[start + 2 : mark].partition(b"*")[0].lower().decode("latin-1")
    encoding = value[mark + 1 : mark + 2].upper()
    text_start = mark + 3
    text_end = value.find(b"?", text_start)
    if text_end < 0 or value[text_end + 1 : text_end + 2] != b"=" or not charset:
        return None
    text = value[text_start:text_end]
    if codec_of(charset) is None:
        charset = "us-ascii"
    if encoding == b"Q":
        return charset, decode_q(text), text_end + 2
    if encoding == b"B":
        return charset, decode_b(text), text_end + 2
    return None


def decode_q(text: bytes) -> bytes:
    """The Q encoding (RFC 2047, section 4.2); a lone ``=`` stands for itself."""
    return decode_escapes(text.replace(b"_", b" "))


def decode_escapes(text: bytes) -> bytes:
    """``=XX`` to an octet; any other ``=`` stays."""
    if b"=" not in text:
        return text
    first, *others = text.split(b"=")
    pieces = [first]
    for other in others:
        code = other[:2]
        if len(code) == 2 and abnf.HEXDIG.issuperset(code):  # noqa: PLR2004
            pieces.append(binascii.a2b_hex(code))
            pieces.append(other[2:])
        else:
            pieces.append(b"=" + other)
    return b"".join(pieces)


def decode_b(text: bytes) -> bytes:
    """The B encoding (RFC 2047, section 4.1); what is no base64 is left out."""
    clean = text.partition(b"=")[0].translate(None, _NOT_BASE64)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def encode_words(text: str) -> list[bytes]:
    """The text as encoded-words of at most 75 octets, whatever is in it.

    No character is cut in two (RFC 2047, section 5). Q where it is the shorter one.
    Surrogates, which are no text, become ``?``.
    """
    octets = text.encode("utf-8", "replace")
    q_length = sum([len(_Q[octet]) for octet in octets])
    use_b = q_length > (len(octets) + 2) // 3 * 4
    words: list[bytes] = []
    chunk: list[bytes] = []
    room = _ROOM // 4 * 3 if use_b else _ROOM
    left = room
    for character in octets.decode():
        encoded = character.encode()
        cost = len(encoded) if use_b else sum([len(_Q[octet]) for octet in encoded])
        if cost > left:
            words.append(_word(chunk, use_b=use_b))
            chunk, left = [], room
        chunk.append(encoded)
        left -= cost
    if chunk:
        words.append(_word(chunk, use_b=use_b))
    return words


def _word(characters: list[bytes], *, use_b: bool) -> bytes:
    octets = b"".join(characters)
    if use_b:
        return b"=?utf-8?b?" + binascii.b2a_base64(octets, newline=False) + b"?="
    return _PREFIX + b"".join([_Q[octet] for octet in octets]) + b"?="


def is_plain(text: str, *, utf8: bool = False) -> bool:
    """It can stand in an unstructured field as it is, and is read as it is."""
    if not utf8 and not text.isascii():
        return False
    return (
        bool(text)
        and text.replace(" ", "x").isprintable()
        and not any("\ud800" <= character <= "\udfff" for character in text)
        and "=?" not in text
        and not text.startswith(" ")
        and not text.endswith(" ")
        and "  " not in text
        and max(map(len, text.split(" "))) < _LONGEST_PLAIN
    )


def encode_text(text: str, *, utf8: bool = False) -> list[bytes]:
    """Unstructured text as words to be put in a field one space apart.

    As it is where it can be, else as encoded-words; so that ``decode_text`` of what
    is written gives the text again.
    """
    if is_plain(text, utf8=utf8):
        return text.encode().split(b" ")
    return encode_words(text)


def encode_phrase(text: str, *, utf8: bool = False) -> list[bytes]:
    """A display-name: atoms, a quoted-string, or encoded-words (RFC 5322, 3.2.5)."""
    if not is_plain(text, utf8=utf8):
        return encode_words(text)
    atext = abnf.ATEXT | abnf.UTF8_NON_ASCII
    words = text.encode().split(b" ")
    if all(atext.issuperset(word) for word in words):
        return words
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').encode()
    return f'"{quoted.decode()}"'.encode().split(b" ")
