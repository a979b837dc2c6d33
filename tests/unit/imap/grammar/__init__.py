"""Tests of :mod:`mailapp.imap.grammar`."""
