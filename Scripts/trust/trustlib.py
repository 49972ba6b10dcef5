# SPDX-License-Identifier: Apache-2.0
"""What the harnesses in this folder share: sample hosts and whole-tree snapshots.

Independent of Bilge's own code on purpose: another language, and the trash is read from its documented format
(docs/formats/trash.md), so that a mistake in Bilge is not repeated here.
"""
import glob, hashlib, json, os, re, shutil, stat, subprocess, sys

TRASH = b".bilge"
class Violation(Exception):
    """A promise was broken."""


def may_mount():
    """Whether root may have namespaces and mounts of its own here, and a file as a disk: in many containers it may not."""
    disk = ('f=$(mktemp) && d=$(mktemp -d) && truncate -s 4M "$f" && mkfs.ext4 -q -F "$f" && mount -o loop "$f" "$d" && '
            'umount "$d"; s=$?; rm -f "$f"; rmdir "$d"; exit $s')
    tried = ["unshare", "-m", "-p", "-f", "--mount-proc", "--propagation", "private", "sh", "-c", disk]
    return os.geteuid() == 0 and bool(shutil.which("mkfs.ext4")) and subprocess.run(tried, capture_output=True).returncode == 0


def snapshot(root, skip=(TRASH,)):
    """Everything about every entry below `root`: a dictionary from path (bytes) to a tuple.

    Of directories no size and no mtime: see `directory_times`.
    """
    found = {}
    root = os.fsencode(root)

    def visit(path, shown):
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            with open(path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        else:
            content = os.readlink(path) if kind == stat.S_IFLNK else b""
        attributes = tuple(
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(os.listxattr(path, follow_symlinks=False)))
        is_directory = kind == stat.S_IFDIR
        found[shown] = (
            status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_rdev, attributes, content,
            None if is_directory else (status.st_size, status.st_mtime_ns, status.st_nlink))
        if is_directory:
            for name in sorted(os.listdir(path)):
                if not shown and name in skip:
                    continue
                visit(path + b"/" + name, shown + b"/" + name if shown else name)

    visit(root, b"")
    return found


def directory_times(root):
    times = {}
    root = os.fsencode(root)
    for place, _, _ in os.walk(root):
        times[place[len(root) + 1:]] = os.lstat(place).st_mtime_ns
    return times


def difference(old, new, limit=4):
    """Sentences about what differs between two snapshots; empty if nothing does."""
    lines = []
    for path in sorted(set(old) | set(new)):
        if path not in new:
            lines.append(f"gone: {path!r}")
        elif path not in old:
            lines.append(f"new: {path!r}")
        elif old[path] != new[path]:
            lines.append(f"changed: {path!r}: {old[path]} -> {new[path]}")
    return lines[:limit] + ([f"and {len(lines) - limit} more"] if len(lines) > limit else [])


class Item:
    """One item folder of the trash, read from the documented format."""

    def __init__(self, folder):
        self.folder = folder
        names = sorted(os.listdir(folder))
        self.run, self.name = folder.split("/")[-2:]
        self.data = {int(name[5:]): f"{folder}/{name}" for name in names if name.startswith("data.")}
        self.has_meta, self.is_purging = "meta" in names, "meta.purging" in names
        self.paths, self.is_readable = [], False
        try:
            with open(f"{folder}/{'meta' if self.has_meta else 'meta.purging'}", "rb") as file:
                head, body = file.read().split(b"\n", 1)
            hash = 0xCBF29CE484222325
            for byte in body:
                hash = (hash ^ byte) * 0x100000001B3 % (1 << 64)
            if head.decode() == f"bilge 1 {hash:016x}":
                self.paths = [unescaped(held["path"]) for held in json.loads(body)["held"]]
                self.inodes = [held["identity"]["inode"] for held in json.loads(body)["held"]]
                self.is_readable = True
        except (OSError, ValueError, KeyError):
            pass

    def state(self, root, sequence_checked):
        """Its row of the table in docs/formats/trash.md, as a short name."""
        if self.has_meta and self.is_purging:
            return "both marks"
        if self.is_purging:
            return "purging"
        if not self.has_meta:
            return "data without intent" if self.data else "no intent"
        if not self.is_readable:
            return "unreadable intent"
        at_place, other = set(), False
        for index, path in enumerate(self.paths):
            try:
                if os.lstat(os.path.join(os.fsencode(root), path)).st_ino == self.inodes[index]:
                    at_place.add(index)
                else:
                    other = True
            except OSError:
                pass
        everything = set(range(len(self.paths)))
        if at_place | set(self.data) != everything:
            return "lost"
        if not self.data:
            return "home"
        if set(self.data) == everything:
            if other:
                return "name used again"
            return "held, checked" if int(self.name[1:]) <= sequence_checked else "held, unchecked"
        return "partly, with data.0" if 0 in self.data else "partly, without data.0"


def unescaped(path):
    """Bytes of a path as Bilge writes it: %XX for what is not printable ASCII, and for % and backslash."""
    return re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), path.encode())


