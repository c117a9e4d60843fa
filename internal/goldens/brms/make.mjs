// Asks a real Fastify what it answers to bad requests and writes the answers to
// server/brms/testdata/goldens.json, where the tests of server/brms replay them.
//
//   npm install --no-package-lock && npm run make
//
// Two servers are asked (fastify.mjs): "first" stops at the first part that is
// wrong, as Fastify does; "whole" goes on. Where the two differ, a golden has both
// ("answer" and "whole").
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import Fastify from 'fastify'
import AjvModule from 'ajv'
import addFormats from 'ajv-formats'
import { cases } from './cases.mjs'
import { oracle } from './fastify.mjs'

const Ajv = AjvModule.default ?? AjvModule
const here = new URL('.', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, here), 'utf8'))
const documents = {
  brms: read('../../../gen/brms/document.json'),
  words: read('../../../server/brms/testdata/words.json')
}

const serve = oracle(Fastify, Ajv, addFormats)

function ask (port, request) {
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
