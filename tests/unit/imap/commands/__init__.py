"""Tests of mailapp.imap.commands."""
