"""The runner of the benchmarks: see ../README.md."""
