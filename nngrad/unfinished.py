"""Files that are being written: whatever ends the process removes them first.

Light on purpose: the program imports it before anything else, and any thread may look here at any moment.
"""

from __future__ import annotations

import os
from _thread import RLock

lock = RLock()  # held while a file comes into being or gets its final name, and for good by whatever ends the process
paths: set[str] = set()
PATIENCE = 2.0  # seconds


def remove_all() -> None:
    """Remove every unfinished file, and let no other come into being: the process is to end now."""
    lock.acquire(timeout=PATIENCE)  # whoever holds it may be waiting for a disk that doesn't answer
    for path in tuple(paths):
        try:  # noqa: SIM105  (contextlib would take longer to import than all of this)
            os.unlink(path)
        except OSError:
            pass
