# SPDX-License-Identifier: Apache-2.0
"""A directory tree in memory, which the generator fills, the damage changes, and the oracle reads.

A tree maps paths ("containers/<id>/config.v2.json", bytes as latin-1 text, no leading slash) to what lies there:
`bytes` is a file, `DIR` a directory, `Link` a symbolic link, `PIPE` a FIFO, `Closed` a file nobody may read.
"""
import os

DIR = "directory"
PIPE = "pipe"


class Link(str):
    """A symbolic link; the text is where it leads."""


class Closed(bytes):
    """A file with these contents and mode 000."""


class Tree:
    """Paths and what lies there. Parents are made by themselves."""

    def __init__(self):
        self.entries = {}
        self._children = None

    def put(self, path, what):
        """Lays `what` (text is taken as the contents of a file) at `path`, and directories above it."""
        if isinstance(what, str) and not isinstance(what, Link) and what not in (DIR, PIPE):
            what = what.encode()
        self._children = None
        parent = os.path.dirname(path)
        if parent and self.entries.get(parent) != DIR:
            self.put(parent, DIR)
        self.entries[path] = what

    def remove(self, path):
        """Takes away `path` and all below it."""
        self._children = None
        for name in [p for p in self.entries if p == path or p.startswith(path + "/")]:
            del self.entries[name]

    def copy(self):
        other = Tree()
        other.entries = dict(self.entries)
        return other

    def names(self, path):
        """The names in the directory `path` ("" is the root), sorted; none if it is no directory."""
        if self._children is None:
            self._children = {}
            for name in self.entries:
                parent, _, last = name.rpartition("/")
                self._children.setdefault(parent, []).append(last)
        return sorted(self._children.get(path, []))

    def at(self, path):
        """What lies at `path`, or None."""
        return self.entries.get(path)

    def file(self, path):
        """The contents of the file at `path`; None if there is no file."""
        what = self.entries.get(path)
        return what if isinstance(what, bytes) else None

    def text(self, path):
        """The contents as text; "" if there is no file."""
        return (self.file(path) or b"").decode("utf-8", "replace")

    def is_dir(self, path):
        return self.entries.get(path) is DIR or self.entries.get(path) == DIR

    def write_to(self, root):
        """Makes the tree on the disk, in the new directory `root`."""
        os.mkdir(root, 0o711)
        for path in sorted(self.entries):
            make(f"{root}/{path}", self.entries[path])

    @staticmethod
    def read_from(root):
        """The tree that lies on the disk, without what is in layers and volumes (the oracle never looks there)."""
        tree = Tree()
        pending = [""]
        while pending:
            folder = pending.pop()
            for entry in os.scandir(os.path.join(root, folder)):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    tree.entries[path] = Link(os.readlink(entry.path))
                elif entry.is_dir():
                    tree.entries[path] = DIR
                    if entry.name not in ("diff", "_data", "rootfs", "fs", "merged", "work"):
                        pending.append(path)
                    elif folder == "aufs":
                        pending.append(path)
                elif entry.is_file():
                    tree.entries[path] = open(entry.path, "rb").read() if entry.stat().st_size < 1 << 24 else b""
        return tree


def make(path, what):
    """Makes one entry on the disk. `path` must be free and its parent there."""
    if what == "closed directory":
        os.mkdir(path, 0o000)
    elif what == DIR:
        os.mkdir(path)
    elif what == PIPE:
        os.mkfifo(path)
    elif isinstance(what, Link):
        os.symlink(str(what), path)
    else:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o000 if isinstance(what, Closed) else 0o600)
        if what:
            os.write(file, what)
        os.close(file)
