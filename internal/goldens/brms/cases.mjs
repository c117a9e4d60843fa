// The requests that the goldens are made of. A case is a name and a request; what
// is answered is up to the real Fastify.
const json = [['Content-Type', 'application/json']]
const project = '7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77'
const integration = '0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11'

const send = (method, path, headers, body, base64) => {
  const request = { method, path }
  if (headers.length > 0) request.headers = headers
  if (body !== undefined) request.body = body
  if (base64) request.base64 = true
  return request
}
const post = (path, value) => send('POST', path, json, JSON.stringify(value))
const raw = (path, text) => send('POST', path, json, text)

export function cases (document) {
  return document === 'brms' ? brms() : words()
}

function brms () {
  const found = []
  const add = (name, request) => found.push({ name, request })
  const integrations = `/api/projects/${project}/integrations`
  const one = `${integrations}/${integration}`
  const good = {
    name: 'Rate lookup', type: 'http', kind: 'rate-lookup',
    config: { method: 'post', url: 'https://rates.example.com/v1/quote', timeout: 5000, headers: [], cookies: [], enableInputs: false, inputs: [], output: 'result' },
    description: 'Asks', group: null
  }
  const without = (o, ...names) => Object.fromEntries(Object.entries(o).filter(([k]) => !names.includes(k)))
  const config = (c) => ({ ...good, config: { ...good.config, ...c } })

  add('create: good', post(integrations, good))
  add('create: least', post(integrations, { name: 'a', type: 'http', kind: 'k', config: { url: 'u' } }))
  add('create: undeclared members', post(integrations, { ...good, more: 1, config: { ...good.config, extra: {} } }))
  for (const name of ['name', 'type', 'kind', 'config']) {
    add(`create: without ${name}`, post(integrations, without(good, name)))
    for (const [what, value] of [['number', 5], ['null', null], ['array', []], ['object', {}], ['boolean', true], ['text', 'x']]) {
      if (what === 'text' && name !== 'config') continue
      add(`create: ${name} is ${what}`, post(integrations, { ...good, [name]: value }))
    }
  }
  for (const name of ['description', 'group']) {
    for (const [what, value] of [['null', null], ['number', 1], ['object', {}]]) {
      add(`create: ${name} is ${what}`, post(integrations, { ...good, [name]: value }))
    }
  }
  add('create: empty object', post(integrations, {}))
  add('create: without type and kind', post(integrations, without(good, 'type', 'kind')))
  add('create: config without url', post(integrations, { ...good, config: { method: 'get' } }))
  for (const [name, wrong] of [['method', 1], ['url', 2], ['timeout', '5000'], ['timeout', null], ['output', []], ['headers', {}], ['cookies', 'a=b'], ['enableInputs', 'yes'], ['enableInputs', 0], ['inputs', null]]) {
    add(`create: config.${name} is ${JSON.stringify(wrong)}`, post(integrations, config({ [name]: wrong })))
  }
  add('create: everything in config is wrong', post(integrations, { ...good, config: { method: 1, timeout: 't', output: 2, headers: 3, cookies: 4, enableInputs: 5, inputs: 6 } }))
  add('create: wrong in several depths', post(integrations, { name: 1, kind: false, config: { timeout: 'soon', url: null }, group: 7 }))
  add('create: members in another order', raw(integrations, '{"group":1,"config":{"inputs":1,"url":2},"kind":3,"name":4}'))
  add('create: free entries', post(integrations, config({ headers: [1, 'a', null, {}], inputs: [[]] })))
  for (const [what, text] of [['array', '[]'], ['text', '"x"'], ['number', '12'], ['null', 'null'], ['boolean', 'true'], ['full array', '[{"name":1}]']]) {
    add(`create: body is ${what}`, raw(integrations, text))
  }
  const malformed = [['cut', '{"name":'], ['single quotes', "{'name':1}"], ['trailing comma', '{"name":1,}'], ['two values', '{}{}'],
    ['trailing text', '{} x'], ['comment', '/* a */{}'], ['NaN', '{"name":NaN}'], ['Infinity', '{"name":Infinity}'], ['white space', '   '],
    ['leading zero', '{"name":01}'], ['control character', '{"name":"a\nb"}'], ['bad escape', '{"name":"\\x"}'], ['bare word', 'name'], ['form', 'name=x&kind=y'],
    ['hexadecimal', '{"name":0x10}'], ['plus sign', '{"name":+1}'], ['undefined', 'undefined'], ['NUL', '{}\u0000']]
  for (const [what, text] of malformed) add(`create: malformed, ${what}`, raw(integrations, text))
  add('create: prototype', raw(integrations, '{"__proto__":{"a":1},"name":"a"}'))
  add('create: prototype, escaped', raw(integrations, '{"\\u005f_proto__":1}'))
  add('create: prototype, deep', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u","headers":[{"__proto__":null}]}}'))
  add('create: prototype, in a text', raw(integrations, '{"name":"__proto__","type":"http","kind":"k","config":{"url":"\\"__proto__\\":"}}'))
  add('create: prototype, in a bare text', raw(integrations, '"\\"__proto__\\":1"'))
  add('create: constructor.prototype', raw(integrations, '{"name":"a","constructor":{"prototype":{}}}'))
  add('create: constructor only', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u"},"constructor":{"name":1}}'))
  add('create: constructor is a text', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u"},"constructor":"prototype"}'))
  add('create: duplicate member', raw(integrations, '{"name":"a","name":"b","type":"http","kind":"k","config":{"url":"u"}}'))
  add('create: byte order mark', send('POST', integrations, json, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(good))]).toString('base64'), true))
  add('create: not UTF-8', send('POST', integrations, json, Buffer.from('{"name":"\xff","type":"http","kind":"k","config":{"url":"u"}}', 'latin1').toString('base64'), true))
  add('create: lone surrogate', raw(integrations, '{"name":"\\ud800","type":"http","kind":"k","config":{"url":"u"}}'))
  add('create: timeout of 400 digits', raw(integrations, `{"name":"a","type":"http","kind":"k","config":{"url":"u","timeout":${'9'.repeat(400)}}}`))
  add('create: timeout 1e400', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u","timeout":1e400}}'))
  add('create: name 1e400', raw(integrations, '{"name":1e400,"type":"http","kind":"k","config":{"url":"u"}}'))
  add('create: name 1e400 and more mistakes', raw(integrations, '{"name":1e400,"kind":2,"config":{"timeout":"x"}}'))
  add('create: an undeclared 1e400', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u"},"more":1e400}'))
  add('create: timeout 2^70', raw(integrations, '{"name":"a","type":"http","kind":"k","config":{"url":"u","timeout":1180591620717411303424}}'))
  add('create: name is __proto__ and wrong', raw(integrations, '{"name":["__proto__"]}'))

  const text = JSON.stringify(good)
  const types = [['none', []], ['empty', [['Content-Type', '']]], ['charset', [['Content-Type', 'application/json; charset=utf-8']]],
    ['charset in quotes', [['Content-Type', 'application/json; charset="utf-8"']]], ['another charset', [['Content-Type', 'application/json; charset=iso-8859-1']]],
    ['upper case', [['Content-Type', 'APPLICATION/JSON']]], ['header in lower case', [['content-type', 'Application/Json;Charset=UTF-8']]],
    ['semicolon', [['Content-Type', 'application/json;']]], ['parameter without value', [['Content-Type', 'application/json; charset']]],
    ['parameter twice', [['Content-Type', 'application/json; charset=utf-8; charset=utf-8']]], ['odd parameter', [['Content-Type', 'application/json; =x']]],
    ['white space', [['Content-Type', 'application/json   ; charset=utf-8']]], ['white space inside', [['Content-Type', 'application /json']]],
    ['comma', [['Content-Type', 'application/json, text/plain']]], ['no subtype', [['Content-Type', 'application']]], ['bare json', [['Content-Type', 'json']]],
    ['empty subtype', [['Content-Type', 'application/']]],
    ['wildcard', [['Content-Type', '*/*']]], ['longer', [['Content-Type', 'application/jsonp']]], ['suffix', [['Content-Type', 'application/vnd.api+json']]],
    ['YAML', [['Content-Type', 'application/x-yaml']]], ['form', [['Content-Type', 'application/x-www-form-urlencoded']]],
    ['multipart', [['Content-Type', 'multipart/form-data; boundary=x']]], ['bytes', [['Content-Type', 'application/octet-stream']]],
    ['XML', [['Content-Type', 'text/xml']]], ['text', [['Content-Type', 'text/plain']]], ['text with charset', [['Content-Type', 'Text/Plain; charset=utf-8']]],
    ['HTML', [['Content-Type', 'text/html']]], ['several, JSON first', [['Content-Type', 'application/json'], ['Content-Type', 'text/plain']]],
    ['several, JSON last', [['Content-Type', 'text/plain'], ['Content-Type', 'application/json']]], ['several alike', [['Content-Type', 'application/json'], ['Content-Type', 'application/json']]]]
  for (const [what, headers] of types) {
    add(`content type: ${what}`, send('POST', integrations, headers, text))
    add(`content type: ${what}, empty body`, send('POST', integrations, headers, ''))
  }
  add('content type: none, no body', send('POST', integrations, []))
  add('content type: JSON, no body', send('POST', integrations, json))
  add('content type: text, no body', send('POST', integrations, [['Content-Type', 'text/plain']]))
  add('content type: YAML, bad params', send('POST', '/api/projects/x/integrations', [['Content-Type', 'application/x-yaml']], text))
  add('content type: text, bad params', send('POST', '/api/projects/x/integrations', [['Content-Type', 'text/plain']], text))
  add('malformed, bad params', send('POST', '/api/projects/x/integrations', json, '{'))

  for (const [method, path] of [['DELETE', one], ['PUT', `/api/projects/${project}/restore`], ['GET', one], ['GET', '/api/health']]) {
    const name = `${method} ${path.split('/').pop()}`
    add(`${name}: nothing`, send(method, path, []))
    add(`${name}: JSON, no body`, send(method, path, json))
    add(`${name}: JSON, empty body`, send(method, path, json, ''))
    add(`${name}: JSON, a body`, send(method, path, json, '{"a":1}'))
    add(`${name}: JSON, a malformed body`, send(method, path, json, '{"a"'))
    add(`${name}: JSON, prototype`, send(method, path, json, '{"__proto__":1}'))
    add(`${name}: JSON with charset, no body`, send(method, path, [['Content-Type', 'application/json; charset=utf-8']]))
    add(`${name}: no type, a body`, send(method, path, [], '{"a":1}'))
    add(`${name}: no type, empty body`, send(method, path, [], ''))
    add(`${name}: YAML, a body`, send(method, path, [['Content-Type', 'application/x-yaml']], 'a: 1'))
    add(`${name}: YAML, no body`, send(method, path, [['Content-Type', 'application/x-yaml']]))
    add(`${name}: text, a body`, send(method, path, [['Content-Type', 'text/plain']], 'a'))
    add(`${name}: invalid type`, send(method, path, [['Content-Type', 'nonsense']]))
  }
  for (const [what, path] of [['project', `/api/projects/${project}`], ['group', `/api/projects/${project}/groups/${integration}`]]) {
    for (const type of ['application/json', 'APPLICATION/JSON', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      add(`DELETE ${what}: ${type}, no body`, send('DELETE', path, [['Content-Type', type]]))
    }
  }
  for (const n of [100, 101, 500]) {
    add(`project id: ${n} characters`, send('GET', `/api/projects/${'a'.repeat(n)}`, []))
    add(`ids: second of ${n} characters`, send('DELETE', `${integrations}/${'b'.repeat(n)}`, []))
  }

  for (const [what, id] of [['word', 'abc'], ['short', project.slice(1)], ['long', project + '0'], ['upper case', project.toUpperCase()],
    ['no hyphens', project.replaceAll('-', '')], ['braces', `%7B${project}%7D`], ['urn', `urn:uuid:${project}`], ['number', '1'], ['white space', '%20'], ['nil', '00000000-0000-0000-0000-000000000000'],
    ['percent', '%25'], ['not hexadecimal', 'g' + project.slice(1)]]) {
    add(`project id: ${what}`, send('GET', `/api/projects/${id}`, []))
  }
  add('ids: both wrong', send('GET', '/api/projects/p/integrations/i', []))
  add('ids: second wrong', send('GET', `${integrations}/i`, []))
  add('ids: both wrong, delete', send('DELETE', '/api/projects/p/integrations/i', []))
  add('ids: wrong, and body wrong', send('PUT', '/api/projects/p/integrations/i', json, '{"name":1}'))
  add('ids: wrong, and body missing', send('PUT', '/api/projects/p/integrations/i', []))
  for (const [what, query] of [['good', 'page=2&perPage=50&search=a'], ['nothing', ''], ['page abc', 'page=abc'], ['page empty', 'page='], ['page 1.5', 'page=1.5'], ['page 1e1', 'page=1e1'],
    ['perPage abc', 'perPage=abc'], ['both', 'perPage=x&page=y'], ['search empty', 'search='], ['search number', 'search=12'], ['all TRUE', 'all=TRUE'], ['all yes', 'all=yes'], ['all empty', 'all='],
    ['deleted 1', 'deleted=1'], ['several', 'deleted=1&page=z&all=2'], ['undeclared', 'color=red'], ['page twice', 'page=1&page=2'], ['search twice', 'search=a&search=b'],
    ['page plus', 'page=%2B1'], ['page hexadecimal', 'page=0x10'], ['page with spaces', 'page=%201%20'], ['page Infinity', 'page=Infinity'], ['page NaN', 'page=NaN'],
    ['page underscore', 'page=1_000'], ['page inf', 'page=inf'], ['page 1e400', 'page=1e400'], ['page 0', 'page=0'], ['page negative', 'page=-1'], ['page true', 'page=true'], ['page null', 'page=null'], ['page brackets', 'page[]=1']]) {
    add(`projects: ${what}`, send('GET', `/api/projects${query && '?'}${query}`, []))
  }
  add('integrations: id and page', send('GET', '/api/projects/p/integrations?page=x', []))
  add('head: page abc', send('HEAD', '/api/projects?page=abc', []))

  add('project: good', post('/api/projects', { name: 'a', key: 'aa' }))
  add('project: without name', post('/api/projects', { key: 'aa' }))
  add('project: without key', post('/api/projects', { name: 'a' }))
  add('project: key breaks the pattern', post('/api/projects', { name: 'a', key: 'A' }))
  add('project: copyContentRef', post('/api/projects', { name: 'a', key: 'aa', copyContentRef: 'x', protected: 'no', version: 2 }))
  add('project: copyContentRef null', post('/api/projects', { name: 'a', key: 'aa', copyContentRef: null }))
  add('project: all wrong', post('/api/projects', { name: 1, key: 2, copyContentRef: 3, protected: 4, version: 5 }))
  add('project update: wrong', send('PUT', `/api/projects/${project}`, json, '{"protected":"x","name":null}'))
  add('integration update: nothing', send('PUT', one, json, '{}'))
  add('integration update: wrong', send('PUT', one, json, '{"config":{"url":1,"inputs":""},"group":[]}'))
  return found
}

function words () {
  const found = []
  const add = (name, request) => found.push({ name, request })
  const each = (path, table) => {
    for (const value of table) add(`${path} ${JSON.stringify(value)}`, post(path, value))
  }
  each('/numbers', [
    { integer: 7 }, { integer: 7.5 }, { integer: '7' }, { integer: true }, { integer: null }, { int32: 2147483647 }, { int32: 2147483648 }, { int32: 1.5 }, { int32: 30000000000.5 }, { int64: 1.5 }, { number: 'x' }, { number: 1e300 },
    { float: 'x' }, { float: 1e300 }, { double: [] }, { min: 0 }, { min: 1 }, { max: 11 }, { above: 0 }, { above: -1 }, { above: 0.5 }, { below: 1 }, { below: 2 }, { range: 1 }, { range: 5 }, { range: 'x' }, { fraction: 0.25 }, { fraction: 2 },
    { five: 7 }, { five: 10 }, { five: 7.5 }, { narrow: 30 }, { narrow: 9 }, { narrow: 21.5 }, { narrow: 'x' }, { orNull: null }, { orNull: 'x' }, { orNull: 0 }, { choice: 4 }, { choice: 2 }, { choice: '1' }, { choice: null },
    { huge: 1e22 }, { cents: 0.3 }, { cents: 0.25 }, { tiny: 0 }, { integer: 1.5, number: 'x', min: 0, max: 11, five: 1, choice: 9 }, { choice: 9, five: 1, max: 11, min: 0, number: 'x', integer: 1.5 }
  ])
  for (const n of ['7.0', '1e2', '-0', '9223372036854775807', '9223372036854775808', '1180591620717411303424', '1e400', '-1e400', '0.1e1', '12345678901234567890',
    '3.0000000000000001', '-7.00000000000000000001', '0.99999999999999999999', '1e-400', '4503599627370497.00001', '7.000000001']) {
    add(`/numbers integer ${n}`, raw('/numbers', `{"integer":${n}}`))
    add(`/numbers number ${n}`, raw('/numbers', `{"number":${n}}`))
  }
  each('/strings', [
    { text: 1 }, { text: null }, { text: 'x' }, { one: '' }, { two: 'a' }, { two: '😀' }, { two: '😀😀' }, { short: 'abcd' }, { short: '😀😀😀' }, { short: '😀😀😀😀' }, { fixed: 'a' }, { fixed: 'abc' }, { fixed: 2 }, { slug: 'A' }, { slug: '' }, { quoted: 'x' }, { quoted: '"' },
    { strict: 'abcdefg' }, { strict: 'abc' }, { strict: 1 }, { uuid: 'x' }, { uuid: 5 }, { date: '2026-02-30' }, { date: '2026-02-28' }, { date: '26-1-1' }, { time: '2026-01-01T00:00:00Z' }, { time: '2026-01-01' }, { time: '2026-01-01T00:00:00.123+02:00' }, { time: '2026-01-01 00:00:00Z' }, { time: '2026-01-01T25:00:00Z' },
    { email: 'a@b.co' }, { email: 'a' }, { email: 'A <a@b.co>' }, { email: 'a@localhost' }, { uri: 'https://a.b/c' }, { uri: 'x' }, { uri: '/x' }, { uri: 'a b' }, { secret: 'short' }, { secret: 1 }, { orNull: null }, { orNull: 1 }, { orNull: {} }, { color: 'blue' }, { color: 1 }, { color: null }, { color: 'red' },
    { choiceOrNull: null }, { choiceOrNull: 'c' }, { choiceOrNull: 1 }, { sized: 1 }, { sized: null }, { flag: 'true' }, { flag: 1 }, { flag: null }, { yes: false }, { yes: 'x' }, { uuid: 'x', one: '', text: 5, color: 'c', date: 'd' }
  ])
  each('/arrays', [
    { some: [] }, { some: 'x' }, { some: [1] }, { some: [null, 'a', 2, {}] }, { few: ['a', 'b', 'c'] }, { few: [1, 2, 3] }, { pair: [1] }, { pair: [1, 2, 3] }, { pair: ['a'] }, { pair: {} },
    { set: ['a', 'b', 'a'] }, { set: ['a', 'a', 'a'] }, { set: ['a', 'b', 'b', 'a'] }, { set: [1, 1] }, { numbers: [1, 2, 3, 1] }, { numbers: [3, 1, 3, 1] }, { objects: [{}, { a: 1 }, {}] }, { objects: [{ a: 1, b: [2] }, { b: [2], a: 1 }] }, { objects: [{}, {}, {}] },
    { anything: [1, '1', true, null] }, { anything: [null, 1, null] }, { anything: ['a', 1, 1, 'a'] }, { grid: [[1], [-1, 'x'], 'y', []] }, { grid: {} }, { people: [{}, { name: '' }, 5, { name: 'a', age: -1, address: {} }] },
    { people: [{ name: 'a', age: 1, address: { zip: 'x', more: 1, street: 2 } }] }, { orNull: null }, { orNull: {} }, { orNull: [1] }, { full: ['ab', 'ab', 'c'] }, { full: [1, 2] }
  ])
  add('/arrays numbers 1 and 1.0', raw('/arrays', '{"numbers":[1,1.0]}'))
  each('/objects', [
    { closed: {} }, { closed: { c: 1 } }, { closed: { a: 'x', c: 1, d: 2 } }, { closed: { b: 1, z: 2 } }, { closed: [] }, { map: { x: 'y' } }, { map: { b: 'y', a: 'z', 10: null, 9: 'q' } }, { map: { x: 1 } }, { mixed: { known: 1, other: 'abc', third: 5 } },
    { many: {} }, { many: { a: 1 } }, { few: { a: 1, b: 2 } }, { few: 1 }, { all: {} }, { all: { z: 1 } }, { all: { a: 1, b: 2, c: 3, d: 4 } }, { 'a/b': 1 }, { 'm~n': {} }, { 'm~n': { 'x/y': 'z' } }, { 'm~n': 1 }, { 'per%cent': 'x' }, { 'sp ace': 'x' }, { é: 'x' },
    { tree: {} }, { tree: { value: 1, children: [{}, { value: 'x', children: [{ value: 1, children: 5 }] }] } }, { free: 1 }, { free: { a: [] } }, { orNull: null }, { orNull: {} }, { orNull: 5 }, { person: { address: { more: 1 } } }, { person: { name: '', age: 1.5, address: 7 } }, { map: { 'a/b~c': 'x', '': 'y' } }, { defaulted: {} }, { stamped: { id: 1 } }, { stamped: { id: 'x' } }
  ])
  each('/unions', [
    { any: true }, { any: null }, { any: 1.5 }, { any: {} }, { any: 'x' }, { limits: 'b' }, { limits: 5 }, { limits: 'bbb' }, { limits: null }, { one: 1 }, { one: null }, { overlap: 3 }, { overlap: 7 }, { overlap: 2.5 }, { overlap: true }, { overlap: 7.5 },
    { shape: {} }, { shape: { kind: 'circle' } }, { shape: { kind: 'circle', radius: -1 } }, { shape: { kind: 'triangle' } }, { shape: { kind: 5 } }, { shape: { kind: null } }, { shape: { kind: 'square', side: 'x' } }, { shape: 5 }, { shape: { kind: 'square', side: 1 } },
    { plain: {} }, { plain: { kind: 'circle' } }, { plain: { kind: 'circle', radius: 1 } }, { plain: 'x' }, { plain: { kind: 'other', radius: -1, side: 'x' } }, { both: {} }, { both: { a: 1, b: 'x' } }, { both: 5 }, { both: { a: 'x', b: 1 } },
    { extended: {} }, { extended: { name: '', age: 'x', role: 'z' } }, { extended: { name: 'a', age: 1, role: 'x' } }, { extended: 5 }, { never: 'forbidden' }, { never: 'fine' }, { never: 5 }, { either: {} }, { either: { id: 'x', a: 1 } }, { either: { id: 1, b: 2 } }, { either: { a: 'x' } }, { either: 5 },
    { nested: 5 }, { nested: [1, 'x'] }, { nested: {} }, { nested: { x: ['y'] } }, { list: [{}, { kind: 'circle' }, { kind: 'x' }, 5] },
    { any: true, one: 1, shape: {}, both: {}, never: 'forbidden' }
  ])
  each('/patterns', [
    { ahead: 'x' }, { ahead: 'ax' }, { ahead: '' }, { behind: '12' }, { behind: 'a$12' }, { behind: '$' }, { named: 'a-a' }, { named: 'a-b' }, { named: 'a-' }, { counted: '24-01-02' }, { counted: '24-01/02' }, { counted: '24/01/02' },
    { space: 'a b' }, { space: 'a\u00a0b' }, { space: 'a\ufeffb' }, { space: 'a\u2028b' }, { space: 'a\u180eb' }, { space: 'ab' }, { words: 'é' }, { words: 'a_1' }, { any: '\n' }, { any: '\r' }, { any: '\u2028' }, { any: '\u0085' }, { any: '😀' }, { any: '' },
    { astral: '😀😀' }, { astral: '😀' }, { letters: 'éß中' }, { letters: 'a1' }, { number: '12.50' }, { number: '+.' }, { number: '' }, { number: '-0' }, { end: 'a\n' }, { end: 'a' }, { ahead: 'x', named: 'ab', any: '', end: 'b' }
  ])
  each('/variants', [
    { typed: 5 }, { typed: [] }, { typed: null }, { typed: {} }, { typed: { kind: 'circle', radius: 1 } }, { typed: { kind: 'circle' } }, { typed: { kind: 'oval' } }, { typed: { kind: 7 } }, { typed: 'x' },
    { counted: 5 }, { counted: { kind: 'oval', n: 1.5 } }, { counted: { n: 1.5 } }, { counted: { kind: 'whole', n: 1.5 } }, { counted: { kind: 'whole', n: 2 } }, { counted: { kind: null, n: 1.5 } },
    { lists: [1.5] }, { lists: [1, 'x'] }, { lists: [] }, { lists: 5 }, { lists: true }, { lists: {} }, { lists: [null] }, { typedAny: 5 }, { typedAny: [1.5] }, { typedAny: [1, true] }, { typedAny: [] }, { typedAny: {} },
    { deep: { in: 5 } }, { deep: { in: {} } }, { deep: { in: { kind: 'square', side: -1 } } }, { deep: [] }, { map: { a: 5, b: {} } }, { map: { a: { kind: 'circle', radius: 'x' }, 'b/c': null } }, { map: {} },
    { exclusive: {} }, { exclusive: { a: 1 } }, { exclusive: { a: 1, b: 2 } }, { exclusive: { a: 'x', b: 2 } }, { exclusive: 5 }, { typed: 5, lists: [1.5], deep: { in: null } }
  ])
  each('/list', [[], [0], ['x', 1, 0.5], {}, null, [1]])
  each('/word', ['a', 'ab', 5, null, {}])
  each('/maybe', [null, {}, { a: 1 }, 5])
  each('/any', [null, {}, 5, 'x', [1]])
  for (const path of ['/list', '/word', '/maybe', '/any']) {
    add(`${path} no body`, send('POST', path, []))
    add(`${path} text`, send('POST', path, [['Content-Type', 'text/plain']], 'ab'))
    add(`${path} short text`, send('POST', path, [['Content-Type', 'text/plain']], 'a'))
  }
  for (const query of ['', 'q=ab', 'q=a', 'q=', 'q=ab&page=0', 'q=ab&page=x&limit=y', 'limit=1.5&q=ab', 'limit=0&q=ab', 'limit=101&q=ab', 'flag=maybe&q=ab', 'flag=&q=ab', 'flag=true&q=ab', 'flag=1&q=ab', 'flag=TRUE&q=ab', 'flag=t&q=ab',
    'sort=size&q=ab', 'sort=&q=ab', 'ids=1&ids=2&q=ab', 'ids=1&q=ab', 'ids=x&q=ab', 'ids=1&ids=x&ids=1.5&q=ab', 'day=yesterday&q=ab', 'day=2026-01-01&q=ab', 'size=10&q=ab', 'size=15&q=ab', 'size=x&q=ab', 'size=1.5&q=ab',
    'limit=x&page=y&flag=z&sort=w', 'page=1e2&q=ab', 'page=.5&q=ab', 'limit=1e1&q=ab', 'limit=7.0&q=ab', 'limit=99999999999999999999&q=ab', 'limit=-0&q=ab', 'q=%F0%9F%98%80']) {
    add(`/things?${query}`, send('GET', `/things${query && '?'}${query}`, []))
  }
  const trace = ['X-Trace', project]
  const part = (id, number, query, headers, body) => send('PUT', `/things/${id}/parts/${number}${query}`, [...json, ...headers], body)
  add('part: good', part(project, 1, '?mode=fast', [trace], '{"name":"a"}'))
  add('part: no header', part(project, 1, '?mode=fast', [], '{"name":"a"}'))
  add('part: wrong headers', part(project, 1, '?mode=fast', [['X-Trace', 'x'], ['X-Count', '10']], '{"name":"a"}'))
  add('part: header not a number', part(project, 1, '?mode=fast', [trace, ['X-Count', 'many']], '{"name":"a"}'))
  add('part: empty header', part(project, 1, '?mode=fast', [['X-Trace', '']], '{"name":"a"}'))
  add('part: no query', part(project, 1, '', [trace], '{"name":"a"}'))
  add('part: wrong number', part(project, 0, '?mode=fast', [trace], '{"name":"a"}'))
  add('part: number is a word', part(project, 'one', '?mode=fast', [trace], '{"name":"a"}'))
  add('part: number is 1.5', part(project, '1.5', '?mode=fast', [trace], '{"name":"a"}'))
  add('part: number and id', part('x', 'y', '?mode=fast', [trace], '{"name":"a"}'))
  add('part: body', part(project, 1, '?mode=fast', [trace], '{"name":"","count":-1}'))
  add('part: body and query', part(project, 1, '?mode=slower&dry=x', [trace], '{"count":-1}'))
  add('part: query and header', part(project, 1, '?dry=x', [['X-Count', 'x']], '{"name":"a"}'))
  add('part: seven mistakes', part('x', 0, '?mode=none&dry=perhaps', [['X-Trace', 'x'], ['X-Count', '11']], '{"count":1.5}'))
  add('part: malformed and more', part('x', 0, '?mode=none', [], '{'))
  add('part: delete', send('DELETE', '/things/x/parts/0', []))
  add('part: touch with an empty JSON body', send('POST', `/things/${project}/parts/1`, json, ''))
  add('part: touch', send('POST', `/things/${project}/parts/1`, []))
  return found
}
