"""A JPEG without most of its pixels' data, which shows as well as the whole file whether it can be decoded, and sooner.

libjpeg refuses a file for what stands in its segments (tables, sizes, the order of scans) and for a missing end. Of the
data between them, by far the most of a file, it refuses nothing: where that is wrong, pixels are wrong. So what is left
here has all segments as they are, and of each scan the beginning alone.
"""

from __future__ import annotations

import re

KEPT = 64
"""Bytes of a scan's data."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive, with Huffman tables."""
_OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset([0x00, 0x01, *range(0xD0, 0xD9), 0xFF])
# In a scan's data 0xFF is followed by 0, by a restart marker or by itself; anything else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def jpeg_outline(data: bytes) -> bytes | None:
    """The same image with gray in place of most pixels; None of what is not a whole JPEG of a usual kind."""
    if data[:2] != bytes([0xFF, _SOI]):
        return None
    pieces, place, has_frame, has_scan = [data[:2]], 2, False, False
    while True:
        marker = data[place + 1] if data[place : place + 1] == b"\xff" and place + 1 < len(data) else 0
        if marker == _EOI:
            pieces.append(data[place : place + 2])
            return b"".join(pieces) if has_frame and has_scan else None
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _WITHOUT_LENGTH or marker in _OTHER_FRAMES or end < place + 4 or end > len(data):
            return None
        pieces.append(data[place:end])
        has_frame = has_frame or marker in _FRAMES
        if marker == _SOS:
            has_scan = True
            pieces.append(data[end : end + KEPT].split(b"\xff")[0])
            found = _AFTER_SCAN.search(data, end)
            if found is None:
                return None
            end = found.start()
        place = end
