# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power cut: a traced run is replayed on a file system in memory, and then not all of it.

An operation changes entries of directories (make, move, remove) or the data of a file. What `fsync` of a directory or
file guarantees is there; anything later may be there or not, under two models:

* *ordered*: a journal; operations on entries survive as a prefix of what was done, and the data of a file that was not
  synced may be missing, in part or as zeros although its entry is there (ext4 `data=ordered` and `data=writeback`, xfs);
* *reordered*: each operation on entries survives or not by itself, whatever was done before or after in other
  directories, unless both directories it changes were synced since; data as above (stricter than any file system).

In both a rename is atomic. An operation needs what it works on: the one before on the same entry.
"""
import re

QUOTED = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FD = re.compile(r"(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
CALLS = "write,pwrite64,writev,fallocate,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat," \
        "symlink,symlinkat,fsync,fdatasync,syncfs,open,openat,creat"


def unhex(text):
    return bytes.fromhex(text.replace("\\x", "")).decode("latin-1")


def calls(trace):
    """(name, arguments as printed) of the calls of an strace file that succeeded, in the order of their ends."""
    begun = {}
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest[:-len("<unfinished ...>")]
            continue
        if rest.startswith("<..."):
            rest = begun.pop(pid, "") + rest.partition("resumed>")[2]
        match = CALL.match(rest)
        if match and int(match[3]) >= 0:
            yield match[1], match[2]


class Op:
    """One operation. `touches`: the entries (directory, name) that it changes."""

    def __init__(self, kind, node, sources=(), targets=(), data=b""):
        self.kind, self.node, self.data = kind, node, data
        self.sources, self.targets = tuple(sources), tuple(targets)
        self.touches = self.sources + self.targets


class Node:
    """An inode. `data` is what it held at the beginning; of a link where it leads; None of a directory."""

    def __init__(self, number, kind, data=None):
        self.number, self.kind, self.data = number, kind, data


class History:
    """The inodes at the beginning and everything that was done, from a tree and traces of commands on it."""

    def __init__(self, tree, root):
        self.root, self.nodes, self.ops = root, [Node(0, "directory")], []
        self.entries = {}    # (directory, name) -> inode, now
        self.synced = []     # (after how many operations, inode)
        self.commands = []   # after how many operations each command ended
        for path in sorted(tree.entries):
            parent, _, name = path.rpartition("/")
            what = tree.entries[path]
            kind = "directory" if what == "directory" else "file" if isinstance(what, bytes) else "link"
            self.entries[self.find(parent), name] = self.make(kind, None if kind == "directory" else what)
        self.first = dict(self.entries)

    def make(self, kind, data=b""):
        self.nodes.append(Node(len(self.nodes), kind, data))
        return len(self.nodes) - 1

    def find(self, path):
        """The inode at a path below the root, as things are now; None if there is none."""
        number = 0
        for name in path.split("/") if path else []:
            number = self.entries.get((number, name))
            if number is None:
                return None
        return number

    def below(self, absolute):
        """The path below the root; None if it is elsewhere."""
        if absolute == self.root:
            return ""
        return absolute[len(self.root) + 1:] if absolute.startswith(self.root + "/") else None

    def add(self, trace):
        for name, arguments in calls(trace):
            self.one(name, arguments)
        self.commands.append(len(self.ops))

    def one(self, name, arguments):
        folders = [self.below(unhex(text)) for text in FD.findall(arguments)]
        names = [unhex(text) for text in QUOTED.findall(arguments)]
        if name in ("fsync", "fdatasync", "syncfs"):
            number = self.find(folders[0]) if folders and folders[0] is not None else None
            if number is not None:
                self.synced.append((len(self.ops), number))
        elif name in ("write", "pwrite64", "fallocate", "ftruncate") and folders and folders[0] is not None:
            number = self.find(folders[0])
            if name == "write":
                self.do(Op("data", number, data=names[0].encode("latin-1")))
            elif name == "fallocate":
                self.do(Op("data", number, data=b"\0" * int(arguments.split(",")[-1])))
            else:
                raise ValueError(f"the model has no {name}: {arguments}")
        elif name in ("open", "openat", "creat"):
            self.opened(folders, names, arguments)
        elif name in ("mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat", "symlink", "symlinkat"):
            self.entry(name, folders, names)

    def opened(self, folders, names, arguments):
        if "O_CREAT" not in arguments or folders[0] is None:
            return
        spot = (self.find(folders[0]), names[0])
        if spot not in self.entries:
            self.do(Op("make", self.make("file"), targets=[spot]))

    def entry(self, name, folders, names):
        if not folders or folders[0] is None:
            return
        spot = (self.find(folders[0]), names[0])
        if name.startswith("mkdir"):
            self.do(Op("make", self.make("directory", None), targets=[spot]))
        elif name.startswith("rename"):
            self.do(Op("move", self.entries[spot], [spot], [(self.find(folders[1]), names[1])]))
        elif name in ("unlink", "unlinkat", "rmdir"):
            self.do(Op("remove", self.entries[spot], [spot]))
        else:
            raise ValueError(f"the model has no {name}")

    def do(self, op):
        self.ops.append(op)
        for spot in op.sources:
            del self.entries[spot]
        for spot in op.targets:
            self.entries[spot] = op.node

    # --- what may be left ----------------------------------------------------------------------------------------

    def forced(self, time, ordered):
        """The operations that must have survived a crash after `time` of them."""
        forced = set()
        for when, number in self.synced:
            if when > time:
                continue
            if ordered:
                forced.update(index for index in range(when) if self.ops[index].kind != "data" or self.ops[index].node == number)
            else:
                forced.update(index for index in range(when) if self.is_synced(index, when, number))
        return forced

    def is_synced(self, index, when, number):
        op = self.ops[index]
        if op.kind == "data":
            return op.node == number
        folders = {folder for folder, _ in op.touches}
        return number in folders and all(
            any(index < time <= when and other == folder for time, other in self.synced) for folder in folders)

    def closure(self, chosen):
        """With all that the chosen ones need: the operations before on the same entries."""
        needed, last = {}, {}
        for index, op in enumerate(self.ops):
            needed[index] = {last[spot] for spot in op.touches if spot in last}
            for spot in op.touches:
                last[spot] = index
        for index in sorted(chosen, reverse=True):
            pending = [index]
            while pending:
                for before in needed[pending.pop()] - chosen:
                    chosen.add(before)
                    pending.append(before)
        return chosen

    def crash(self, time, ordered, dice):
        """A state that a crash after `time` operations may leave: (entries, inode -> data that may be short)."""
        forced, now = self.forced(time, ordered), range(time)
        entries = [index for index in now if self.ops[index].kind != "data"]
        if ordered:
            least = max([index + 1 for index in entries if index in forced], default=0)
            upto = dice.choice([least, time, dice.randint(least, time)])
            chosen = {index for index in entries if index < upto}
        else:
            share = dice.choice([0.0, 0.1, 0.5, 0.9, 1.0])
            chosen = self.closure({index for index in entries if index in forced or dice.random() < share})
        written = {}
        for index in now:
            op = self.ops[index]
            if op.kind == "data":
                written[op.node] = written.get(op.node, b"") + self.survived(op.data, index in forced, dice)
        return self.replay(chosen), written

    @staticmethod
    def survived(data, is_synced, dice):
        if is_synced or dice.random() < 0.4:
            return data
        return dice.choice([b"", data[:len(data) // 2], b"\0" * len(data), data[:dice.randrange(len(data) + 1)]])

    def replay(self, chosen):
        """The entries after these operations alone."""
        entries = dict(self.first)
        for index in sorted(chosen):
            op = self.ops[index]
            for spot in op.sources:
                entries.pop(spot, None)
            for spot in op.targets:
                entries[spot] = op.node
        return entries
