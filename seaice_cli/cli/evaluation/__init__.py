"""`seaice eval`."""
