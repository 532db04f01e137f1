"""The routes of the API, a module for each kind of object: parse a request, call one function, answer."""
