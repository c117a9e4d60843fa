// Package fastify says why a request is refused in the words of Fastify 5 with Ajv 8,
// and converts values as they do.
package fastify
