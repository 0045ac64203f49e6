"""The fixture `browser`, for every test that wants a real one."""

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

import pytest
from webdriver import Browser, started_browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def browser(absent: Callable[[str], NoReturn]) -> Callable[[], AbstractAsyncContextManager[Browser]]:
    """Starts a browser: ``async with browser() as window: await window.open(url)``."""
    chromedriver = shutil.which("chromedriver")
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromedriver is None or chromium is None:
        absent("no Chromium with chromedriver on PATH: nothing is tested in a real browser")
    return lambda: started_browser(chromedriver, chromium)
