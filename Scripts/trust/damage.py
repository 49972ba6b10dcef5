# SPDX-License-Identifier: Apache-2.0
"""Faults for a root. *Losses* happen to the tree before it is judged the first time: something is gone or left over.
*Damages* come after: a record that is there cannot be read, or not as it was written. A damage may never make anything
removable. Each fault is a tuple of plain values, so that it can be printed and tried alone."""
import re

from judge import HOMES
from roots import HEX
from tree import DIR, PIPE, Closed, Link

# A file or directory is metadata if one of these matches its path; each is a kind, and kinds are drawn before paths, so
# that a database is hit as often as all the small files together.
FILES = [r"containers/[^/]+/config\.v2\.json", r"containers/[^/]+/config\.json", r"containers/[^/]+/hostconfig\.json",
         r"repositories[^/]*", r"graph/[^/]+/json", r"aufs/layers/[^/]+", r"overlay/[^/]+/lower-id",
         r"(overlay2|fuse-overlayfs)/[^/]+/lower", r"(overlay2|fuse-overlayfs)/[^/]+/link", r"volumes/[^/]+/config\.json",
         r"volumes/[^/]+/json", r"volumes/[^/]+/opts\.json", r"volumes/metadata\.db", r"image/[^/]+/repositories\.json",
         r"image/[^/]+/imagedb/content/sha256/[^/]+", r"image/[^/]+/imagedb/metadata/sha256/[^/]+/parent",
         r"image/[^/]+/layerdb/sha256/[^/]+/cache-id", r"image/[^/]+/layerdb/sha256/[^/]+/diff",
         r"image/[^/]+/layerdb/sha256/[^/]+/parent", r"image/[^/]+/layerdb/mounts/[^/]+/mount-id",
         r"image/[^/]+/layerdb/mounts/[^/]+/init-id", r"image/[^/]+/layerdb/mounts/[^/]+/parent", r"buildkit/snapshots\.db",
         r"buildkit/metadata_v2\.db", r"buildkit/containerdmeta\.db", r"buildkit/cache\.db", r"containerd/.*/meta\.db",
         r"containerd/.*/metadata\.db", r"(overlay2|fuse-overlayfs)/l/[^/]+", r"volumes/[^/]+/_data"]
FOLDERS = [r"containers", r"containers/[^/]+", r"graph", r"graph/[^/]+", r"aufs", r"aufs/[^/]+", r"overlay2?", r"overlay2/l",
           r"vfs", r"vfs/dir", r"volumes", r"volumes/[^/]+", r"image", r"image/[^/]+", r"image/[^/]+/[^/]+", r"image/[^/]+/[^/]+/[^/]+",
           r"image/[^/]+/layerdb/(sha256|mounts)/[^/]+", r"image/[^/]+/imagedb/[^/]+/[^/]+", r"buildkit"]
# Without these a record that is otherwise there is not whole, or all records of a kind are gone: no engine leaves that.
PARTS = [r"image/[^/]+/layerdb/sha256/[^/]+/cache-id", r"image/[^/]+/layerdb/sha256/[^/]+/diff",
         r"image/[^/]+/layerdb/mounts/[^/]+/mount-id", r"buildkit/snapshots\.db", r"buildkit/metadata_v2\.db",
         r"graph/[^/]+/json", r"aufs/layers", r"containers", r"graph", r"image/[^/]+", r"image/[^/]+/layerdb",
         r"image/[^/]+/layerdb/(sha256|mounts)", r"image/[^/]+/layerdb/mounts/[0-9a-f]{64}"]


def pick(dice, tree, patterns, wanted):
    """A path of `tree` that matches a pattern and is `wanted`; None if no pattern that was drawn has one."""
    for pattern in dice.sample(patterns, len(patterns)):
        found = [path for path in sorted(tree.entries) if re.fullmatch(pattern, path) and wanted(path)]
        if found:
            return dice.choice(found)
    return None


def draw(dice, world):
    """0 to 5 faults: (losses, damages)."""
    losses, damages = [], []
    for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3, 4, 5])):
        fault = loss(dice, world.tree) if dice.random() < 0.3 else None
        (losses if fault else damages).append(fault or damage(dice, world.tree))
    return losses, [fault for fault in damages if fault]


def loss(dice, tree):
    way = dice.random()
    if way < 0.5:
        path = pick(dice, tree, FILES, lambda path: True)
        return ("gone", path) if path else None
    if way < 0.7:
        path = pick(dice, tree, FOLDERS[1:], lambda path: tree.is_dir(path) and path.count("/") > 0)
        return ("gone", path) if path else None
    homes = [home for home in ("aufs/diff", "aufs/mnt", "overlay", "overlay2", "vfs/dir") if tree.is_dir(home)]
    if not homes:
        return None
    name = "".join(dice.choice(HEX) for _ in range(64)) + dice.choice(["", "-init", "-removing"])
    return ("left", f"{dice.choice(homes)}/{name}")


