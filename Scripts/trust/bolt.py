# SPDX-License-Identifier: Apache-2.0
"""A small writer of bolt databases for the generator, and a small reader for the oracle; they share only the numbers of
the format. Both are written from docs/formats/bolt.md and check nothing more than they need."""
import struct

PAGE = 4096
MAGIC = 0xED0CDAED
BRANCH, LEAF, META, FREE = 1, 2, 4, 16


def fnv(data):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


# --- writing -----------------------------------------------------------------------------------------------------

class Writer:
    """Collects the pages of one database; page ids are handed out in order."""

    def __init__(self):
        self.pages = {}
        self.next = 3  # 0 and 1 are the meta pages, 2 is the list of free pages

    def leaf_bytes(self, items):
        """Elements, then keys and values in order, without the page's header. `items`: (flags, key, value)."""
        head, body = b"", b""
        for index, (flags, key, value) in enumerate(items):
            position = (len(items) - index) * 16 + len(body)
            head += struct.pack("<IIII", flags, position, len(key), len(value))
            body += key + value
        return head + body

    def add(self, kind, count, body):
        """A new page, continued into following ones if it is too long for one. Returns its id."""
        page, size = self.next, 16 + len(body)
        extra = (size - 1) // PAGE
        self.next += 1 + extra
        data = struct.pack("<QHHI", page, kind, count, extra) + body
        self.pages[page] = data.ljust((1 + extra) * PAGE, b"\0")
        return page

    def items(self, tree):
        """The entries of a bucket: plain values, and buckets with flag 1."""
        result = []
        for key in sorted(tree):
            value = tree[key]
            result.append((1, key, self.bucket(value)) if isinstance(value, dict) else (0, key, value))
        return result

    def bucket(self, tree):
        """The value that stands for a bucket: inline if it is small and has no buckets in it."""
        items = self.items(tree)
        body = self.leaf_bytes(items)
        if len(body) < PAGE // 4 - 16 and not any(flags for flags, _, _ in items):
            return struct.pack("<QQ", 0, 0) + struct.pack("<QHHI", 0, LEAF, len(items), 0) + body
        return struct.pack("<QQ", self.root(items), 0)

    def root(self, items):
        """Writes the items into as many leaf pages as they need; with more than one there is a branch above them."""
        groups, size = [[]], 16
        for item in items:
            need = 16 + len(item[1]) + len(item[2])
            if groups[-1] and size + need > PAGE:
                groups.append([])
                size = 16
            groups[-1].append(item)
            size += need
        leaves = [(group[0][1] if group else b"", self.add(LEAF, len(group), self.leaf_bytes(group))) for group in groups]
        if len(leaves) == 1:
            return leaves[0][1]
        head, body = b"", b""
        for index, (key, page) in enumerate(leaves):
            head += struct.pack("<IIQ", (len(leaves) - index) * 16 + len(body), len(key), page)
            body += key
        return self.add(BRANCH, len(leaves), head + body)


def write(tree):
    """The bytes of a database with these buckets (nested dictionaries) and values, all `bytes`."""
    writer = Writer()
    root = writer.root(writer.items(tree))
    writer.pages[2] = struct.pack("<QHHI", 2, FREE, 0, 0).ljust(PAGE, b"\0")
    for number, transaction in ((0, 2), (1, 3)):
        meta = struct.pack("<IIIIQQQQQ", MAGIC, 2, PAGE, 0, root, 0, 2, writer.next, transaction)
        page = struct.pack("<QHHI", number, META, 0, 0) + meta + struct.pack("<Q", fnv(meta))
        writer.pages[number] = page.ljust(PAGE, b"\0")
    return b"".join(writer.pages[number] for number in sorted(writer.pages))


# --- reading -----------------------------------------------------------------------------------------------------

def read(data):
    """The buckets and values of a database as nested dictionaries. Raises ValueError on anything odd."""
    newest = None
    for number in (0, 1):
        try:
            magic, version, size, _, root, _, _, _, transaction, check = struct.unpack_from("<IIIIQQQQQQ", data, number * PAGE + 16)
        except struct.error:
            continue
        if magic == MAGIC and version == 2 and size == PAGE and check == fnv(data[number * PAGE + 16:number * PAGE + 72]):
            if newest is None or transaction > newest[0]:
                newest = (transaction, root)
    if newest is None:
        raise ValueError("no meta page")
    try:
        return _read_page(data, newest[1] * PAGE, 0)
    except struct.error as error:
        raise ValueError(str(error)) from error


def _read_page(data, start, depth):
    if depth > 20:
        raise ValueError("too deep")
    _, kind, count, _ = struct.unpack_from("<QHHI", data, start)
    result = {}
    for index in range(count):
        element = start + 16 + 16 * index
        if kind & BRANCH:
            _, _, child = struct.unpack_from("<IIQ", data, element)
            result.update(_read_page(data, child * PAGE, depth + 1))
        elif kind & LEAF:
            flags, position, key_size, value_size = struct.unpack_from("<IIII", data, element)
            key = data[element + position:element + position + key_size]
            value = data[element + position + key_size:element + position + key_size + value_size]
            result[bytes(key)] = _read_bucket(data, value, depth) if flags & 1 else bytes(value)
        else:
            raise ValueError("page kind")
    return result


def _read_bucket(data, value, depth):
    page, _ = struct.unpack_from("<QQ", value, 0)
    return _read_page(data, page * PAGE, depth + 1) if page else _read_page(value, 16, depth + 1)
