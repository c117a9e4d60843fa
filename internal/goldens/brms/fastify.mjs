// A real Fastify over an OpenAPI document, for make.mjs and oracle.mjs.
//
// serve(document, mode) knows three modes. "stock" is Fastify as it comes: bodies
// are converted (coerceTypes "array"), the first mistake of the first wrong part is
// told. "first" tells every mistake of the first wrong part and converts no bodies.
// "whole" goes on through all parts: its text is what Fastify would say if it did
// not stop. What is set differently from Fastify's defaults in the last two:
//   allErrors         true: every mistake of a part, not only the first
//   coerceTypes       false for bodies: "12" is not a number; parameters are text
//                     and are coerced as always
//   removeAdditional  false: an undeclared member is a mistake, not removed
// and in all three
//   discriminator     true: the keyword is OpenAPI's own

// OpenAPI 3.0 -> the JSON Schema that Ajv takes. Ajv knows "nullable" itself.
const lists = new Set(['anyOf', 'oneOf', 'allOf'])
const dropped = new Set(['example', 'xml', 'externalDocs', 'deprecated', 'readOnly', 'writeOnly', 'description'])
const harmless = new Set(['nullable', 'default', 'properties', 'items', '$ref', 'required'])
const parts = ['params', 'body', 'querystring', 'headers']

// convert drops what a rule forbids if it is not refused for it: what we only guess
// (x-understudy-basis), when refusing is set; when it is 'unreadable', types and formats
// stay, for what no type can hold is refused even so. An enum that is itself marked as a
// guess is none: it lists what is known.
function convert (s, refusing, basis = 'published') {
  basis = s['x-understudy-basis'] ?? basis
  const rules = s['x-understudy-basis-rules'] ?? {}
  const warns = (rule) => refusing && !(refusing === 'unreadable' && ['type', 'format'].includes(rule)) && ['inferred', 'client'].includes(rules[rule] ?? basis)
  const next = (v) => convert(v, refusing, basis)
  if (s.nullable && !s.type) { // Ajv wants a type beside it, and a serialiser takes a union
    const { nullable, ...rest } = s
    return refusing ? next(rest) : { anyOf: [next(rest), { type: 'null' }] }
  }
  const out = {}
  for (const [k, v] of Object.entries(s)) {
    if (k.startsWith('x-') || dropped.has(k) || (k === 'enum' && rules.enum === 'inferred') || (!harmless.has(k) && warns(k))) continue
    if (k === '$ref') out.$ref = v.replace('#/components/schemas/', '#/definitions/')
    else if (k === 'required') out.required = v.filter((name) => !warns(`required/${name}`) && !warns('required'))
    else if (k === 'properties') out[k] = Object.fromEntries(Object.entries(v).map(([n, p]) => [n, next(p)]))
    else if (lists.has(k)) out[k] = v.map(next)
    else if (k === 'items' || k === 'not') out[k] = next(v)
    else if (k === 'additionalProperties' && typeof v === 'object') out[k] = next(v)
    else if (k === 'discriminator') out[k] = { propertyName: v.propertyName }
    else out[k] = v
  }
  if (out.nullable && !out.type) delete out.nullable
  if (out.required?.length === 0) delete out.required
  if (out.exclusiveMinimum === true) { out.exclusiveMinimum = out.minimum; delete out.minimum }
  if (out.exclusiveMaximum === true) { out.exclusiveMaximum = out.maximum; delete out.maximum }
  return out
}

// Fastify lower-cases the names of header schemas, unless it is given a compiler
// of its own, as here.
const nameOf = (p) => p.in === 'header' ? p.name.toLowerCase() : p['x-understudy-multi-segment'] ? '*' : p.name

// definitionsOf are the components that a schema refers to, near or far: to compile
// those that it does not takes longer than all requests.
const definitionsOf = (document, schema, refusing, found = {}) => {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/(?:components\/schemas|definitions)\/([^"]+)"/g)) {
    if (name in found) continue
    found[name] = convert(document.components.schemas[name], refusing)
    definitionsOf(document, found[name], refusing, found)
  }
  return found
}

