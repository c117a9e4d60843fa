// Asks a real Fastify what it answers to bad requests and writes the answers to
// server/brms/testdata/goldens.json, where the tests of server/brms replay them.
//
//   npm install --no-package-lock && npm run make
//
// Two servers are asked. The first is Fastify as it stands: it validates params,
// body, querystring and headers in this order and stops at the first part that is
// wrong. The second runs the same validators in the same order but goes on: its
// text is what Fastify would say if it did not stop. Where the two differ, a
// golden has both ("answer" and "whole").
//
// What is set differently from Fastify's defaults, and why:
//   allErrors         true: every mistake of a part, not only the first
//   coerceTypes       false for bodies: "12" is not a number; parameters are text
//                     and are coerced as always
//   removeAdditional  false: an undeclared member is a mistake, not removed
//   discriminator     true: the keyword is OpenAPI's own
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import Fastify from 'fastify'
import AjvModule from 'ajv'
import addFormats from 'ajv-formats'
import { cases } from './cases.mjs'

const Ajv = AjvModule.default ?? AjvModule
const here = new URL('.', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, here), 'utf8'))
const documents = {
  brms: read('../../../gen/brms/document.json'),
  words: read('../../../server/brms/testdata/words.json')
}

// OpenAPI 3.0 -> the JSON Schema that Ajv takes. Ajv knows "nullable" itself.
const schemaMaps = new Set(['properties'])
const lists = new Set(['anyOf', 'oneOf', 'allOf'])
const dropped = new Set(['example', 'xml', 'externalDocs', 'deprecated', 'readOnly', 'writeOnly', 'description'])
function convert (s) {
  const out = {}
  for (const [k, v] of Object.entries(s)) {
    if (k.startsWith('x-') || dropped.has(k)) continue
    if (k === '$ref') out.$ref = v.replace('#/components/schemas/', '#/definitions/')
    else if (schemaMaps.has(k)) out[k] = Object.fromEntries(Object.entries(v).map(([n, p]) => [n, convert(p)]))
    else if (lists.has(k)) out[k] = v.map(convert)
    else if (k === 'items' || k === 'not') out[k] = convert(v)
    else if (k === 'additionalProperties' && typeof v === 'object') out[k] = convert(v)
    else if (k === 'discriminator') out[k] = { propertyName: v.propertyName }
    else out[k] = v
  }
  if (out.exclusiveMinimum === true) { out.exclusiveMinimum = out.minimum; delete out.minimum }
  if (out.exclusiveMaximum === true) { out.exclusiveMaximum = out.maximum; delete out.maximum }
  return out
}

const ajvs = {}
for (const part of ['params', 'body', 'querystring', 'headers']) {
  ajvs[part] = new Ajv({
    allErrors: true,
    coerceTypes: part === 'body' ? false : 'array',
    useDefaults: true,
    removeAdditional: false,
    discriminator: true,
    strictTypes: false,
    strictRequired: false,
    addUsedSchema: false
  })
  addFormats(ajvs[part])
}

// The parts of the request being judged by the server that goes on.
let collected = []
const compilers = {
  first: ({ schema, httpPart }) => ajvs[httpPart].compile(schema),
  whole: ({ schema, httpPart }) => {
    const validate = ajvs[httpPart].compile(schema)
    return (data) => {
      if (!validate(data)) collected.push({ part: httpPart, errors: validate.errors })
      return true
    }
  }
}

// Fastify lower-cases the names of header schemas, unless it is given a compiler
// of its own, as here.
const nameOf = (p) => p.in === 'header' ? p.name.toLowerCase() : p.name

function partSchema (document, parameters, where) {
  const chosen = parameters.filter((p) => p.in === where)
  if (chosen.length === 0) return undefined
  return {
    type: 'object',
    required: chosen.filter((p) => p.required).map(nameOf),
    properties: Object.fromEntries(chosen.map((p) => [nameOf(p), convert(p.schema)])),
    definitions: definitionsOf(document)
  }
}

