"""The composition root: the only place that knows implementations. One module for each process."""
