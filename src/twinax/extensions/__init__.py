"""Extensions of the WebSocket protocol (RFC 6455 9): those that come with twinax, and the interface to write others.

```python
from twinax.extensions import PerMessageDeflate

server = await serve(handler, "", 8080, extensions=[PerMessageDeflate(level=9)])
```
"""

from ..errors import ExtensionError, NegotiationError
from ..extension import RSV1, RSV2, RSV3, Codec, Extension, FrameCodec, MessageCodec, Parameters
from .deflate import PerMessageDeflate, default_extensions
from .figures import ExtensionFigures
from .memory import MEMORY_BUDGET, MemoryBudget
from .parameters import check_flag, check_known, read_number
from .zstd import PerMessageZstd

__all__ = [
    "MEMORY_BUDGET",
    "RSV1",
    "RSV2",
    "RSV3",
    "Codec",
    "Extension",
    "ExtensionError",
    "ExtensionFigures",
    "FrameCodec",
    "MemoryBudget",
    "MessageCodec",
    "NegotiationError",
    "Parameters",
    "PerMessageDeflate",
    "PerMessageZstd",
    "check_flag",
    "check_known",
    "default_extensions",
    "read_number",
]
