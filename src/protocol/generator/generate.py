#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders one template with the model: generate.py [--check] DESCRIPTIONS TEMPLATE OUTPUT.

With --check OUTPUT is compared instead of written."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from mako import exceptions  # noqa: E402
from mako.template import Template  # noqa: E402

import cpp  # noqa: E402
import model  # noqa: E402


def main():
    check = sys.argv[1:2] == ['--check']
    folder, template, output = sys.argv[1 + check:]
    try:
        m = model.Model(folder)
    except model.DescriptionError as e:
        sys.exit(f'{folder}: {e}')
    try:
        text = Template(filename=str(pathlib.Path(template).resolve())).render(
            m=m, c=cpp.Cpp(m), camel=model.camel, source=pathlib.Path(template).name)
    except Exception:
        sys.exit(exceptions.text_error_template().render())
    path = pathlib.Path(output)
    if not check:
        path.write_text(text, encoding='utf-8')
    elif not path.exists() or path.read_text(encoding='utf-8') != text:
        sys.exit(f'{path.name} is not what the descriptions say')


main()
