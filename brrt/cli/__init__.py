"""The command line: `brrt run`, `brrt check`, `brrt routes`."""
