# SPDX-License-Identifier: MIT
"""The comparison as one HTML file that needs nothing else: counts, a filter, what tests said."""

import html
import json

from piglit_runner.compare import KINDS, counts

OUTPUT_ROWS = 2000  # tests whose output is on the page; the others' is in results.jsonl
OUTPUT_CHARS = 2500

STYLE = '''
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; background: #fff; }
h1 { font-size: 1.3em; } pre { margin: .3em 0 .8em; padding: .6em; background: #f4f4f4;
  overflow-x: auto; white-space: pre-wrap; } table { border-collapse: collapse; }
td { padding: .15em .6em; border-top: 1px solid #ddd; vertical-align: top; }
tr.row { cursor: pointer; } tr.row:hover { background: #f0f6ff; }
label { margin-right: 1em; white-space: nowrap; } #text { width: 24em; max-width: 100%; }
.pass { color: #17702a; } .fail, .notrun { color: #b3261e; } .crash, .timeout { color: #fff;
  background: #b3261e; padding: 0 .3em; } .skip { color: #666; } .warn { color: #8a5a00; }
#summary { columns: 1; } .note { color: #555; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; }
  pre { background: #242424; } td { border-color: #333; } tr.row:hover { background: #22303f; }
  .pass { color: #6c6; } .fail, .notrun { color: #f88; } .note { color: #aaa; } }
'''

SCRIPT = '''
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const body = document.getElementById('rows'), text = document.getElementById('text');
const shown = document.getElementById('shown'), LIMIT = 3000;
function cell(tr, value, name) {
  const td = document.createElement('td'), span = document.createElement('span');
  span.textContent = value; if (name) span.className = name;
  td.append(span); tr.append(td);
}
function toggle(tr, row) {
  const next = tr.nextSibling;
  if (next && next.className === 'output') { next.remove(); return; }
  const more = document.createElement('tr'), td = document.createElement('td');
  const pre = document.createElement('pre'), said = data.said[row.test] || {};
  more.className = 'output'; td.colSpan = 5;
  pre.textContent = [said.note, said.output, said.command && '$ ' + said.command]
    .filter(Boolean).join('\\n\\n') || 'Nothing was kept of what it said.';
  td.append(pre); more.append(td); tr.after(more);
}
function draw() {
  let wanted;
  try { wanted = new RegExp(text.value, 'i'); text.style.outline = ''; }
  catch (e) { text.style.outline = '2px solid #b3261e'; return; }
  const kinds = new Set([...document.querySelectorAll('input[name=kind]:checked')].map(i => i.value));
  const rows = data.rows.filter(r => kinds.has(r.kind) && wanted.test(r.row));
  shown.textContent = rows.length > LIMIT ? `${rows.length} rows, the first ${LIMIT} shown`
                                          : `${rows.length} rows`;
  body.replaceChildren(...rows.slice(0, LIMIT).map(row => {
    const tr = document.createElement('tr');
    tr.className = 'row';
    cell(tr, data.kinds[row.kind]); cell(tr, row.before || '-', row.before);
    cell(tr, row.after || '-', row.after); cell(tr, row.row); cell(tr, row.verdict || '');
    tr.onclick = () => toggle(tr, row);
    return tr;
  }));
}
document.querySelectorAll('input').forEach(input => input.oninput = draw);
draw();
'''

OTHER = 'same'  # the kind of what does not pass, before and now alike


def _rows(changes, records, verdicts):
    words = {v.row: f'{v.word} ({v.ours}/{v.runs}, stock {v.stock}/{v.runs})' for v in verdicts}
    rows = [{'kind': c.kind, 'test': c.test, 'row': c.row, 'before': c.before, 'after': c.after,
             'verdict': words.get(c.row)} for c in changes]
    seen = {c.row for c in changes}
    for record in records.values():
        for part, status in record.rows.items():
            row = f'{record.test}@{part}' if part else record.test
            if row not in seen and status not in ('pass', 'skip'):
                rows.append({'kind': OTHER, 'test': record.test, 'row': row, 'before': status,
                             'after': status})
    return rows


def _said(records, commands):
    said = {}
    for record in records.values():
        if not record.good() and len(said) < OUTPUT_ROWS:
            said[record.test] = {'note': record.note, 'output': record.output[-OUTPUT_CHARS:],
                                 'command': commands.get(record.test, '')}
    return said


def page(title, lines, changes, records, verdicts, summary, commands, compared):
    """The HTML text. LINES are said under the title; COMPARED: there was a baseline."""
    titles = dict(KINDS)
    titles[OTHER] = 'Not passing, as before' if compared else 'Not passing'
    rows = _rows(changes, records, verdicts)
    have = {row['kind'] for row in rows}
    numbers = {kind: rows_ for kind, (_, rows_) in counts(changes).items()}
    numbers[OTHER] = sum(row['kind'] == OTHER for row in rows)
    first = [kind for kind in titles if kind in have]
    checked = {k for k in first if k in ('crash', 'regression', 'failing')} or set(first[:1])
    boxes = '\n'.join(
        f'<label><input type="checkbox" name="kind" value="{kind}"'
        f'{" checked" if kind in checked else ""}> {html.escape(titles[kind])} '
        f'({numbers[kind]})</label>' for kind in first)
    data = json.dumps({'kinds': titles, 'rows': rows, 'said': _said(records, commands)})
    # In a script element only a tag's beginning could end the text.
    data = data.replace('<', '\\u003c')
    said = ''.join(f'<div class="note">{html.escape(line)}</div>\n' for line in lines)
    return f'''<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>{STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
{said}<p>{boxes or 'Everything passes, or is skipped.'}</p>
<p><input id="text" type="search" placeholder="filter: a regular expression">
<span id="shown"></span></p>
<noscript>The list of tests needs JavaScript; compare.txt says the same.</noscript>
<table><tbody id="rows"></tbody></table>
<details><summary>Counts</summary><pre>{html.escape(summary)}</pre></details>
<script id="data" type="application/json">{data}</script>
<script>{SCRIPT}</script>
</body></html>
'''
