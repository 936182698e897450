"""What the library warns of while something is done, kept for its result."""

from __future__ import annotations

import logging
import threading
from typing import Self


class LoggedWarnings(logging.Handler):
    """Keeps the texts that this package warns with, of the thread that entered it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a text."""
        if record.thread == self._thread:
            self.texts.append(record.getMessage())

    def __enter__(self) -> Self:
        logging.getLogger("seaice_cli").addHandler(self)
        return self

    def __exit__(self, *_error: object) -> None:
        logging.getLogger("seaice_cli").removeHandler(self)
