"""Tests of the house rules: sizes, names, imports, packaging, generated pages."""
