"""Tests of mailapp.moving."""