def damage(dice, tree):
    way = dice.random()
    if way < 0.1:
        path = pick(dice, tree, PARTS, lambda path: is_missed(tree, path))
        return ("part gone", path) if path else None
    if way < 0.2:
        path = pick(dice, tree, FOLDERS, tree.is_dir)
        return (dice.choice(["empty file", "link", "closed"]), path) if path else None
    path = pick(dice, tree, FILES, lambda path: isinstance(tree.at(path), (bytes, Link)))
    if path is None:
        return None
    what = tree.at(path)
    if isinstance(what, Link):
        return (dice.choice(["directory", "empty file", "pipe", "part of link"]), path)
    kind = dice.choice(["cut", "cut", "flip", "flip", "flip", "zeros", "tail", "directory", "pipe", "link", "closed", "empty file"])
    if kind == "cut":
        return ("cut", path, dice.choice([dice.randrange(len(what) + 1), max(0, len(what) - dice.randint(1, 70))]))
    if kind == "flip" and what:
        return ("flip", path, dice.randrange(len(what)), dice.randrange(8))
    if kind == "zeros" and what:
        return ("zeros", path, dice.randrange(len(what)))
    return ("tail" if kind in ("flip", "zeros") else kind, path)


def is_missed(tree, path):
    """Whether the disk still tells that this is gone. A root that was upgraded from 1.9 may never have had `image`; where
    a container is dead, its removal may have come as far as that, and of one without a record nothing tells; an entry of
    `graph` without a record, a layer and a name is rubbish by the format; of a driver without layers no records need be
    there."""
    if path.startswith("graph/"):
        image = path.split("/")[1]
        named = any(image.encode() in (tree.file(name) or b"") for name in tree.entries if re.match(r"repositories[^/]*\Z", name))
        homes = ("aufs/layers", "aufs/diff", "aufs/mnt", "overlay", "vfs/dir", f"graph/{image}/layer")
        return named or any(tree.at(home if home.endswith("/layer") else f"{home}/{image}") is not None for home in homes)
    if re.match(r"image(/[^/]+(/layerdb(/sha256|/mounts)?)?)?\Z", path) and tree.is_dir("graph"):
        return False
    records = re.match(r"image/([^/]+)(/layerdb(/sha256)?)?\Z", path)
    if records and not any(re.match(r"[0-9a-z]{25}", name) for name in tree.names(HOMES.get(records[1], records[1]))):
        return False
    mount = re.match(r"image/[^/]+/layerdb/mounts/([0-9a-f]{64})\Z", path)
    config = f"containers/{mount[1]}/config.v2.json" if mount else None
    return not mount or tree.at(config) is not None and b'"Dead": true' not in (tree.file(config) or b"").replace(b'":', b'": ')


def suffer(tree, fault):
    """Does the fault to the tree, if what it concerns is there. Returns whether something changed."""
    kind, path = fault[0], fault[1]
    what = tree.at(path)
    if kind == "left":
        tree.put(path + "/x", b"x")
        return True
    if what is None:
        return False
    if kind == "part gone" and not is_missed(tree, path):  # a loss has taken what would tell
        return False
    if kind in ("gone", "part gone"):
        tree.remove(path)
        return True
    return corrupt(tree, fault, what) if isinstance(what, bytes) and not isinstance(what, Link) else replace(tree, kind, path, what)


def corrupt(tree, fault, what):
    """Damages a file."""
    kind, path = fault[0], fault[1]
    if kind == "cut":
        changed = what[:fault[2]]
    elif kind == "flip" and fault[2] < len(what):
        changed = what[:fault[2]] + bytes([what[fault[2]] ^ (1 << fault[3])]) + what[fault[2] + 1:]
    elif kind == "zeros":
        changed = what[:fault[2]] + b"\0" * (len(what) - fault[2])
    elif kind == "tail":
        changed = what + b"\0}garbage"
    elif kind == "closed":
        tree.entries[path] = Closed(what)
        return True
    else:
        return replace(tree, kind, path, what)
    tree.entries[path] = changed
    return changed != what


def replace(tree, kind, path, what):
    """Lays something of another kind at the path. A link leads to what was there before, beside the root."""
    if kind == "closed" and what == DIR:
        tree.entries[path] = "closed directory"
        for below in [name for name in tree.entries if name.startswith(path + "/")]:
            del tree.entries[below]
        tree._children = None
        return True
    if kind == "part of link":
        tree.entries[path] = Link(str(what)[:-1])
        return True
    tree.remove(path)
    tree.put(path, {"directory": DIR, "pipe": PIPE, "link": Link("/nowhere/" + path), "empty file": b""}.get(kind, b""))
    return True
