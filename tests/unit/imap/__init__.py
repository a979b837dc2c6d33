"""Tests of mailapp.imap."""
