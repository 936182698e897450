"""Tracing: compiled kernels from rows of pixels to outlines, strip by strip."""
