"""What the grammar gives: frozen values, with nothing of the wire left in them."""
