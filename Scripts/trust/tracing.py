# SPDX-License-Identifier: Apache-2.0
"""Runs a program and stops it before each system call that changes a disk or a lock: ptrace(2) and seccomp(2), by ctypes.

As strace does with `--inject`, but counted over all threads of the program in the order in which they come, where strace
counts for each thread by itself, and stopped at nothing else, so that a run takes hardly longer. Linux on x86-64, as root.
"""
import ctypes, errno, os, platform, re, signal, struct

NUMBERS = {
    "write": 1, "open": 2, "pwrite64": 18, "writev": 20, "sendfile": 40, "flock": 73, "fsync": 74, "fdatasync": 75,
    "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87,
    "symlink": 88, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "mknod": 133, "sync": 162,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
    "openat": 257, "mkdirat": 258, "mknodat": 259, "fchownat": 260, "futimesat": 261, "unlinkat": 263, "renameat": 264,
    "linkat": 265, "symlinkat": 266, "fchmodat": 268, "utimensat": 280, "fallocate": 285, "pwritev": 296, "syncfs": 306,
    "renameat2": 316, "copy_file_range": 326, "pwritev2": 328, "fchmodat2": 452,
}
# Only a look at its memory says what it is to do, and it comes by the thousand: for who asks for it.
OPENING = {"openat2": 437}
# What says how a program confines itself; for who asks for it.
CONFINING = {"execve": 59, "execveat": 322, "prctl": 157, "capset": 126, "landlock_restrict_self": 446, "mount": 165,
             "umount2": 166, "ptrace": 101}
NAMES = {number: name for name, number in {**NUMBERS, **OPENING, **CONFINING}.items()}
# Which arguments are descriptors and which are paths.
PATHS = {
    "open": (0,), "truncate": (0,), "rename": (0, 1), "mkdir": (0,), "rmdir": (0,), "creat": (0,), "link": (0, 1),
    "unlink": (0,), "symlink": (0, 1), "chmod": (0,), "chown": (0,), "lchown": (0,), "mknod": (0,), "setxattr": (0,),
    "lsetxattr": (0,), "removexattr": (0,), "lremovexattr": (0,), "openat": (1,), "mkdirat": (1,), "mknodat": (1,),
    "fchownat": (1,), "futimesat": (1,), "unlinkat": (1,), "renameat": (1, 3), "linkat": (1, 3), "symlinkat": (0, 2),
    "fchmodat": (1,), "utimensat": (1,), "renameat2": (1, 3), "openat2": (1,), "fchmodat2": (1,), "execve": (0,),
    "mount": (0, 1), "umount2": (0,),
}
DESCRIPTORS = {
    "renameat": (0, 2), "renameat2": (0, 2), "linkat": (0, 2), "symlinkat": (1,), "sendfile": (0,),
    "copy_file_range": (2,), "sync": (), "prctl": (), "capset": (), "landlock_restrict_self": (), "ptrace": (),
    **{name: () for name in PATHS if not name.endswith(("at", "at2"))},
}
O_CREAT, O_TRUNC, O_ACCMODE = 0o100, 0o1000, 3
AT_FDCWD = 0xFFFFFF9C

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
TRACEME, CONT, POKEUSER, SETOPTIONS, GETREGS = 0, 7, 6, 0x4200, 12
OPTIONS = 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # fork, vfork, clone, exec, seccomp; gone with the tracer
EVENT_SECCOMP, WALL = 7, 0x40000000


def is_possible():
    """Whether this is the machine whose calls are numbered here, and it lets root trace a child."""
    if platform.machine() != "x86_64" or os.geteuid() != 0:
        return False
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.ptrace(TRACEME, 0, None, None) == 0 else 1)
    return os.waitpid(child, 0)[1] == 0


def filter_of(names):
    """A BPF program: trace these calls, of `open` and `openat` only those that may change something; allow all else."""
    lines = [(0x20, 0, 0, 0)]  # the number of the call
    for name in names:
        if name in ("open", "openat"):
            flags = 16 + 8 * (1 if name == "open" else 2)
            # If it is this call: load its flags, trace it if one of them is set, else allow it.
            lines += [(0x15, 0, 4, NUMBERS[name]), (0x20, 0, 0, flags), (0x45, 0, 1, O_CREAT | O_TRUNC | O_ACCMODE),
                      (0x06, 0, 0, 0x7FF00000), (0x06, 0, 0, 0x7FFF0000)]
        else:
            lines += [(0x15, 0, 1, {**NUMBERS, **OPENING, **CONFINING}[name]), (0x06, 0, 0, 0x7FF00000)]
    lines.append((0x06, 0, 0, 0x7FFF0000))
    return b"".join(struct.pack("HBBI", *line) for line in lines), len(lines)


class Call:
    """One call: `text` is its name with its paths, with the name of the run and of the sample host left out."""

    def __init__(self, thread, name, arguments, places):
        self.thread, self.name, self.arguments, self.places = thread, name, arguments, places

    def text(self, root):
        shown = " ".join(place.replace(root, "ROOT", 1) for place in self.places)
        return f"{self.name} {re.sub('[0-9]{8}-[0-9]{6}-[0-9a-f]{4}', 'RUN', shown)}"

    def touches(self, root):
        return any(place == root or place.startswith(root + "/") for place in self.places)


