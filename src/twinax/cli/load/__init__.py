"""The load behind `twinax bench`: what worker processes do, and how it is shown."""
