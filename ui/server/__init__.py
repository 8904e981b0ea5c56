"""The server: HTTP routes, uploads, security, pictures, and what it has open."""
