// Package fastapi says why a request is refused in the words of FastAPI with pydantic
// 2, and converts values as they do.
package fastapi
