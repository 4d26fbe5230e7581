"""How often one client may ask: limits, who counts as one client, and what has been counted."""
