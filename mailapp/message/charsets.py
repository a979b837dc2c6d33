"""Which charset names mail may use, and what decodes them.

An allow-list: Python's codec registry also knows ``zlib``, ``hex``, ``idna``,
``punycode``, ``unicode_escape``, ``utf-7`` and others that are no charset or one that
hides ASCII from a filter (threat 86), so no name from a message ever reaches it.
"""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    "us-ascii", "utf-8", "utf-16", "utf-16be", "utf-16le", "iso-8859-1", "iso-8859-2",
    "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7",
    "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-11", "iso-8859-13",
    "iso-8859-14", "iso-8859-15", "iso-8859-16", "windows-1250", "windows-1251",
    "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "koi8-r", "koi8-u", "iso-2022-jp",
    "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-kr", "shift_jis", "euc-jp", "euc-kr",
    "gb2312", "gbk", "gb18030", "big5", "big5-hkscs", "cp437", "cp850", "cp852",
    "cp855", "cp866", "tis-620", "johab",
)  # fmt: skip
# Other names of the same, and those that real mail uses wrongly (WHATWG Encoding).
_OTHER: Final = {
    "ascii": "us-ascii",
    "ansi_x3.4-1968": "us-ascii",
    "iso646-us": "us-ascii",
    "utf8": "utf-8",
    "latin1": "iso-8859-1",
    "iso_8859-1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "latin2": "iso-8859-2",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "windows-874": "cp874",
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "cp1252": "windows-1252",
    "x-cp1251": "windows-1251",
    "x-sjis": "shift_jis",
    "shift-jis": "shift_jis",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "ks_c_5601-1987": "cp949",
    "cp949": "cp949",
    "x-gbk": "gbk",
    "cp936": "gbk",
    "hz-gb-2312": "hz",
    "macintosh": "mac_roman",
    "ibm437": "cp437",
    "ibm850": "cp850",
    "ibm852": "cp852",
    "ibm855": "cp855",
    "ibm866": "cp866",
}
_CODECS: Final = {name: name for name in NAMES} | _OTHER


def codec_of(charset: str) -> str | None:
    """The codec for a charset's name in any case, or None: not on the list."""
    return _CODECS.get(charset.lower())


def decode(octets: bytes, charset: str) -> str:
    """Text from octets; never raises.

    What can't be read is U+FFFD. Of an unknown charset, ``unknown-8bit`` (RFC 1428,
    section 3) among them, only the ASCII can be read.
    """
    return octets.decode(codec_of(charset) or "us-ascii", "replace")


def decode_raw(octets: bytes) -> str:
    """Octets of a header that name no charset: UTF-8 (RFC 6532), else ASCII."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("us-ascii", "replace")
