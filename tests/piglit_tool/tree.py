# SPDX-License-Identifier: MIT
"""A piglit of our own: profiles and a program (fake.py), as piglit's framework finds them."""

import gzip
import os
import shutil
from xml.sax.saxutils import quoteattr

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = 'spec@fake@'


def make(folder, profiles):
    """Profiles {name: [what, ...]}; the test of WHAT is called spec@fake@WHAT."""
    os.makedirs(os.path.join(folder, 'bin'))
    os.makedirs(os.path.join(folder, 'tests'))
    program = os.path.join(folder, 'bin', 'fake')
    shutil.copy(os.path.join(HERE, 'fake.py'), program)
    os.chmod(program, 0o755)
    for profile, names in profiles.items():
        tests = ''
        for name in names:
            words = ['absent'] if name == 'absent' else ['fake', name]
            tests += (f'<Test type="gl" name={quoteattr(PREFIX + name)}>'
                      f'<option name="command" value={quoteattr(repr(words))} />'
                      '<option name="run_concurrent" value="True" />')
            if name == 'glx-only':
                tests += '<option name="require_platforms" value="[\'glx\']" />'
            tests += '</Test>'
        with gzip.open(os.path.join(folder, 'tests', profile + '.xml.gz'), 'wt') as f:
            f.write(f'<PiglitTestList count="{len(names)}" name="{profile}">{tests}</PiglitTestList>')
    return folder
