# SPDX-License-Identifier: MIT
class Report:
    def __init__(self, options, guest): pass
    def prepare(self, env): return env
    def write(self, session): pass
