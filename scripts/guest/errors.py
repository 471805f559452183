# SPDX-License-Identifier: MIT
"""What goes wrong with a guest, as one line for the person at the terminal."""

from verglas_host import HostError


class GuestError(HostError):
    """The guest cannot go on. console holds the last lines it said, oldest first."""

    def __init__(self, message, console=()):
        super().__init__(message)
        self.console = list(console)
