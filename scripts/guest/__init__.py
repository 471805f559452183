# SPDX-License-Identifier: MIT
"""A throwaway QEMU guest with a virgl device: boots in half a minute, runs commands, is gone.

    sys.path.insert(0, 'scripts')
    import guest

    with guest.Guest(driver='verglas') as machine:
        machine.start_x()
        done = machine.run(['glxinfo', '-B'], timeout=60)
        print(done.status, done.out)

docs/guest.md tells how it works; bin/guest is the program made of it.
"""

from guest.errors import GuestError
from guest.ioctls import IoctlReport, preload_library
from guest.ioctls import environment as ioctl_environment
from guest.ioctls import reports as ioctl_reports
from guest.machine import Guest, Result
from guest.trace import Trace

__all__ = ['Guest', 'GuestError', 'IoctlReport', 'Result', 'Trace', 'ioctl_environment',
           'ioctl_reports', 'preload_library']
