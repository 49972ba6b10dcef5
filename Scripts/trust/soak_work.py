# SPDX-License-Identifier: Apache-2.0
"""What goes on around Bilge in the soak: everything that people do with an engine, each act with its own check."""
import contextlib, os, random, time

from engine import Refused

HEX = "0123456789abcdef"
WAIT = 30.0  # seconds after which something that was moved in error must be back


class Work:
    """The workers' part of a `Soak`, which has `engine`, `alive`, `done`, `fail`, `count`, `counts`, `lock`, `port`."""

    # --- workers ---------------------------------------------------------------------------------------------------

    def work(self, number):
        dice = random.Random(f"{self.seed} {number}")
        acts = [(self.volume, 60), (self.adopt, 8), (self.image, 22), (self.container, 8), (self.run, 3), (self.commit, 2), (self.cached_build, 2), (self.own_prune, 2)]
        while not self.done.is_set():
            if not self.alive.wait(1):
                continue
            act = dice.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
            try:
                act(dice)
            except Refused as error:
                # An engine that is killed in the middle answers nothing; its own prunes remove what others just made.
                if self.alive.is_set() and error.status not in (0, 404, 409):
                    self.notes.append(f"{act.__name__}: {error}")

    def name(self, dice, count=64):
        return "".join(dice.choice(HEX) for _ in range(count))

    def place(self, volume):
        return f"{self.engine.root}/volumes/{volume}/_data/f"

    def volume(self, dice):
        """A volume gets contents, perhaps a container, and is removed. Bilge may take it while no container has it: then
        it is gone as a whole, or another one of that name without the label."""
        name, contents = dice.choice([self.name(dice), "v" + self.name(dice, 8)]), self.name(dice, 32).encode()
        self.engine.call("POST", "/volumes/create", {"Name": name, "Labels": {"soak": name}})
        self.write(name, contents)
        self.use(dice, name, contents)
        self.count("volumes")

    def use(self, dice, name, contents):
        """From the moment a container has it, a volume that is still the same keeps its contents."""
        container = None
        if dice.random() < 0.6:
            time.sleep(dice.random() ** 2 * 2)
            container = self.engine.create("base:1", ["true"], [f"{name}:/data"])
        time.sleep(dice.random() * 0.3)
        if not self.has(name, contents):
            self.fail(f"volume {name} lost its contents (container: {container})")
        if container:
            self.engine.call("DELETE", f"/containers/{container}", force="1")
        self.engine.call("DELETE", f"/volumes/{name}")

    def is_same(self, name):
        """Whether the engine lists the volume that we made, rather than none or a new one of that name."""
        try:
            return (self.engine.call("GET", f"/volumes/{name}").get("Labels") or {}).get("soak") == name
        except Refused as error:
            return None if error.status == 0 else False

    def has(self, name, contents):
        """Whether the volume has its contents, now or once what was moved in error is back; or is no longer listed."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end or not self.alive.is_set():
            with contextlib.suppress(OSError):
                with open(self.place(name), "rb") as file:
                    if file.read() == contents:
                        return True
            if self.is_same(name) is False:
                return True
            with self.lock:
                self.counts["waits"] += 1
            time.sleep(0.05)
            if self.done.is_set() and not self.alive.is_set():
                return True
        return False

    def write(self, name, contents):
        """Writes a volume's contents, as a container would; while it is away, again."""
        end = time.monotonic() + WAIT
        while True:
            try:
                with open(self.place(name), "wb") as file:
                    file.write(contents)
                return
            except OSError as error:
                if self.is_same(name) is False:
                    raise Refused(404, "taken before it had contents") from error
                if time.monotonic() > end:
                    self.fail(f"volume {name} is listed and cannot be written: {error}")
                    raise Refused(404, "gone") from error
                time.sleep(0.05)

    def adopt(self, dice):
        """A directory in volumes/ that the engine denies, and that it makes a volume a moment later."""
        name, contents = self.name(dice), self.name(dice, 32).encode()
        os.makedirs(os.path.dirname(self.place(name)))
        with open(self.place(name), "wb") as file:
            file.write(contents)
        time.sleep(dice.random() * 2)
        self.engine.call("POST", "/volumes/create", {"Name": name, "Labels": {"soak": name}})
        if os.path.exists(self.place(name)):
            self.use(dice, name, contents)
        self.count("adopted volumes")

    def image(self, dice):
        name, contents = f"tiny{self.name(dice, 8)}:1", self.name(dice, 64).encode()
        self.engine.import_image(name, {"f": contents})
        if dice.random() < 0.5:
            self.must_read(name, contents)
        self.engine.call("DELETE", f"/images/{name}")
        self.count("images")

    def must_read(self, image, contents):
        """The image has its file, now or once what was moved in error is back; or is no longer there."""
        end = time.monotonic() + WAIT
        while True:
            try:
                found = self.engine.read_file(image, "/f")
                if found == contents:
                    return
                problem = "it has other contents"
            except Refused as error:
                if error.status in (0, 404) or not self.alive.is_set():
                    return
                problem = error
            if time.monotonic() > end:
                return self.fail(f"image {image} cannot be read: {problem}")
            time.sleep(1)

    def container(self, dice):
        name = self.engine.create("base:1", ["true"])
        time.sleep(dice.random() * 0.3)
        self.engine.call("DELETE", f"/containers/{name}", force="1", v="1")
        self.count("containers")

    def run(self, dice):
        """A container that keeps a volume in use; others write into it and read it."""
        name = "run" + self.name(dice, 8)
        holder = self.engine.create("base:1", ["true"], [f"{name}:/data"])
        if self.must_run("base:1", ["sh", "-c", f"echo {name} > /data/f; sync"], [f"{name}:/data"]):
            self.must_run("base:1", ["sh", "-c", f"[ $(cat /data/f) = {name} ]"], [f"{name}:/data"])
        self.engine.call("DELETE", f"/containers/{holder}", force="1")
        self.engine.call("DELETE", f"/volumes/{name}")
        self.count("runs")

    def must_run(self, image, command, binds=()):
        """Runs to the end with status 0. One start may fail, if a volume was away in that moment; all of them, while the
        engine is killed. Whether one succeeded."""
        status = None
        for _ in range(3):
            with contextlib.suppress(Refused):
                status = self.engine.run(image, command, binds)
                if status == 0:
                    return True
            time.sleep(1)
        if self.alive.is_set() and status is not None:
            self.fail(f"{image} {command} ended with {status}")
        return False

    def commit(self, dice):
        name, made = f"commit{self.name(dice, 8)}:1", self.engine.create("base:1", ["true"])
        self.engine.call("POST", "/commit", {}, container=made, repo=name.split(":")[0], tag="1")
        self.engine.call("DELETE", f"/containers/{made}", force="1")
        self.must_run(name, ["true"])
        self.engine.call("DELETE", f"/images/{name}")
        self.count("commits")

    def cached_build(self, dice):
        """The same build again: what the cache has must still be there."""
        lines = self.engine.build("built:1", self.port, "context.tar")
        if any("error" in line for line in lines or []):
            self.fail(f"the cached build fails: {lines[-1]}")
        self.must_run("built:1", ["sh", "-c", "[ $(cat /made) = made ]"])
        self.count("builds")

    def own_prune(self, dice):
        self.engine.call("POST", "/images/prune", filters='{"dangling":["true"]}')
        self.count("engine's prunes")
