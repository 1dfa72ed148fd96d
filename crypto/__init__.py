"""Sealing, proving and opening: what the exchange's guarantees rest on, and nothing of agencies."""
