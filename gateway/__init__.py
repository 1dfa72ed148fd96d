"""The gateway: the way of a record, and the rooms around it. Read `exchange.py` first."""
