# SPDX-License-Identifier: MIT
"""`python3 scripts/piglit_runner` is bin/piglit."""

import os
import sys

# Python puts this folder itself in front; the packages are in the one above.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import verglas_host  # noqa: E402
from piglit_runner import cli  # noqa: E402

verglas_host.run_main(cli.main)
