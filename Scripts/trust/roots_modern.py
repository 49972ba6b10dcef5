# SPDX-License-Identifier: Apache-2.0
"""Random data roots of Docker 1.10 and later: layer records, BuildKit, volumes with a database, containerd's store."""
import hashlib, json, struct

import bolt
from roots import BASE32, BASE36, HEX, layer, layer_paths
from tree import DIR, Link

OVERLAYS = ("overlay2", "fuse-overlayfs")


class Store:
    """The image store of one driver under construction."""

    def __init__(self, world, driver):
        self.world, self.driver, self.at = world, driver, f"image/{driver}"
        self.links = {}    # layer -> its short name
        self.lowers = {}   # layer -> the layers below it, nearest first
        self.records = []  # (chain, cache id, the chains below, nearest first)
        self.images = []   # (id, the record of its top layer)

    def directory(self, name, below=(), writable=False):
        """Makes the directory of a layer, with `below` as the layer directly under it (or None)."""
        world = self.world
        self.lowers[name] = ([below] + self.lowers.get(below, [])) if below else []
        if self.driver not in OVERLAYS:
            layer(world, self.driver, name, self.lowers[name], writable)
            return
        link, folder = world.name(BASE32, 26), f"{self.driver}/{name}"
        self.links[name] = link
        world.put(f"{folder}/diff/x", "x")
        world.put(f"{folder}/link", link)
        world.put(f"{self.driver}/l/{link}", Link(f"../{name}/diff"))
        if below:
            world.put(f"{folder}/lower", ":".join("l/" + self.links[other] for other in self.lowers[name]))
            world.put(f"{folder}/work", DIR)
            world.put(f"{self.driver}/{below}/committed", "")

    def paths(self, name):
        paths = layer_paths(self.world.tree, self.driver, name)
        return paths + ([f"{self.driver}/l/{self.links[name]}"] if name in self.links else [])

    def record(self, parent, cache):
        """A layer record on `parent` (an earlier one or None) with the directory `cache`."""
        world, diff = self.world, "sha256:" + self.world.name(HEX, 64)
        chain = diff if not parent else "sha256:" + hashlib.sha256(f"sha256:{parent[0]} {diff}".encode()).hexdigest()
        folder = f"{self.at}/layerdb/sha256/{chain[7:]}"
        for name, text in (("cache-id", cache), ("diff", diff), ("size", "12"), ("tar-split.json.gz", "\x1f")):
            world.put(f"{folder}/{name}", text)
        if parent:
            world.put(f"{folder}/parent", f"sha256:{parent[0]}")
        made = (chain[7:], cache, [parent[0]] + parent[2] if parent else [], (parent[3] if parent else []) + [diff])
        self.records.append(made)
        return made

    def layer(self, parent=None):
        cache = self.world.name(BASE36, 25) if self.world.chance(0.1) else self.world.id()
        self.directory(cache, parent[1] if parent else None)
        return self.record(parent, cache)

    def needed(self, record):
        """All paths that a record and what is below it consist of."""
        paths = []
        for chain in [record[0]] + record[2]:
            paths.append(f"{self.at}/layerdb/sha256/{chain}")
            paths += self.paths(next(each[1] for each in self.records if each[0] == chain))
        return paths


def modern(world, driver):
    """A root of one engine of 1.10 or later."""
    store = Store(world, driver)
    world.note.append(f"1.10+ {driver}")
    for name in ("containers", "volumes", "imagedb/content/sha256", "imagedb/metadata/sha256", "layerdb/sha256", "layerdb/mounts", "layerdb/tmp", "distribution"):
        world.put(name if name in ("containers", "volumes") else f"{store.at}/{name}", DIR)
    for name in {"aufs": ("aufs/diff", "aufs/mnt", "aufs/layers"), "vfs": ("vfs/dir",), "overlay": ("overlay",)}.get(driver, (f"{driver}/l",)):
        world.put(name, DIR)
    images(store)
    volumes = modern_volumes(world)
    for _ in range(world.dice.randint(0, 3)):
        container(store, volumes)
    if world.chance(0.4) and not world.tree.is_dir("buildkit"):
        buildkit(store)
    for _ in range(world.dice.randint(0, 3)):
        world.dice.choice(LEFTOVERS)(store)


