# SPDX-License-Identifier: Apache-2.0
"""Random data roots: what every era shares, and Docker 1.0 to 1.9. Docker 1.10 and later is in roots_modern.py.

`build(seed, recorded)` makes a tree from a number alone. It knows how engines lay things out and in which half states they
leave them; it does not know what may be removed. What it wires up as needed it notes in `World.live`, against which the
oracle is held as well."""
import json, random

from tree import DIR, Link, Tree

HEX = "0123456789abcdef"
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
RELEASES = (0, 2, 3, 6, 7, 9)


class World:
    """One data root under construction."""

    def __init__(self, dice, recorded):
        self.dice = dice
        self.tree = Tree()
        self.recorded = recorded
        self.live = set()
        self.note = []
        self.containers = []

    def chance(self, share):
        return self.dice.random() < share

    def name(self, letters, count):
        return "".join(self.dice.choice(letters) for _ in range(count))

    def id(self):
        """64 digits, now and then one that begins like an earlier one."""
        if self.containers and self.chance(0.03):
            return self.dice.choice(self.containers)[:60] + self.name(HEX, 4)
        return self.name(HEX, 64)

    def put(self, path, what):
        self.tree.put(path, what)

    def json(self, path, value):
        self.put(path, json.dumps(value, separators=(",", ":")))


def build(seed, recorded):
    """The world of this number. `recorded` is where the root will lie; some worlds say in their records that they lay
    elsewhere."""
    import roots_modern

    dice = random.Random(seed)
    where = dice.choice([recorded, "/var/lib/docker", "/srv/docker/one/r", "/mnt/old disk/docker"])
    world = World(dice, where)
    era = dice.random()
    if era < 0.40:
        legacy(world, dice.choice(["aufs", "aufs", "vfs", "overlay"]), dice.choice(RELEASES))
    elif era < 0.85:
        roots_modern.modern(world, dice.choice(["overlay2", "overlay2", "fuse-overlayfs", "overlay", "vfs", "aufs"]))
    elif era < 0.93:  # upgraded in place: the old graph stays beside the new records
        driver = dice.choice(["aufs", "vfs", "overlay"])
        legacy(world, driver, dice.choice(RELEASES))
        roots_modern.modern(world, driver)
    else:  # a change of driver, or to containerd's store
        roots_modern.modern(world, dice.choice(["overlay2", "vfs"]))
        if world.chance(0.5):
            roots_modern.modern(world, dice.choice(["overlay", "aufs", "fuse-overlayfs"]))
        else:
            roots_modern.containerd(world)
    common(world)
    return world


def common(world):
    """What has to do with no era: the engine's scratch, plugins, and what people lay into a root."""
    for name in ("tmp", "network/files", "plugins", "swarm"):
        world.put(name, DIR)
    world.put("engine-id", "b5f5a1f2-0000-4000-8000-000000000000")
    if world.chance(0.3):
        world.put("tmp/" + world.dice.choice(["docker-builder", "GetImageBlob", "docker-import-"]) + world.name("0123456789", 9), "x")
    if world.chance(0.15):
        world.put("tmp-old/x", "x")
    if world.chance(0.2):
        world.put(f"plugins/{world.id()}/config.json", "{}")
    if world.chance(0.2):
        world.put(f"plugins/{world.id()}-removing/rootfs/x", "x")
    if world.chance(0.2):
        folder = world.dice.choice(["", "containers/", "volumes/", "overlay2/", "aufs/diff/", "graph/", "vfs/dir/"])
        if not folder or world.tree.is_dir(folder.rstrip("/")):
            world.put(folder + world.dice.choice(["lost+found", "backup of monday", "my-stuff", "-rf"]) + "/x", "x")


# --- layers of the old drivers -------------------------------------------------------------------------------------

def layer(world, driver, name, below=(), writable=False):
    """The directories of one layer of aufs, overlay or vfs. `below`: names of the layers under it, nearest first.
    Returns the paths that are its own."""
    if driver == "aufs":
        world.put(f"aufs/diff/{name}", DIR)
        world.put(f"aufs/mnt/{name}", DIR)
        world.put(f"aufs/layers/{name}", "".join(other + "\n" for other in below))
        if writable:
            world.put(f"aufs/diff/{name}/.wh..wh.aufs", "")
        return [f"aufs/diff/{name}", f"aufs/mnt/{name}", f"aufs/layers/{name}"]
    if driver == "overlay":
        if writable:
            for part in ("upper", "work", "merged"):
                world.put(f"overlay/{name}/{part}", DIR)
            images = [other for other in below if not other.endswith("-init")]
            if images:
                world.put(f"overlay/{name}/lower-id", images[0])
        else:
            world.put(f"overlay/{name}/root/x", "x")
        return [f"overlay/{name}"]
    world.put(f"vfs/dir/{name}/x", "x")
    return [f"vfs/dir/{name}"]


