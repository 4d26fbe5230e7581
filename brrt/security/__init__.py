"""Who may call: credentials, the providers that judge them, and what strangers are told."""
