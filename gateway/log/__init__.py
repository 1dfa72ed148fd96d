"""The exchange log: lanes, promises and the outbox, in one store. Start with `committer` and `round`."""
