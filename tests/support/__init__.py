"""What the tests stand on: event loops, the runner of coroutine tests, and hand-written peers."""
