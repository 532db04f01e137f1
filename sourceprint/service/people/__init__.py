"""People of organisations: roles, passkeys, one-time links, sign-ins."""
