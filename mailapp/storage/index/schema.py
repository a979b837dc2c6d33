"""The tables of an index.

Everything is found out again when the file is lost, so a file of another version is
not converted: it is thrown away.
"""

from __future__ import annotations

from typing import Final

from mailapp.message.imap_facts import FACTS_VERSION

VERSION: Final = 2200 + FACTS_VERSION
"""In ``PRAGMA user_version``; raised with every change of a table or of a fact."""

SETTINGS: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 2000;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -2000;
"""

TABLES: Final = """
-- A mailbox under one UIDVALIDITY. What is known of it at MODSEQ ``modseq``, when its
-- directories had these mtimes; ``columns`` is older, at ``saved``, and the rows of
-- ``change`` since then lead from there to now. History reaches back to ``since``.
CREATE TABLE box (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    folder INTEGER NOT NULL UNIQUE,
    validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    stamp BLOB NOT NULL,
    saved INTEGER NOT NULL,
    since INTEGER NOT NULL,
    columns BLOB NOT NULL,
    texts_to INTEGER NOT NULL DEFAULT 0
) STRICT;
-- A message came or got another name, or went (no name).
CREATE TABLE change (
    serial INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    name BLOB,
    received INTEGER NOT NULL,
    PRIMARY KEY (serial, modseq, uid)
) STRICT, WITHOUT ROWID;
CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE fact (
    serial INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (serial, kind, uid)
) STRICT, WITHOUT ROWID;
-- What SEARCH looks at, casemapped; rowid is serial << 32 | uid. Texts are not kept,
-- and what is gone stays in it: whoever asks knows which UIDs there are.
CREATE VIRTUAL TABLE texts USING fts5(
    subject, sender, recipient, cc, bcc, header, body,
    content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
-- Large pages and rare merges: a third less work for each message. Merges take turns
-- with what is put in: for one of all at once others would have to wait.
INSERT INTO texts (texts, rank)
    VALUES ('pgsz', 16000), ('automerge', 16), ('crisismerge', 64);
"""
