"""The kit with which an agency's own people write, check and try a binding: no gateway, no network, no keys."""
