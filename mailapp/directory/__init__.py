"""Who there is: accounts, aliases, and what an address means."""