# --- Docker 1.0 to 1.9 ---------------------------------------------------------------------------------------------

def legacy(world, driver, release):
    """A root of one engine of 1.0 to 1.9, perhaps with volumes of an earlier one."""
    world.note.append(f"1.{release} {driver}")
    for name in ("graph/_tmp", "containers", "volumes", "init"):
        world.put(name, DIR)
    for name in {"aufs": ("aufs/diff", "aufs/mnt", "aufs/layers"), "vfs": ("vfs/dir",), "overlay": ("overlay",)}[driver]:
        world.put(name, DIR)
    world.put("linkgraph.db", "SQLite format 3\0")
    ancestors = legacy_images(world, driver)
    volumes = legacy_volumes(world, release)
    for _ in range(world.dice.randint(0, 3)):
        legacy_container(world, driver, release, ancestors, volumes)
    for _ in range(world.dice.randint(0, 3)):
        world.dice.choice(LEGACY_LEFTOVERS)(world, driver, ancestors)


def legacy_images(world, driver):
    """Images on each other, some with names. Returns id -> the ids below it, nearest first."""
    ancestors, tagged = {}, {}
    for number in range(world.dice.randint(1, 5)):
        name = world.id()
        parent = world.dice.choice(list(ancestors)) if ancestors and world.chance(0.7) else None
        ancestors[name] = [parent] + ancestors[parent] if parent else []
        legacy_image(world, name, parent)
        layer(world, driver, name, ancestors[name])
        if world.chance(0.5):
            tagged[name] = f"shop/{world.dice.choice(['api', 'web', 'db'])}{number}"
    repositories = {}
    for name, repository in tagged.items():
        repositories.setdefault(repository, {})[world.dice.choice(["latest", "1.0"])] = name
        for needed in [name] + ancestors[name]:
            world.live.add(f"graph/{needed}")
            world.live.update(layer_paths(world.tree, driver, needed))
    if world.chance(0.1):
        repositories["gone/image"] = {"1": world.id()}
    world.json(f"repositories-{driver}", {"Repositories": repositories})
    if world.chance(0.2):
        other = world.dice.choice(["aufs", "overlay", "btrfs"])
        if other != driver:
            name = world.dice.choice(list(ancestors))
            world.json(f"repositories-{other}", {"Repositories": {"other/store": {"1": name}}})
            world.live.add(f"graph/{name}")
    return ancestors


def layer_paths(tree, driver, name):
    """The paths of a layer that are there."""
    paths = {"aufs": ("aufs/diff/", "aufs/mnt/", "aufs/layers/"), "vfs": ("vfs/dir/",)}.get(driver, (driver + "/",))
    return [path + name for path in paths if tree.at(path + name) is not None]


def legacy_image(world, name, parent):
    record = {"id": name, "created": "2015-06-01T10:00:00.5Z", "container": world.id(), "docker_version": "1.6.2",
              "config": {"Cmd": ["sh"]}, "architecture": "amd64", "os": "linux", "Size": 300}
    if parent:
        record["parent"] = parent
    if world.chance(0.05):
        record["Id"] = record.pop("id")
    world.json(f"graph/{name}/json", record)
    if world.chance(0.9):
        world.put(f"graph/{name}/layersize", "300")


def legacy_volumes(world, release):
    """Volumes as the releases up to this one made them. Returns what a container needs to mount one:
    (name, path in the recorded root, paths that the volume consists of)."""
    volumes = []
    for _ in range(world.dice.randint(0, 4)):
        made = world.dice.choice([made for made in RELEASES if made <= release])
        name, root = world.id(), world.recorded
        if made >= 9 and world.chance(0.4):
            name = world.dice.choice(["data", "pg_prod", "x1"]) + world.name("abc", 3)
        if made < 7:
            world.put(f"vfs/dir/{name}/x", "x")
            if made < 3:
                world.json(f"volumes/{name}/json", {"id": name, "created": "2014-06-01T10:00:00Z", "Size": 0})
                world.put(f"volumes/{name}/layersize", "0")
                world.put("volumes/_tmp", DIR)
            else:
                world.json(f"volumes/{name}/config.json", {"ID": name, "Path": f"{root}/vfs/dir/{name}", "IsBindMount": False, "Writable": True})
            path = f"{root}/vfs/dir/{name}"
            paths = [f"volumes/{name}", f"vfs/dir/{name}"]
            if release >= 7 and world.chance(0.5):
                world.put(f"volumes/{name}/_data", Link(path))
                path = f"{root}/volumes/{name}/_data"
        else:
            world.put(f"volumes/{name}/_data/x", "x")
            path, paths = f"{root}/volumes/{name}/_data", [f"volumes/{name}"]
        volumes.append((name, path, paths))
    return volumes