def items(root):
    return [Item(folder) for folder in sorted(glob.glob(f"{root}/.bilge/*-*-*/i??????"))]


def states(root):
    found = []
    for item in items(root):
        marks = [int(name.rsplit(".", 1)[1]) for name in glob.glob(f"{root}/.bilge/{item.run}/checked.*")]
        found.append(item.state(root, max(marks, default=0)))
    return found


def virtual_snapshot(root):
    """As `snapshot`, with what the trash holds shown at the place it came from."""
    found = snapshot(root)
    for item in items(root):
        for index, place in item.data.items():
            if not item.is_readable or index >= len(item.paths):
                raise Violation(f"{place} is described by nothing")
            for path, value in snapshot(place, skip=()).items():
                at = item.paths[index] + (b"/" + path if path else b"")
                if at in found:
                    raise Violation(f"{at!r} is at its place and in {place}")
                found[at] = value
    return found


class Host:
    """A sample host on disk, made anew for every run from a template."""

    def __init__(self, bilge, folder, name, keep_one_of_each=True):
        self.bilge, self.folder, self.name = bilge, folder, name
        self.template, self.root = f"{folder}/template-{name}", f"{folder}/{name}"
        made = f"{folder}/made-{name}"
        os.makedirs(made)
        subprocess.run(
            [bilge, "demo", "--keep-files"], env={**os.environ, "TMPDIR": made}, check=True,
            stdout=subprocess.DEVNULL)
        (demo,) = os.listdir(made)
        shutil.move(f"{made}/{demo}/{name}", self.template)
        shutil.rmtree(made)
        self.decorate()
        self.fresh()
        if keep_one_of_each:
            self.trim()
        self.steps = self.planned()

    def decorate(self):
        """Extended attributes and a hard link where the trees have files, because moving must keep them."""
        for place, _, files in sorted(os.walk(self.template)):
            for name in sorted(files):
                path = f"{place}/{name}"
                if os.path.islink(path):
                    continue
                os.setxattr(path, "user.trust", name.encode())
        for place, _, files in sorted(os.walk(self.template)):
            if files and ("_data" in place or "diff/" in place) and not os.path.islink(f"{place}/{files[0]}"):
                status = os.lstat(place)
                os.link(f"{place}/{files[0]}", f"{place}/hard link")
                os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))

    def planned(self):
        out = self.run(["prune", "orphans", "volumes", "-n", "--json"]).stdout
        return json.loads(out)["steps"]

    def trim(self):
        """One item of each kind and number of paths is enough, and four at most."""
        seen = set()
        for step in sorted(self.planned(), key=lambda step: (-len(step["paths"]), step["id"])):
            key = (step["kind"], len(step["paths"]) > 1)
            if key not in seen and len(seen) < 4:
                seen.add(key)
                continue
            for path in step["paths"]:
                place = os.path.join(os.fsencode(self.template), unescaped(path))
                if os.path.isdir(place) and not os.path.islink(place):
                    shutil.rmtree(place)
                else:
                    os.unlink(place)
        self.fresh()

    def fresh(self):
        # Not by Python, which gives up at a thousand levels.
        subprocess.run(["rm", "-rf", "--", self.root], check=True)
        subprocess.run(["cp", "-a", "--", self.template, self.root], check=True)

    def command(self, words):
        more = ["--grace", "0s"] if words[0] in ("prune", "scan", "apply") else []
        return [self.bilge, *words, *more, "--offline", "-g", self.root]

    def run(self, words, timeout=60):
        return subprocess.run(self.command(words), capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def add_leftover(self, number=1):
        """One more thing that nobody needs, so that the next `prune` has something to do."""
        os.makedirs(f"{self.root}/tmp", exist_ok=True)
        os.mkdir(f"{self.root}/tmp/docker-build90000000{number}")

    def remove_leftover(self, number=1):
        os.rmdir(f"{self.root}/tmp/docker-build90000000{number}")


def isolated(arguments, with_processes=True):
    """Starts this script again in a mount namespace of its own, and in a PID namespace with its own /proc: other programs
    must not slow or disturb the runs. In one, a disk that was mounted outside of it might be its host's, and is only read."""
    alone = ["-p", "-f", "--kill-child", "--mount-proc"] if with_processes else []
    return ["unshare", "-m", *alone, "--propagation", "private", sys.executable, *arguments]


def isolate():
    """Starts this program again in namespaces of its own, where root may have them and works in memory: then Bilge has no
    process to ask but its own, and none of another harness is in its way."""
    if "TRUST_ISOLATED" not in os.environ and scratch() == "/dev/shm" and may_mount():
        os.environ["TRUST_ISOLATED"] = "yes"
        os.execvp("unshare", isolated(sys.argv))


def scratch():
    return os.environ.get("TRUST_DIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
