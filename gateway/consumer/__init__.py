"""Receiving: open and verify what comes from the queue, hand it over once, and answer for it. Start with `core`."""
