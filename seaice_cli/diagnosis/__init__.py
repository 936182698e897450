"""Diagnosis: what this installation and this machine have, what is missing, and what mends it."""
