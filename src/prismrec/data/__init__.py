"""From an event log to histories, splits and batches. Nothing here imports torch."""
