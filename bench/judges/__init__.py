"""Networks that others trained, as judges of a decoded picture: never a loss, never a choice of checkpoint."""
