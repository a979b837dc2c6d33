"""The ``mailapp`` command."""
