"""Clients and servers on asyncio."""
