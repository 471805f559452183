# SPDX-License-Identifier: MIT
"""What tests there are: piglit's profiles, read with piglit's own framework, and lists of names.

The framework knows each test's command line and how to read what it printed. Running it is done
here, not by piglit (see runner.py). PIGLIT_BUILD_DIR, which the framework itself obeys, names
another tree of profiles and programs; tests/piglit_tool makes such a tree.
"""

import collections
import os
import sys
import xml.etree.ElementTree

from verglas_host import HostError

PACKAGE = '/usr/lib/x86_64-linux-gnu/piglit'
PLATFORM = 'x11_egl'
PROFILE = 'quick_gl'  # unless another one is named

_framework = None


class Framework:
    """The parts of piglit's Python package that are used, imported at first need."""

    def __init__(self):
        # Read at import. Without it piglit asks wflinfo (waffle-utils) for the driver's limits
        # and, where that is not installed, skips every shader test.
        os.environ['PIGLIT_NO_FAST_SKIP'] = '1'
        if not os.path.isdir(os.path.join(PACKAGE, 'framework')):
            raise HostError('piglit is not installed (Debian package piglit; bin/setup --with test '
                            'installs it)')
        sys.path.append(PACKAGE)
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from framework import exceptions, options, profile
            from framework.results import TestResult
            from framework.test.base import TestIsSkip
        self.profile, self.exceptions, self.options = profile, exceptions, options
        self.TestResult, self.TestIsSkip = TestResult, TestIsSkip
        options.OPTIONS.env['PIGLIT_PLATFORM'] = PLATFORM


def framework():
    global _framework
    if _framework is None:
        _framework = Framework()
    return _framework


class Case:
    """A test: its name, its profile, and what piglit knows of it."""

    def __init__(self, name, profile, test):
        self.name = name
        self.profile = profile
        self.test = test

    def skip_reason(self):
        """Why piglit would not run it on this platform, or None."""
        try:
            self.test.is_skip()
        except framework().TestIsSkip as reason:
            return str(reason.reason)
        return None

    def command(self):
        return [str(word) for word in self.test.command]

    def env(self):
        both = dict(framework().options.OPTIONS.env)
        both.update(self.test.env)
        return {str(k): str(v) for k, v in both.items()}

    def interpret(self, out, err, returncode):
        """{subtest: status} from what the program said; '' is the test as a whole."""
        test = self.test
        test.result = result = framework().TestResult()
        result.out, result.err, result.returncode = out, err, returncode
        try:
            test.interpret_result()
        except (ValueError, KeyError, framework().exceptions.PiglitException):
            # Half a line of JSON, from a program that ended in the middle of it.
            result.result = 'crash' if returncode < 0 else 'fail'
        rows = {name: str(status) for name, status in result.subtests.items()}
        # A crash after the last subtest, or between two, is in none of them.
        if not rows or (str(result.raw_result) == 'crash' and 'crash' not in rows.values()):
            rows[''] = str(result.raw_result)
        return rows


def leaf_profiles(name):
    """The profiles that NAME stands for: itself, or the parts of a meta profile."""
    root = os.environ.get('PIGLIT_BUILD_DIR', PACKAGE)
    meta = os.path.join(root, 'tests', name + '.meta.xml')
    if not os.path.exists(meta):
        return [name]
    parts = xml.etree.ElementTree.parse(meta).getroot().iter('Profile')
    return [leaf for part in parts for leaf in leaf_profiles(part.text)]


def load(name):
    """{test: Case} of one profile, in piglit's order."""
    fw = framework()
    cases = collections.OrderedDict()
    for leaf in leaf_profiles(name):
        try:
            profile = fw.profile.load_test_profile(leaf, python=False)
            tests = list(profile.itertests())
        except (OSError, fw.exceptions.PiglitFatalError, xml.etree.ElementTree.ParseError) as error:
            said = str(error).splitlines() or ['piglit cannot read it']
            raise HostError(f'no profile {leaf}: {said[0]}') from None
        for test_name, test in tests:
            cases.setdefault(test_name, Case(test_name, leaf, test))
    return cases


def read_sections(path, default=PROFILE):
    """{profile: [test, ...]} of a list: a name a line, [profile] lines, # comments.

    Of a table the name is taken, wherever it stands: then a line of results.tsv, of the baselines
    and of regressions.txt will do as well.
    """
    sections = collections.OrderedDict()
    current = default
    try:
        with open(path, encoding='utf-8') as f:
            lines = f.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f'cannot read {path}: {getattr(error, "strerror", error)}') from None
    for line in lines:
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith('[') and line.rstrip().endswith(']'):
            current = line.strip()[1:-1]
            continue
        fields = [field.strip() for field in line.split('\t')]
        named = [field for field in fields if '@' in field] or fields
        sections.setdefault(current, []).append(named[0].lower())
    return sections


def owner(row, known):
    """The test to which a row `test` or `test@subtest` belongs, of those known, or None."""
    name = row
    while name:
        if name in known:
            return name
        name = name.rpartition('@')[0]
    return None


def select(profile=None, lists=(), only=None):
    """The cases to run, {test: Case}, and the names of lists that no profile has."""
    if not lists:
        cases, missing = load(profile or PROFILE), []
    else:
        cases, missing, loaded = collections.OrderedDict(), [], {}
        for path in lists:
            for section, names in read_sections(path, profile or PROFILE).items():
                if section not in loaded:
                    loaded[section] = load(section)
                for name in names:
                    found = owner(name, loaded[section])
                    if found is None:
                        missing.append(name)
                    else:
                        cases.setdefault(found, loaded[section][found])
    if only is not None:
        cases = collections.OrderedDict((n, c) for n, c in cases.items() if only.search(n))
    return cases, missing
