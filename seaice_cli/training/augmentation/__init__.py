"""Augmentation of batches: geometric, photometric, and generated cloud."""
