"""Values to octets."""