class Traced:
    """What became of a run: `status` as subprocess has it, the output, the calls before which it was stopped, and the one
    that was hit by the fault."""

    def __init__(self):
        self.status, self.stdout, self.stderr, self.calls, self.hit = None, b"", b"", [], None
        self.returncode = None


def place_of(thread, descriptor):
    if descriptor & 0xFFFFFFFF == AT_FDCWD:
        descriptor = "cwd"
    else:
        descriptor = f"fd/{descriptor & 0xFFFFFFFF}"
    try:
        return os.readlink(f"/proc/{thread}/{descriptor}")
    except OSError:
        return "?"


def may_change(call):
    """Whether it is anything but an `openat2` for reading."""
    if call.name != "openat2":
        return True
    try:
        with open(f"/proc/{call.thread}/mem", "rb", 0) as memory:
            memory.seek(call.arguments[2])
            flags, = struct.unpack("Q", memory.read(8))
    except (OSError, struct.error):
        return True
    # O_PATH opens nothing.
    return bool(flags & (O_CREAT | O_TRUNC | O_ACCMODE)) and not flags & 0o10000000


def string_at(thread, address):
    if not address:
        return ""
    try:
        with open(f"/proc/{thread}/mem", "rb", 0) as memory:
            found = b""
            while b"\0" not in found and len(found) < 4096:
                memory.seek(address + len(found))
                # Not across the end of a page: the next may not be there.
                found += memory.read(min(256, 4096 - (address + len(found)) % 4096))
            return os.fsdecode(found.split(b"\0")[0])
    except OSError:
        return "?"


def look(thread):
    """The call before which a thread is stopped."""
    registers = (ctypes.c_ulonglong * 27)()
    if libc.ptrace(GETREGS, thread, None, ctypes.addressof(registers)) != 0:
        return None
    name = NAMES.get(registers[15], str(registers[15]))
    arguments = [registers[index] for index in (14, 13, 12, 7, 9, 8)]
    paths = [string_at(thread, arguments[index]) for index in PATHS.get(name, ())]
    descriptors = [place_of(thread, arguments[index]) for index in DESCRIPTORS.get(name, (0,))]
    if name in ("open", "symlink", "symlinkat"):
        places = descriptors + paths
    elif paths:
        descriptors += [""] * (len(paths) - len(descriptors))
        places = [path if path.startswith("/") or not folder else f"{folder}/{path}"
                  for folder, path in zip(descriptors, paths)]
    else:
        places = descriptors
    return Call(thread, name, arguments, places)


def run(command, folder, matters, fault=None, names=NUMBERS, timeout=120):
    """Runs `command` under the tracer.

    - matters: a function of a call; those for which it is true are counted.
    - fault: (number of the call, counted from 0, "kill" or the name of an error); `None` to record only.
    """
    result, children = Traced(), set()
    out, err = f"{folder}/traced.out", f"{folder}/traced.err"
    program, length = filter_of(names)
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            for path, descriptor in ((out, 1), (err, 2)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
            os.closerange(3, 256)
            libc.ptrace(TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            buffer = ctypes.create_string_buffer(program, len(program))
            head = struct.pack("HxxxxxxQ", length, ctypes.addressof(buffer))
            block = ctypes.create_string_buffer(head, len(head))
            # 22 is PR_SET_SECCOMP, 2 a filter.
            if libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(block)), 0, 0) != 0:
                os._exit(126)
            os.execv(command[0], command)
        finally:
            os._exit(127)
    os.waitpid(pid, WALL)
    libc.ptrace(SETOPTIONS, pid, None, OPTIONS)
    libc.ptrace(CONT, pid, None, 0)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(timeout)
    count = 0
    while True:
        try:
            thread, status = os.waitpid(-1, WALL)
        except InterruptedError:
            continue
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            children.discard(thread)
            if thread == pid:
                break
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        deliver = 0
        if event == EVENT_SECCOMP:
            call = look(thread)
            if call and matters(call):
                result.calls.append(call)
                if fault and count == fault[0]:
                    result.hit = call
                    if fault[1] == "kill":
                        os.kill(pid, signal.SIGKILL)
                        count += 1
                        continue
                    # A call of number -1 is not made, and its result is what stands in this register.
                    libc.ptrace(POKEUSER, thread, 15 * 8, ctypes.c_void_p(-1 & (1 << 64) - 1))
                    libc.ptrace(POKEUSER, thread, 10 * 8, ctypes.c_void_p(-getattr(errno, fault[1]) & (1 << 64) - 1))
                count += 1
        elif event == 0 and not (stop == signal.SIGSTOP and thread not in children and thread != pid):
            deliver = 0 if stop in (signal.SIGTRAP, signal.SIGSTOP) else stop
        children.add(thread)
        libc.ptrace(CONT, thread, None, deliver)
    signal.alarm(0)
    while children:
        try:
            thread, _ = os.waitpid(-1, WALL)
            children.discard(thread)
        except ChildProcessError:
            break
    result.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    with open(out, "rb") as file:
        result.stdout = file.read()
    with open(err, "rb") as file:
        result.stderr = file.read()
    return result
