# The mistake: the context is JSON within JSON, which no service takes. The fallback hides
# that from every test of the client's own.
evaluation() { printf '{"context":"{\\"total\\":%s}"}' "$1"; }