function partSchema (document, parameters, where, refusing) {
  const chosen = parameters.filter((p) => p.in === where)
  if (chosen.length === 0) return undefined
  return {
    type: 'object',
    required: chosen.filter((p) => p.required).map(nameOf),
    properties: Object.fromEntries(chosen.map((p) => [nameOf(p), convert(p.schema, refusing, p['x-understudy-basis'])])),
    definitions: definitionsOf(document, chosen, refusing)
  }
}

export function oracle (Fastify, Ajv, addFormats) {
  const ajv = (options) => addFormats(new Ajv({
    useDefaults: true, discriminator: true, strictTypes: false, strictRequired: false, addUsedSchema: false, ...options
  }))
  const all = (coerceTypes) => ajv({ allErrors: true, coerceTypes, removeAdditional: false })
  const stock = () => ajv({ allErrors: false, coerceTypes: 'array', removeAdditional: true })
  const validators = {
    strict: Object.fromEntries(parts.map((part) => [part, all(part === 'body' ? false : 'array')])),
    stock: Object.fromEntries(parts.map((part) => [part, stock()]))
  }

  // options.refusing leaves out the rules that only warn; options.handler answers
  // what was accepted; options.secured refuses requests without a bearer token.
  return function serve (document, mode, options = {}) {
    const collected = new WeakMap()
    let current // the request being judged: validators are synchronous
    const compilers = {
      first: ({ schema, httpPart }) => validators.strict[httpPart].compile(schema),
      stock: ({ schema, httpPart }) => validators.stock[httpPart].compile(schema),
      whole: ({ schema, httpPart }) => {
        const validate = validators.strict[httpPart].compile(schema)
        return (data) => {
          if (!validate(data)) collected.get(current).push({ part: httpPart, errors: validate.errors })
          return true
        }
      }
    }
    const app = Fastify({ bodyLimit: 1 << 20, exposeHeadRoutes: true, ...options.fastify })
    app.setValidatorCompiler(compilers[mode])
    app.addHook('preValidation', (request, reply, done) => { current = request; collected.set(request, []); done() })
    const find = (node) => node.$ref ? node.$ref.slice(2).split('/').reduce((n, k) => n[k], document) : node
    const whole = (schema, refusing) => {
      const definitions = definitionsOf(document, schema, refusing)
      const name = schema.$ref?.split('/').pop()
      return name ? { ...definitions[name], definitions } : { ...convert(schema, refusing), definitions }
    }
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of ['get', 'put', 'post', 'delete', 'patch']) {
        const operation = item[method]
        if (!operation) continue
        const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(find)
        const schema = {}
        for (const [key, where] of [['params', 'path'], ['querystring', 'query'], ['headers', 'header']]) {
          const s = partSchema(document, parameters, where, options.refusing)
          if (s) schema[key] = s
        }
        const body = operation.requestBody && find(operation.requestBody).content['application/json']?.schema
        if (body) schema.body = whole(body, options.refusing)
        const answer = options.handler && find(operation.responses['200'] ?? {}).content?.['application/json']?.schema
        if (answer) schema.response = { 200: whole(answer, false) }
        const secured = (operation.security ?? document.security ?? []).length > 0
        app.route({
          method: method.toUpperCase(),
          url: path.replace(/\{([^}]+)\}/g, (_, name) => {
            const own = nameOf(parameters.find((p) => p.name === name))
            return own === '*' ? own : ':' + own
          }),
          schema,
          onRequest: async (request) => {
            if (options.secured && secured && !/^bearer +[!#-+\--~]+$/i.test(request.headers.authorization ?? '')) {
              throw Object.assign(new Error('Unauthorized'), { statusCode: 401, code: 'unauthorized' })
            }
          },
          handler: async (request, reply) => {
            const mistakes = collected.get(request)
            if (mistakes.length > 0) {
              const text = mistakes.map(({ part, errors }) =>
                errors.map((e) => part + (e.instancePath || '') + ' ' + e.message).join(', ')).join(', ')
              throw Object.assign(new Error(text), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
            }
            return options.handler ? options.handler(request, reply) : { ok: true }
          }
        })
      }
    }
    return app
  }
}