def images(store):
    """Layers on each other, images on them, names for some."""
    world, repositories = store.world, {}
    for _ in range(world.dice.randint(1, 5)):
        store.layer(world.dice.choice(store.records) if store.records and world.chance(0.7) else None)
    for number in range(world.dice.randint(0, 4)):
        top = world.dice.choice(store.records)
        text = json.dumps({"architecture": "amd64", "config": {"Cmd": ["sh", str(number)]}, "created": "2022-01-01T00:00:00Z",
                           "os": "linux", "rootfs": {"type": "layers", "diff_ids": top[3]}}, separators=(",", ":"))
        name = hashlib.sha256(text.encode()).hexdigest()
        world.put(f"{store.at}/imagedb/content/sha256/{name}", text)
        metadata = f"{store.at}/imagedb/metadata/sha256/{name}"
        if store.images and world.chance(0.2):
            world.put(f"{metadata}/parent", "sha256:" + world.dice.choice(store.images)[0])
        elif world.chance(0.3):
            world.put(f"{metadata}/lastUpdated", "2022-01-01T00:00:00Z")
        store.images.append((name, top))
        if world.chance(0.6):
            repository = f"shop/app{number}"
            repositories[repository] = {f"{repository}:1.{number}": f"sha256:{name}"}
            if world.chance(0.3):
                repositories[repository][f"{repository}@sha256:{world.id()}"] = f"sha256:{name}"
            world.live.add(f"{store.at}/imagedb/content/sha256/{name}")
            world.live.update(store.needed(top))
    world.json(f"{store.at}/repositories.json", {"Repositories": repositories})


def modern_volumes(world):
    """Volumes with or without a database. Returns (name, path in the recorded root)."""
    volumes, rows = [], {}
    for _ in range(world.dice.randint(0, 4)):
        name = world.id() if world.chance(0.5) else world.dice.choice(["pgdata", "cache", "v.1"]) + world.name("xyz", 3)
        world.put(f"volumes/{name}/_data/x", "x")
        options = None
        if world.chance(0.1):
            options = {"type": "none", "o": "bind", "device": "/precious"}
            world.json(f"volumes/{name}/opts.json", {"MountType": "none", "MountOpts": "bind", "MountDevice": "/precious", "Quota": {"Size": 0}})
        if world.chance(0.9):
            rows[name.encode()] = json.dumps({"Name": name, "Driver": "local", "Labels": None, "Options": options}).encode()
        volumes.append((name, f"{world.recorded}/volumes/{name}/_data"))
    if world.tree.file("volumes/metadata.db") is None and world.chance(0.8):
        world.put("volumes/metadata.db", bolt.write({b"volumes": rows}))
    return volumes


def container(store, volumes):
    """A container, its layers, its mount record, its mounts."""
    world, name, mounted = store.world, store.world.id(), store.world.id()
    image, top = world.dice.choice(store.images) if store.images else (world.id(), world.dice.choice(store.records))
    world.containers.append(name)
    at = f"{world.recorded}/containers/{name}"
    record = {"ID": name, "Created": "2022-01-02T00:00:00Z", "Name": "/c" + name[:4], "Image": f"sha256:{image}", "Driver": store.driver,
              "State": {"Running": world.chance(0.2), "Dead": world.chance(0.05)}, "Config": {"Image": "shop/app", "Labels": {}},
              "MountPoints": {}, "LogPath": f"{at}/{name}-json.log", "HostnamePath": f"{at}/hostname", "HostsPath": f"{at}/hosts",
              "ResolvConfPath": f"{at}/resolv.conf"}
    host = {"Binds": None, "Mounts": None, "LogConfig": {"Type": "json-file", "Config": {}}}
    for volume, path in volumes:
        if world.chance(0.4):
            world.live.add(f"volumes/{volume}")
            target, way = f"/data{len(record['MountPoints'])}", world.dice.random()
            if way < 0.2:
                host["Binds"] = (host["Binds"] or []) + [f"{path}/sub:{target}:rw"]
                record["MountPoints"][target] = {"Source": path + "/sub", "Destination": target, "RW": True, "Name": "", "Driver": "", "Type": "bind"}
            else:
                record["MountPoints"][target] = {"Source": "" if way < 0.6 else path, "Destination": target, "RW": True, "Name": volume,
                                                 "Driver": "local", "Type": "volume"}
    world.json(f"containers/{name}/config.v2.json", record)
    if not world.chance(0.05):
        world.json(f"containers/{name}/hostconfig.json", host)
    if world.tree.is_dir("graph") and world.chance(0.5):
        world.json(f"containers/{name}/config.json", {"ID": name, "Image": image, "stale": True})
    world.put(f"containers/{name}/{name}-json.log", "{}\n")
    writable_layers(store, name, mounted, top)
    world.live.update([f"containers/{name}", f"{store.at}/layerdb/mounts/{name}"])
    world.live.update(store.paths(mounted) + store.paths(mounted + "-init") + store.needed(top))


