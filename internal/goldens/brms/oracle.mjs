// A real Fastify to be asked at random (make oracle). It serves the document named
// on the command line on two ports, "strict" and "stock" (fastify.mjs: whole and
// stock), and writes them to stdout. Before each request the asker says on stdin, as
// a line of JSON, what the handler is to answer: {"status", "body"} of a success, or
// {"error": {"statusCode", "code", "message"}} of what only state can tell. Rules
// that we only guess are left out: they do not refuse.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { oracle } from './fastify.mjs'

const require = createRequire(process.env.ORACLE_MODULES + '/')
const plain = (m) => m.default ?? m
const serve = oracle(require('fastify'), plain(require('ajv')), plain(require('ajv-formats')))
const document = JSON.parse(readFileSync(process.argv[2], 'utf8'))
let answer = {}

// Members without declared members of their own: they keep the order that they have.
const free = new Set()
const collect = (node) => {
  if (node === null || typeof node !== 'object') return
  for (const [name, s] of Object.entries(node.properties ?? {})) {
    if (!s.$ref && !s.properties && !s.items && !s.allOf && !s.anyOf && !s.oneOf) free.add(name)
  }
  Object.values(node).forEach(collect)
}
collect(document)

// What Fastify serialises is in no order of its own.
const shuffled = (v, name) => {
  if (Array.isArray(v)) return v.map((x) => shuffled(x))
  if (v === null || typeof v !== 'object' || free.has(name)) return v
  return Object.fromEntries(Object.entries(v).reverse().map(([k, x]) => [k, shuffled(x, k)]))
}
const handler = async (request, reply) => {
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error)
  reply.header('x-converted', Buffer.from(JSON.stringify(request.body ?? null)).toString('base64'))
  reply.code(answer.status ?? 200)
  if (answer.text === '') return reply.send()
  if (answer.text !== undefined) return reply.type(answer.type).send(answer.text)
  return reply.send(answer.raw ? answer.body : shuffled(answer.body ?? {}))
}

const ports = {}
for (const [name, mode, refusing] of [['strict', 'whole', 'unreadable'], ['stock', 'stock', 'unreadable'], ['warned', 'whole', true], ['stockWarned', 'stock', true]]) {
  const app = serve(document, mode, { refusing, secured: true, handler })
  await app.listen({ port: 0, host: '127.0.0.1' })
  ports[name] = app.server.address().port
}
console.log(JSON.stringify(ports))
for await (const line of createInterface({ input: process.stdin })) {
  answer = JSON.parse(line)
  console.log('{}')
}
process.exit(0)
