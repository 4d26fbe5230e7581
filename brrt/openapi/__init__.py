"""The contract: what the document says. Pure code; no asyncio and no ASGI here."""