def writable_layers(store, name, mounted, top):
    store.directory(f"{mounted}-init", top[1], True)
    store.directory(mounted, f"{mounted}-init", True)
    folder = f"{store.at}/layerdb/mounts/{name}"
    store.world.put(f"{folder}/mount-id", mounted)
    store.world.put(f"{folder}/init-id", f"{mounted}-init")
    store.world.put(f"{folder}/parent", f"sha256:{top[0]}")


# --- BuildKit ----------------------------------------------------------------------------------------------------

def buildkit(store):
    """The four databases of BuildKit, and the directories that only they know."""
    world, snapshots, records, leases = store.world, {}, {}, {}
    for _ in range(world.dice.randint(0, 4)):
        key, way, base = world.name(BASE36, 25), world.dice.random(), world.dice.choice(store.records)
        if way < 0.4:  # the key is the directory
            store.directory(key, base[1])
            snapshots[key] = {"parent": f"sha256:{base[0]}"}
            if world.chance(0.5):
                snapshots[key].update({"iscommitted": "", "size": "12"})
        elif way < 0.7:  # the key is a second name
            folder = world.name(BASE36, 25)
            store.directory(folder, base[1])
            snapshots[key] = {"committed": folder}
            snapshots[folder] = {"parent": f"sha256:{base[0]}", "iscommitted": ""}
        elif way < 0.85:  # a layer of the engine
            made = store.layer(base)
            snapshots[made[1] if len(made[1]) == 25 else key] = {"parent": f"sha256:{base[0]}", "chainid": f"sha256:{made[0]}", "iscommitted": ""}
            key = made[1] if len(made[1]) == 25 else key
            if key not in store.lowers:
                store.directory(key, base[1])
        else:
            snapshots[f"sha256:{base[0]}"] = {}
            key = f"sha256:{base[0]}"
        record = world.name(BASE36, 25)
        records[record] = {"cache.snapshot": key, "cache.description": "[1/2] RUN x", "cache.recordType": "regular",
                           "cache.createdAt": 1645000000000000000, "snapshot.size": 12}
        leases[record] = {b"createdat": b"\1" + b"\0" * 14, b"labels": {b"containerd.io/gc.flat": b"2022-01-01T00:00:00Z"},
                          b"snapshots": {b"default": {key.encode(): b""}}}
    text = {key.encode(): {field.encode(): value.encode() for field, value in fields.items()} for key, fields in snapshots.items()}
    world.put("buildkit/snapshots.db", bolt.write(text))
    main = {record.encode(): {field.encode(): json.dumps({"value": value, "index": ""}).encode() for field, value in fields.items()}
            for record, fields in records.items()}
    world.put("buildkit/metadata_v2.db", bolt.write({b"_main": main, b"_external": {}, b"_index": {}}))
    tree = {b"buildkit": {b"leases": {record.encode(): lease for record, lease in leases.items()}}} if leases else {}
    world.put("buildkit/containerdmeta.db", bolt.write({b"v1": {b"version": b"\6", **tree}} if leases else {}))
    world.put("buildkit/cache.db", bolt.write({b"_result": {}, b"_links": {}, b"_byresult": {}, b"_backlinks": {}}))
    world.put("buildkit/executor", DIR)
    world.put("buildkit/content/ingest", DIR)


# --- containerd's store --------------------------------------------------------------------------------------------

