"""The configuration: its schema, how it is loaded, and its reference page."""
