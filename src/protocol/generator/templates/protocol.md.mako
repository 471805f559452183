<!-- Generated from src/protocol/*.yaml by src/protocol/generator; "ninja -C build protocol-docs" renews it. -->
# The virgl protocol

What a guest's driver says to virglrenderer, as the descriptions in `src/protocol` have it. Where nothing else is
said it is what Mesa 22.3 speaks; what came later is marked with its version.

- [Stream](#stream) · [Commands](#commands) · [Objects](#objects) · [Structs](#structs) · [What the host writes](#what-the-host-writes)
- [Enumerations](#enumerations) · [Flags](#flags) · [Capability sets](#capability-sets) · [Formats](#formats)
- [vtest](#vtest)
<%
from model import camel as _camel

def esc(text):
    return ' '.join(str(text).split()).replace('|', '\\|')

def type_text(type_name, spec):
    if 'enum' in spec: return f'{spec["enum"]}'
    if 'flags' in spec: return f'flags {spec["flags"]}'
    if type_name == 'object':
        kinds = spec.get('object')
        if isinstance(kinds, list): return 'object: ' + ' or '.join(kinds)
        return 'object'
    return type_name

def need(spec):
    needs = []
    for kind, name in spec.get('needs', {}).items():
        if kind == 'version': needs.append(f'`host_feature_check_version` {name}')
        elif kind == 'field': needs.append(f'`{name}` above 0')
        else: needs.append(f'`{kind.removeprefix("or_")}::{name}`')
    return ' or '.join(needs) or None

def notes(spec, type_name=''):
    out = []
    if spec.get('doc'): out.append(spec['doc'])
    if spec.get('needs'): out.append((f'{spec["need_from"]} and more need ' if 'need_from' in spec else 'needs ') + need(spec))
    if spec.get('creates'): out.append('the new handle, not 0')
    elif spec.get('required'): out.append('not 0')
    if 'max' in spec and not spec.get('span') and type_name not in ('text', 'bytes'): out.append(f'at most {spec["max"]}')
    return esc('; '.join(out))

def rows(group, first):
    """(dword, bits, name, type, notes); dwords count from `first`."""
    out = []
    for i in group.fixed:
        at = first + i.offset
        where = str(at) if i.dwords == 1 else f'{at}-{at + i.dwords - 1}'
        if i.kind == 'packed':
            for b in i.bits:
                bits = str(b.shift) if b.width == 1 else f'{b.shift}-{b.shift + b.width - 1}'
                out.append((at, bits, f'`{b.name}`', type_text(b.type, b.spec), notes(b.spec)))
        elif i.kind == 'count':
            out.append((at, '', f'number of `{i.name}`', 'u32', ''))
        elif i.kind == 'byte_count':
            out.append((at, '', f'bytes of `{i.name}`', 'u32', ''))
        else:
            dims = ''.join(f'[{d}]' for d in i.dims)
            out.append((where, '', f'`{i.name}{dims}`', type_text(i.type, i.spec), notes(i.spec)))
    at = first + group.dwords
    for i in group.tails:
        s = i.spec
        if i.kind == 'optional':
            out += [(f'{w}', b, n, t, esc('; '.join(x for x in (f'optional: {i.name}', f'needs {need(i.group.spec)}' if need(i.group.spec) else '', 'since ' + i.group.since if i.group.since else '', d) if x))) for w, b, n, t, d in rows(i.group, at)]
            at += i.group.dwords
        elif i.kind == 'span':
            step = m.element_dwords(i)
            low, high = s.get('min', 0), s.get('max')
            size = f'{low} to {high}' if high else 'any number'
            if 'slots' in s: size += f'; with `{s["slots"]}` at most {high}'
            each = f', {step} dwords each' if step > 1 else ''
            out.append((f'{at} …', '', f'`{i.name}`', type_text(i.type, s), esc(size + each + ('; ' + s['doc'] if s.get('doc') else ''))))
        elif i.kind == 'padding':
            out.append((f'{at} …', '', '', '', 'anything; skipped'))
        elif i.kind == 'stream_output':
            out.append((at, '', 'number of outputs', 'u32', f'compute: `{s["local_memory"]["name"]}`, {s["local_memory"]["doc"].split(": ")[1]}'))
            out.append((f'{at + 1}-{at + 4}', '', f'`{s["strides"]["name"]}[4]`', 'u32', 'only if there are outputs'))
            out.append((f'{at + 5} …', '', f'`{i.name}`', i.group.name, f'at most {s["outputs"]["max"]}, 2 dwords each'))
            at = 'then'
        else:
            least = f'at least {s["min"]} dwords' if s.get('min') else ''
            out.append((f'{at} …' if at != 'then' else at, '', f'`{i.name}`', i.kind, esc('; '.join(x for x in (s.get('doc'), least) if x))))
    return out

def since(spec):
    return f' *(since {spec["since"]})*' if spec.get('since') else ''

def size_text(p):
    fixed = p.dwords
    tails = p.tails
    if not tails: return f'{fixed}' + (' or more' if p.spec.get('trailing') else '')
    if tails[0].kind == 'optional':
        sizes, total = [str(fixed)], fixed
        for i in tails:
            total += i.group.dwords
            sizes.append(str(total))
        return ', '.join(sizes) + (' or more' if p.spec.get('trailing') else '')
    if tails[0].kind == 'stream_output': return 'variable'
    if tails[0].kind == 'padding': return 'any'
    i = tails[0]
    if i.kind == 'span':
        step = m.element_dwords(i)
        return f'{fixed} + {step}n' if step > 1 else f'{fixed} + n'
    return f'{fixed} + n'
%>\
<%def name="table(group, first)">\
| dword | bits | field | type | |
|---|---|---|---|---|
% for where, bits, name, type, note in rows(group, first):
| ${where} | ${bits} | ${name} | ${type} | ${note} |
% endfor
</%def>\
<%def name="packet(p)">
${p.doc}${since(p.spec)}

`${p.name}`, payload ${size_text(p)} dwords.\
% if need(p.spec):
 Needs ${need(p.spec)}.\
% endif
% if p.spec.get('header_object'):
<% allowed = p.spec['header_object'].get('allowed') %> The header names the object's type${': ' + ', '.join(allowed) if allowed else ''}.\
% endif
 Source: ${esc(p.spec['source'])}.
% if p.items:

${table(p, 1)}\
% endif
</%def>

${'##'} Stream

A stream is a sequence of commands. Each begins with a header dword: bits 0-7 the command, 8-15 an object type (0 where
there is none), 16-31 the number of dwords of payload that follow. Below, dword 0 is the header. Everything is little-endian; f64 and
u64 take two dwords, the lower half first. Texts and data are padded to a whole dword.

Handles of resources are given by the winsys, handles of objects by the driver; 0 is none. Objects belong to the sub-context that was current when they were made.

| constant | value | |
|---|---|---|
% for x in m.constants:
| `${x['name']}` | ${x['value']} | ${esc(x['doc'])} |
% endfor

${'##'} Commands

| | command | payload | needs |
|---|---|---|---|
% for x in m.commands:
<% p = next((q for q in m.packets if q.opcode == x['name']), None) %>\
| ${x['number']} | [${x['name'].upper()}](#${x['name']})${since(x)} | ${'see objects' if x.get('family') else size_text(p)} | ${need(x) or ''} |
% endfor
% for x in m.commands:

${'###'} ${x['name'].upper()}
<a id="${x['name']}"></a>
% if x.get('family'):

${x['doc']} Source: ${x['source']}. See [Objects](#objects).
% else:
${packet(next(q for q in m.packets if q.opcode == x['name']))}\
% endif
% endfor

${'##'} Objects

Payloads of CREATE_OBJECT.
% for p in m.packets:
% if p.object:

${'###'} ${p.object_number} ${p.object}${' of a buffer' if p.variant == 'buffer' else ''}
${packet(p)}\
% endif
% endfor

${'##'} Structs

Dwords count from the start of the struct.
% for g in m.structs.values():

${'###'} ${g.name}

${g.doc}

${table(g, 0)}\
% endfor

${'##'} What the host writes
% for g in m.layouts:

${'###'} ${g.name}

${g.doc}${since(g.spec)} Source: ${g.spec['source']}.

${table(g, 0)}\
% endfor

${'##'} Enumerations
% for e in list(m.enums.values()):

${'###'} ${e['name']}

${e['doc']}${since(e)} Source: ${e['source']}.

| | | |
|---|---|---|
% for name, v in e['values'].items():
| ${v[0]} | `${name}` | ${esc('; '.join(([v[2]] if len(v) > 2 else []) + (['needs ' + need({'needs': e['needs'][name]})] if name in e.get('needs', {}) else [])))} |
% endfor
% endfor

${'###'} Gallium's values

Carried as Gallium has them.

| | values |
|---|---|
% for e in m.gallium.values():
| ${e['name']} | ${', '.join(f'{v[0]} {n}' + (f' (needs {need({"needs": e["needs"][n]})})' if n in e.get('needs', {}) else '') for n, v in e['values'].items())}${'; 0 where unused' if e.get('zero_is_unset') else ''} |
% endfor

${'##'} Flags
% for f in m.flags.values():

${'###'} ${f['name']}

${f['doc']} Source: ${f['source']}.

| | | |
|---|---|---|
% for name, v in list(f['values'].items()) + list(f.get('masks', {}).items()):
| ${hex(v[0])} | `${name}` | ${esc(v[2]) if len(v) > 2 else ''} |
% endfor
% endfor

${'##'} Capability sets

A host offers capset 1 or capset 2, which begins with it. A guest takes a capset of any length: missing fields read 0.
A format mask is 16 dwords, one bit per format number.
<%
sizes = {'u32': 4, 'i32': 4, 'f32': 4, 'char': 1, 'format_mask': 64, 'VideoCaps': 16}
offset = 0
%>
| byte | field | type | |
|---|---|---|---|
% for part in ('v1', 'v2'):
% for f in m.caps[part]:
| ${offset} | `${f['name']}${f'[{f["count"]}]' if 'count' in f else ''}` | ${f['type']} | ${esc('; '.join(x for x in (f.get('doc'), 'since ' + f['since'] if 'since' in f else None) if x))} |
<% offset += sizes[f['type']] * f.get('count', 1) %>\
% endfor
% if part == 'v1':
| ${offset} | *end of capset 1* | | |
% endif
% endfor

${'###'} VideoCaps

| dword | bits | field |
|---|---|---|
% for name, word, shift, width in m.caps['video_caps']:
| ${word} | ${shift if width == 1 else f'{shift}-{shift + width - 1}'} | `${name}` |
% endfor
% for b in m.caps['bits']:

${'###'} ${b['name']}

${b['doc']}

| bit | | |
|---|---|---|
% for name, v in b['values'].items():
| ${v[0]} | `${name}` | ${esc(v[2]) if len(v) > 2 else ''} |
% endfor
% endfor

${'##'} Formats

The 22.3 header gives the numbers 262-266 twice. 25.0 moved the second holder of each to 331-340. The formats of
virglrenderer 0.10.4, which has the 22.3 header, include neither holder, so a number always means the 25.0 name; a format that moved is
there if the bit of its new number is set.

| 25.0 | 22.3 | format |
|---|---|---|
% for name, (number, legacy) in m.formats.items():
| ${number} | ${'' if legacy is None else legacy} | ${name} |
% endfor

Only in 22.3: ${', '.join(f'{n} {name}' for name, n in m.format_file['only_22_3'].items())}.

${'##'} vtest

The same stream over a unix socket, by default `${m.vtest['default_socket']}`. A message is a header of two dwords, length and
command, and what follows. Lengths are in dwords where nothing else is said. The first message is create_renderer. Versions: 0 from the start, 1 is deprecated and means 0, 2 has shared memory, 3 has contexts, blobs and syncs.

| | request | version | reply |
|---|---|---|---|
% for g in m.requests:
<% s = g.spec; r = s.get('reply') %>\
| ${s['number']} | [${s['name']}](#vtest-${s['name']}) | ${s['version']} | ${'capset' if r == 'caps' else 'data' if s['name'] == 'transfer_get' else 'none' if r is None else ', '.join(f['name'] for f in r) or 'header'} |
% endfor
% for g in m.requests:
<% s = g.spec %>
${'###'} vtest ${s['name']}
<a id="vtest-${s['name']}"></a>

${s['doc']}${' ' + s['notes'] if 'notes' in s else ''}\
% if s.get('length') == 'bytes':
 Length in bytes.\
% endif
% if s.get('payload'):
 ${{'bytes': 'The data', 'dwords': 'The stream', 'name': 'The name'}[s['payload']]} follows.\
% endif
% if isinstance(s.get('reply'), list):
 Reply: ${', '.join(f'`{f["name"]}` ({f["type"]})' for f in s['reply']) or 'a header alone'}${', then the contents' if s.get('reply_payload') else ''}.\
% endif

% if g.items:

${table(g, 0)}\
% endif
% endfor
% for g in m.vtest_structs.values():

${'###'} ${g.name}

${g.doc}

${table(g, 0)}\
% endfor