function definitionsOf (document) {
  return Object.fromEntries(Object.entries(document.components?.schemas ?? {}).map(([n, s]) => [n, convert(s)]))
}

function serve (document, mode) {
  const app = Fastify({ bodyLimit: 1 << 20, exposeHeadRoutes: true })
  app.setValidatorCompiler(compilers[mode])
  const find = (node) => node.$ref ? node.$ref.slice(2).split('/').reduce((n, k) => n[k], document) : node
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of ['get', 'put', 'post', 'delete', 'patch']) {
      const operation = item[method]
      if (!operation) continue
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(find)
      const schema = {}
      for (const [key, where] of [['params', 'path'], ['querystring', 'query'], ['headers', 'header']]) {
        const s = partSchema(document, parameters, where)
        if (s) schema[key] = s
      }
      const body = operation.requestBody && find(operation.requestBody).content['application/json'].schema
      if (body) {
        const name = body.$ref?.split('/').pop()
        const definitions = definitionsOf(document)
        schema.body = name ? { ...definitions[name], definitions } : { ...convert(body), definitions }
      }
      app.route({
        method: method.toUpperCase(),
        url: path.replace(/\{([^}]+)\}/g, ':$1'),
        schema,
        handler: async () => {
          if (mode === 'whole' && collected.length > 0) {
            const text = collected.map(({ part, errors }) =>
              errors.map((e) => part + (e.instancePath || '') + ' ' + e.message).join(', ')).join(', ')
            throw Object.assign(new Error(text), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
          }
          return { ok: true }
        }
      })
    }
  }
  return app
}

function ask (port, request) {
  collected = []
  const body = Buffer.from(request.body ?? '', request.base64 ? 'base64' : 'utf8')
  const headers = request.headers ?? []
  const head = [`${request.method} ${request.path} HTTP/1.1`, 'Host: localhost', 'Connection: close',
    ...headers.map(([k, v]) => `${k}: ${v}`)]
  if (request.body !== undefined) head.push(`Content-Length: ${body.length}`)
  return new Promise((resolve, reject) => {
    const chunks = []
    const socket = connect(port, '127.0.0.1')
    socket.on('data', (c) => chunks.push(c))
    socket.on('error', reject)
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const end = text.indexOf('\r\n\r\n')
      const status = Number(text.split(' ')[1])
      resolve({ status, body: text.slice(end + 4) })
    })
    socket.write(Buffer.concat([Buffer.from(head.join('\r\n') + '\r\n\r\n', 'utf8'), body]))
  })
}

const goldens = []
for (const [name, document] of Object.entries(documents)) {
  const apps = {}
  const ports = {}
  for (const mode of ['first', 'whole']) {
    apps[mode] = serve(document, mode)
    await apps[mode].listen({ port: 0, host: '127.0.0.1' })
    ports[mode] = apps[mode].server.address().port
  }
  for (const c of cases(name, document)) {
    const answer = await ask(ports.first, c.request)
    const whole = await ask(ports.whole, c.request)
    const golden = { name: c.name, document: name, request: c.request, answer }
    if (whole.status !== answer.status || whole.body !== answer.body) golden.whole = whole
    goldens.push(golden)
  }
  for (const mode of ['first', 'whole']) await apps[mode].close()
}
const names = new Set()
for (const g of goldens) {
  if (names.has(g.document + ' ' + g.name)) throw new Error('two goldens are called ' + g.name)
  names.add(g.document + ' ' + g.name)
}
const out = new URL('../../../server/brms/testdata/goldens.json', here)
writeFileSync(out, '[\n' + goldens.map((g) => JSON.stringify(g)).join(',\n') + '\n]\n')
console.log(`${goldens.length} goldens, ${goldens.filter((g) => g.answer.status !== 200).length} of them refusals`)
