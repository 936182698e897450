"""Composites: masks of several overpasses or days put together into one."""
