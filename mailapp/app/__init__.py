"""The composition root: processes, services and logs. Only this imports the reactor."""
