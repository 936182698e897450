"""`seaice data`."""
