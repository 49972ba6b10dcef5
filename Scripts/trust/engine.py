# SPDX-License-Identifier: Apache-2.0
"""A dockerd of one's own for the soak, without network, and the part of its API that the soak uses."""
import contextlib, http.client, io, json, os, re, shutil, signal, socket, subprocess, tarfile, time, urllib.parse


class Refused(Exception):
    """The engine answered with an error, or was gone before it had answered."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """Everything it makes lies in `folder`, which should have a short path."""

    def __init__(self, folder):
        self.folder, self.root, self.socket = folder, folder + "/r", folder + "/s"
        self.process = None

    def start(self):
        shutil.rmtree(self.folder + "/x", ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.folder + "/pid")
        log = open(self.folder + "/log", "ab")
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", self.root, "--exec-root", self.folder + "/x", "-H", "unix://" + self.socket, "-p", self.folder + "/pid",
             "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver", "overlay2"], stdout=log, stderr=log)
        for _ in range(600):
            with contextlib.suppress(OSError, Refused, http.client.HTTPException):
                self.call("GET", "/version")
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(self.folder + "/log") as file:
            raise SystemExit("dockerd does not start here:\n" + "".join(file.readlines()[-5:]))

    def kill(self):
        """As a crash would end it. Its containerd goes with it."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        self.process.kill()
        self.process.wait()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        time.sleep(0.2)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        # What a killed containerd leaves goes on by itself: the shims of its containers, and these.
        found = subprocess.run(["pgrep", "-f", re.escape(self.folder + "/")], capture_output=True, text=True)
        for process in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        with open("/proc/self/mounts") as file:
            points = [line.split()[1] for line in file]
        for point in sorted((point for point in points if point.startswith(self.folder + "/")), reverse=True):
            subprocess.run(["umount", "-l", point], capture_output=True)

    def call(self, method, target, body=None, **query):
        """The answer as an object; of a stream of objects, the list of them. Raises `Refused`."""
        connection = _Connection(self.socket)
        url = "/v1.41" + target + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {}
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        elif body is not None:
            headers = {"Content-Type": "application/x-tar"}
        try:
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Refused(0, str(error)) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, text.decode("utf-8", "replace").strip())
        return self.decode(text)

    @staticmethod
    def decode(text):
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except ValueError:
            pass
        try:
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return text
        errors = [line["error"] for line in lines if "error" in line]
        if errors:
            raise Refused(500, errors[0])
        return lines

    # --- what the soak does with it ------------------------------------------------------------------------------

    def import_image(self, name, files):
        repository, _, tag = name.partition(":")
        self.call("POST", "/images/create", tar(files), fromSrc="-", repo=repository, tag=tag)

    def build(self, name, port, context):
        """With BuildKit. Returns whether all steps came from the cache."""
        lines = self.call("POST", "/build", b"", version="2", remote=f"http://127.0.0.1:{port}/{context}", networkmode="none", t=name)
        return lines

    def run(self, image, command, binds=()):
        """Runs a container to its end and removes it; its exit status."""
        name = self.create(image, command, binds)
        try:
            self.call("POST", f"/containers/{name}/start")
            return self.call("POST", f"/containers/{name}/wait")["StatusCode"]
        finally:
            with contextlib.suppress(Refused):
                self.call("DELETE", f"/containers/{name}", force="1", v="1")

    def create(self, image, command, binds=(), **labels):
        spec = {"Image": image, "Cmd": command, "Labels": labels, "HostConfig": {"NetworkMode": "none", "Binds": list(binds)}}
        return self.call("POST", "/containers/create", spec)["Id"]

    def read_file(self, image, path):
        """A file of an image, out of a container that is made for it."""
        name = self.create(image, ["none"])
        try:
            data = self.call("GET", f"/containers/{name}/archive", path=path)
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                return archive.extractfile(archive.next()).read()
        finally:
            with contextlib.suppress(Refused):
                self.call("DELETE", f"/containers/{name}", force="1", v="1")


def tar(files):
    """An archive with these files: name -> contents; with "->x" as contents a link to x, None a directory."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, contents in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if contents is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(contents, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, contents.removeprefix("->")
                archive.addfile(entry)
            else:
                entry.size = len(contents)
                archive.addfile(entry, io.BytesIO(contents))
    return data.getvalue()


def busybox():
    """The files of an image with a shell."""
    with open("/bin/busybox", "rb") as file:
        program = file.read()
    files = {"bin": None, "tmp": None, "proc": None, "etc": None, "bin/busybox": program}
    files.update({f"bin/{name}": "->busybox" for name in ("sh", "cat", "echo", "true", "sleep", "sync")})
    return files
