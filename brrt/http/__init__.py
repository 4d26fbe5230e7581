"""The edge: bytes in, bytes out. Nothing here knows the inside of a handler."""
