"""Ways in and out: a folder is an adapter, found by its entry point."""
