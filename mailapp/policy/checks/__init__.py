"""The policy checks, one module each; their rows are in ``mailapp.policy.table``."""
