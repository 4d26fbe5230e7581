"""The runtime: who runs the handlers. asyncio only; no HTTP and no OpenAPI here."""
