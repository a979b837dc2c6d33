"""Tests of what POP2 and POP3 do alike."""
