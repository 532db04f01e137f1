"""The HTTP API: routes that parse a request, call one function, and answer; described by OpenAPI 3.1."""
