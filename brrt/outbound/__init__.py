"""What the app sends of its own accord: callbacks and webhooks, to urls that others have given."""