def legacy_container(world, driver, release, ancestors, volumes):
    """A container with its two layers, its record and what it mounts."""
    name, image = world.id(), world.dice.choice(list(ancestors))
    world.containers.append(name)
    below = [image] + ancestors[image]
    layer(world, driver, f"{name}-init", below, True)
    layer(world, driver, name, [f"{name}-init"] + below, True)
    at = f"{world.recorded}/containers/{name}"
    record = {"ID": name, "Created": "2015-06-02T10:00:00Z", "Name": "/c" + name[:4], "Image": image, "Driver": driver,
              "State": {"Running": world.chance(0.2), "Pid": 0, "ExitCode": 0}, "Path": "sh", "Args": [], "Volumes": {},
              "Config": {"Image": "shop/api:1", "Labels": {}}, "HostnamePath": at + "/hostname",
              "HostsPath": at + "/hosts", "ResolvConfPath": "/etc/resolv.conf", "LogPath": f"{at}/{name}-json.log"}
    binds = []
    for volume, path, paths in volumes:
        if not world.chance(0.4):
            continue
        world.live.update(paths)
        mount(world, record, binds, release, volume, path)
    if world.chance(0.3):
        host = f"/srv/{world.name('abc', 5)}"
        bind_record(world, release, host)
        record["Volumes"]["/bind"] = host
        binds.append(f"{host}:/bind")
    if world.chance(0.04):
        record["Volumes"]["/all"] = f"{world.recorded}/{world.dice.choice(['volumes', 'vfs/dir', ''])}".rstrip("/")
    if not world.chance(0.1):
        world.json(f"containers/{name}/hostconfig.json", {"Binds": binds or None, "VolumesFrom": None, "Links": None})
    world.json(f"containers/{name}/config.json", record)
    world.put(f"containers/{name}/{name}-json.log", "{}\n")
    world.live.update([f"containers/{name}", f"graph/{image}"])
    for needed in below + [name, f"{name}-init"]:
        world.live.update(layer_paths(world.tree, driver, needed))


def mount(world, record, binds, release, volume, path):
    """Writes into a container's record that it mounts this volume, in one of the ways there are."""
    target = f"/data{len(record['Volumes']) + len(record.get('MountPoints', {}))}"
    way = world.dice.random()
    if way < 0.15:
        inside = path + world.dice.choice(["", "/x", "/sub/deep"])
        binds.append(f"{inside}:{target}")
        if release < 7:
            record["Volumes"][target] = inside
        else:
            record.setdefault("MountPoints", {})[target] = {
                "Name": "", "Destination": target, "Driver": "", "RW": True, "Source": inside, "Relabel": ""}
    elif release < 7 or way < 0.3:
        record["Volumes"][target] = path
    else:
        record.setdefault("MountPoints", {})[target] = {
            "Name": volume, "Destination": target, "Driver": "local", "RW": True, "Source": "", "Relabel": ""}


def bind_record(world, release, host):
    """What 1.3 to 1.6 wrote for a bind mount: a record without data."""
    if 3 <= release <= 6:
        name = world.id()
        world.json(f"volumes/{name}/config.json", {"ID": name, "Path": host, "IsBindMount": True, "Writable": True})


# --- what crashes leave ----------------------------------------------------------------------------------------------

def left_layer(world, driver, ancestors):
    """A pull that was killed: the layer is there, its record is still scratch."""
    parent = world.dice.choice(list(ancestors))
    layer(world, driver, world.id(), [parent] + ancestors[parent])
    world.put(f"graph/_tmp/{world.id()}/json", "{}")


def left_init(world, driver, ancestors):
    """A container whose removal stopped after its writable layer."""
    parent = world.dice.choice(list(ancestors))
    layer(world, driver, world.id() + "-init", [parent] + ancestors[parent], True)


def left_removing(world, driver, ancestors):
    if driver == "aufs":
        name = world.id()
        for part in ("diff", "mnt"):
            world.put(f"aufs/{part}/{name}-removing/x", "x")


def left_image(world, driver, ancestors):
    """An entry of graph/ without layer: with its record, or empty."""
    name = world.id()
    if world.chance(0.5):
        legacy_image(world, name, world.dice.choice([None] + list(ancestors)))
    else:
        world.put(f"graph/{name}", DIR)


def left_container(world, driver, ancestors):
    name = world.id()
    world.put(f"containers/{name}", DIR)
    if world.chance(0.5):
        world.put(f"containers/{name}/{name}-json.log", "lines\n")


def left_volume(world, driver, ancestors):
    """The data of a volume whose record is gone."""
    world.put(f"vfs/dir/{world.id()}/x", "x")


def left_bind_record(world, driver, ancestors):
    bind_record(world, 6, "/srv/nobody")


LEGACY_LEFTOVERS = [left_layer, left_layer, left_init, left_removing, left_image, left_container, left_volume, left_bind_record]
