#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders one template with the model: generate.py DESCRIPTIONS TEMPLATE OUTPUT."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from mako import exceptions  # noqa: E402
from mako.template import Template  # noqa: E402

import cpp  # noqa: E402
import model  # noqa: E402


def main():
    folder, template, output = sys.argv[1:4]
    try:
        m = model.Model(folder)
    except model.DescriptionError as e:
        sys.exit(f'{folder}: {e}')
    try:
        text = Template(filename=str(pathlib.Path(template).resolve())).render(
            m=m, c=cpp.Cpp(m), camel=model.camel, source=pathlib.Path(template).name)
    except Exception:
        sys.exit(exceptions.text_error_template().render())
    pathlib.Path(output).write_text(text, encoding='utf-8')


main()
