"""A mail appliance: receives, stores, serves and sends mail, on Twisted."""