def containerd(world):
    """A containerd with one image of Docker, in the data root: what else lies in the root may be a hidden store."""
    base, digest, number = "containerd/daemon/", "sha256:" + world.id(), "1"
    key, time = "sha256:" + world.id(), b"\1" + struct.pack(">qih", 63800000000, 0, -1)
    target = {b"digest": digest.encode(), b"mediatype": b"application/vnd.oci.image.manifest.v1+json", b"size": b"\x28"}
    names = {b"docker.io/library/app:1": {b"createdat": time, b"updatedat": time, b"target": target}} if world.chance(0.8) else {}
    blob = {b"createdat": time, b"updatedat": time, b"size": b"\x28",
            b"labels": {b"containerd.io/gc.ref.snapshot.overlayfs": key.encode()}}
    snapshot = {b"name": b"moby/1/" + key.encode(), b"createdat": time, b"updatedat": time}
    moby = {b"images": names, b"content": {b"blob": {digest.encode(): blob}}, b"snapshots": {b"overlayfs": {key.encode(): snapshot}}}
    world.put(base + "io.containerd.metadata.v1.bolt/meta.db", bolt.write({b"v1": {b"version": b"\6", b"moby": moby}}))
    row = {b"id": b"\1", b"kind": b"\3", b"createdat": time, b"updatedat": time}
    world.put(base + "io.containerd.snapshotter.v1.overlayfs/metadata.db", bolt.write({b"v1": {b"snapshots": {b"moby/1/" + key.encode(): row}}}))
    world.put(base + f"io.containerd.snapshotter.v1.overlayfs/snapshots/{number}/fs", DIR)
    world.put(base + f"io.containerd.content.v1.content/blobs/sha256/{digest[7:]}", "{}")
    world.put(base + "io.containerd.content.v1.content/ingest", DIR)
    world.note.append("containerd")


# --- what crashes leave ----------------------------------------------------------------------------------------------

def left_import(store):
    """A killed import: the directory, and a record that was not yet renamed into its place."""
    store.directory(store.world.id(), store.world.dice.choice(store.records)[1] if store.world.chance(0.5) else None)
    if store.world.chance(0.7):
        store.world.put(f"{store.at}/layerdb/tmp/write-set-{store.world.name('0123456789', 9)}/cache-id", "")


def left_create(store):
    """A killed `docker create`: both layers, perhaps the mount record and the container's directory, no record of it."""
    world, name, mounted, top = store.world, store.world.id(), store.world.id(), store.world.dice.choice(store.records)
    way = world.dice.random()
    if way < 0.3:
        store.directory(f"{mounted}-init", top[1], True)
        if world.chance(0.5):
            store.directory(mounted, f"{mounted}-init", True)
        return
    writable_layers(store, name, mounted, top)
    if way < 0.8:
        world.put(f"containers/{name}/checkpoints", DIR)
        world.json(f"containers/{name}/hostconfig.json", {"Binds": None})


def left_removing(store):
    """A removal that stopped: the record has another name, its directory may be gone."""
    name = store.world.id()
    folder = f"{store.at}/layerdb/sha256/{store.world.id()}-{store.world.id()}-removing"
    for part, text in (("cache-id", name), ("diff", f"sha256:{store.world.id()}"), ("size", "12")):
        store.world.put(f"{folder}/{part}", text)
    if store.world.chance(0.7):
        store.directory(name, None)
    elif store.world.chance(0.3) and store.records:
        store.world.put(f"{folder}/cache-id", store.world.dice.choice(store.records)[1])


def left_link(store):
    if store.driver in OVERLAYS:
        store.world.put(f"{store.driver}/l/{store.world.name(BASE32, 26)}", Link(f"../{store.world.id()}/diff"))


def left_half(store):
    """A removal that failed half way: neither `link` nor `lower`."""
    if store.driver in OVERLAYS:
        store.world.put(f"{store.driver}/{store.world.id()}/diff/x", "x")


def left_build(store):
    """BuildKit's directory without a record."""
    if store.world.tree.is_dir("buildkit"):
        store.directory(store.world.name(BASE36, 25), None)


def left_container(store):
    store.world.put(f"containers/{store.world.id()}", DIR)


def left_volume(store):
    store.world.put(f"volumes/{store.world.id()}/_data/x", "x")


def left_layers(store):
    """A pull that stopped between two layers: whole records that no image has."""
    store.layer(store.layer())


LEFTOVERS = [left_import, left_import, left_create, left_create, left_removing, left_link, left_half, left_build,
             left_container, left_volume, left_layers]
