# SPDX-License-Identifier: Apache-2.0
"""The oracle: what in a data root is needed, and what nobody needs, by docs/formats and nothing else.

It shares no code with Bilge, is far simpler, and reads a root that is whole. Things are nodes; a record that names another
thing is an edge. What the roots of the first kind (names of images, containers) reach is *needed*. What those of the second
kind (anything an engine would list, what cannot be read) reach besides is *kept*. The rest of what an engine may leave
behind is an *orphan*; those that docs/classes.md promises to find are *sure*.
"""
import json, re

import bolt
from tree import Link

HEX64 = re.compile(r"[0-9a-f]{64}\Z")
LAYER = re.compile(r"([0-9a-f]{64}(-init)?|[0-9a-z]{25})\Z")
REMOVING = re.compile(r"[0-9a-f]{64}-[0-9a-f]{64}-removing\Z")
VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
OVERLAYS = ("overlay2", "fuse-overlayfs")
HOMES = {"overlay2": "overlay2", "fuse-overlayfs": "fuse-overlayfs", "overlay": "overlay", "vfs": "vfs/dir", "aufs": "aufs/diff"}


class Verdict:
    """Sets of paths, relative to the root."""

    def __init__(self):
        self.needed, self.orphans, self.sure, self.elsewhere = set(), set(), set(), set()


class Judge:
    def __init__(self, tree):
        self.tree = tree
        self.edges = {}
        self.paths = {}      # node -> its paths
        self.needs = set()   # roots of the first kind
        self.keeps = set()   # roots of the second kind
        self.elsewhere = set()  # volumes whose data is elsewhere: judged like others, never taken
        self.unsure = set()  # nodes that may be orphans, and need not be found

    def node(self, name, *paths):
        self.paths.setdefault(name, []).extend(path for path in paths if self.tree.at(path) is not None)
        return name

    def edge(self, source, target):
        self.edges.setdefault(source, set()).add(target)

    def reach(self, start):
        seen, pending = set(), list(start)
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending.extend(self.edges.get(name, ()))
        return seen

    def document(self, path):
        """The object in a JSON file, or None."""
        try:
            value = json.loads(self.tree.file(path) or b"")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    # --- all of it ---------------------------------------------------------------------------------------------

    def verdict(self):
        self.stores = [name for name in self.tree.names("image") if self.tree.is_dir(f"image/{name}/layerdb")]
        self.layers()
        self.graph()
        self.volumes()
        for driver in self.stores:
            self.store(driver)
        self.buildkit()
        self.containers()
        self.scratch()
        self.mentions()
        needed = self.reach(self.needs)
        kept = needed | self.reach(self.keeps)
        verdict = Verdict()
        verdict.elsewhere = self.elsewhere
        keep_paths = {path for name in kept for path in self.paths.get(name, ())}
        for name, paths in self.paths.items():
            if name in needed:
                verdict.needed.update(paths)
            elif name not in kept:
                free = [path for path in paths if path not in keep_paths]
                verdict.orphans.update(free)
                if name not in self.unsure and len(free) == len(paths):
                    verdict.sure.update(free)
        if self.hidden():
            judged = lambda path: path.split("/")[0] not in ("image", "graph", *(home.split("/")[0] for home in HOMES.values()))
            verdict.orphans = {path for path in verdict.orphans if judged(path) or path.startswith("graph/_tmp/")}
            verdict.sure = set()
        return verdict

    def mentions(self):
        """A volume of which half an id stands in a record of a container need not be found (docs/formats/containers.md)."""
        records = [self.tree.file(f"containers/{name}/{file}") or b"" for name in self.tree.names("containers")
                   for file in ("config.v2.json", "config.json", "hostconfig.json")]
        for name in self.paths:
            kind, _, volume = name.rpartition(" ")
            halves = (volume[:32].encode(), volume[32:].encode())
            if kind in ("volume", "layer vfs") and HEX64.match(volume) and any(half in record for record in records for half in halves):
                self.unsure.add(name)

    def hidden(self):
        """Whether more than one store is in the root: then any may be hidden, and nothing in them is an orphan."""
        drivers = set(self.stores) | {driver for driver, home in HOMES.items() if driver != "vfs" and self.tree.names(home)}
        drivers |= {name.partition("-")[2] for name in self.tree.names("") if name == "repositories-vfs"}
        return len(drivers) > 1 or self.docker_in_containerd()

    def docker_in_containerd(self):
        path = "containerd/daemon/io.containerd.metadata.v1.bolt/meta.db"
        if self.tree.at(path) is None:
            return False
        try:
            return bool(bolt.read(self.tree.file(path) or b"").get(b"v1", {}).get(b"moby", {}).get(b"images"))
        except ValueError:
            return True

    # --- layers ------------------------------------------------------------------------------------------------

    def layers(self):
        """A node for every directory of a layer, `layer <driver> <name>`, and what it is built on."""
        for driver, home in HOMES.items():
            homes = ("aufs/diff", "aufs/mnt", "aufs/layers") if driver == "aufs" else (home,)
            for name in sorted({name for each in homes for name in self.tree.names(each)}):
                if LAYER.match(name) and driver != "vfs":
                    self.node(f"layer {driver} {name}", *(f"{each}/{name}" for each in homes))
                elif re.match(r"[0-9a-f]{64}(-init)?-removing\Z", name):
                    self.node(f"removing {driver} {name}", *(f"{each}/{name}" for each in homes if each != "aufs/layers"))
                    if driver != "aufs":  # only that driver renames first; elsewhere it is nobody's
                        self.unsure.add(f"removing {driver} {name}")
        for name in self.tree.names("aufs/layers"):
            for below in self.tree.text(f"aufs/layers/{name}").split():
                self.edge(f"layer aufs {name}", f"layer aufs {below}")
        for name in self.tree.names("overlay"):
            self.edge(f"layer overlay {name}", "layer overlay " + self.tree.text(f"overlay/{name}/lower-id"))
        for driver in OVERLAYS:
            self.overlay2(driver)

    def overlay2(self, driver):
        links = {}
        for link in self.tree.names(f"{driver}/l"):
            target = re.match(r"\.\./([^/]+)/diff\Z", str(self.tree.at(f"{driver}/l/{link}")))
            if isinstance(self.tree.at(f"{driver}/l/{link}"), Link) and target and LAYER.match(target[1]):
                links[link] = f"layer {driver} {target[1]}"
                self.node(links[link] if self.tree.is_dir(f"{driver}/{target[1]}") else f"link {driver} {link}", f"{driver}/l/{link}")
        for name in self.tree.names(driver):
            short = self.tree.text(f"{driver}/{name}/link")
            if short:
                links.setdefault(short, f"layer {driver} {name}")
        for name in self.tree.names(driver):
            for part in self.tree.text(f"{driver}/{name}/lower").split(":"):
                link = part.rpartition("/")[2]
                self.edge(f"layer {driver} {name}", links.get(link, ""))
                if f"link {driver} {link}" in self.paths:
                    self.keeps.add(f"link {driver} {link}")

    # --- 1.0 to 1.9 --------------------------------------------------------------------------------------------

    def graph(self):
        tagged = set()
        for name in self.tree.names(""):
            if name == "repositories" or name.startswith("repositories-"):
                for tags in ((self.document(name) or {}).get("Repositories") or {}).values():
                    tagged.update(tags.values())
        self.needs.update(f"image {name}" for name in tagged)
        # Where no image has its layer, all of them may be on a disk that is not mounted: whatever is in graph/ stays.
        lost = not any(self.in_drivers(name) for name in self.tree.names("graph"))
        for name in self.tree.names("graph"):
            if not HEX64.match(name):
                continue
            node, record = self.node(f"image {name}", f"graph/{name}"), self.document(f"graph/{name}/json")
            fields = {key.lower(): value for key, value in (record or {}).items()}
            for driver in HOMES:
                self.edge(node, f"layer {driver} {name}")
                if fields.get("parent"):
                    self.edge(node, f"layer {driver} {fields['parent']}")
            if fields.get("parent"):
                self.edge(node, f"image {fields['parent']}")
            valid = fields.get("id") == name
            has_layer = self.in_drivers(name) or self.tree.at(f"graph/{name}/layer") is not None
            if lost or has_layer or (valid and self.tree.is_dir("image")) or (self.tree.at(f"graph/{name}/json") is not None and not valid):
                self.keeps.add(node)

    def in_drivers(self, name):
        return any(self.tree.at(f"{home}/{name}") is not None for home in (*HOMES.values(), "aufs/layers"))

    # --- volumes -----------------------------------------------------------------------------------------------

    def volumes(self):
        """`volume <name>`; an entry of vfs/dir is one, a layer, or both."""
        database = self.tree.at("volumes/metadata.db") is not None
        old = self.tree.is_dir("graph") or any(self.tree.at(f"containers/{name}/config.json") is not None for name in self.tree.names("containers"))
        for name in self.tree.names("vfs/dir"):
            if not LAYER.match(name):
                continue
            as_layer = self.node(f"layer vfs {name}", f"vfs/dir/{name}")
            if HEX64.match(name) and (old or "vfs" not in self.stores or self.tree.is_dir(f"volumes/{name}")):
                as_volume = self.node(f"volume {name}", f"vfs/dir/{name}")
                if "vfs" in self.stores:
                    self.unsure.update((as_layer, as_volume))
        for name in self.tree.names("volumes"):
            path = f"volumes/{name}"
            if not self.tree.is_dir(path) or not VOLUME.match(name):
                continue
            if self.is_bind_record(name):
                self.node(f"bind {name}", path)
                continue
            node = self.node(f"volume {name}", path)
            if database or not HEX64.match(name):
                self.keeps.add(node)
            if self.tree.at(f"{path}/opts.json") is not None:
                self.elsewhere.add(path)
            target = self.tree.at(f"{path}/_data")
            if isinstance(target, Link):
                self.edge(node, "volume " + target.rpartition("/")[2])
                self.unsure.add(node)

    def is_bind_record(self, name):
        record = self.document(f"volumes/{name}/config.json") or {}
        return (record.get("IsBindMount") is True and self.tree.at(f"volumes/{name}/_data") is None
                and self.tree.at(f"vfs/dir/{name}") is None)

    # --- 1.10 and later ----------------------------------------------------------------------------------------

    def store(self, driver):
        at = f"image/{driver}"
        by_diff = {}
        for name in self.tree.names(f"{at}/layerdb/sha256"):
            folder = f"{at}/layerdb/sha256/{name}"
            cache = self.tree.text(f"{folder}/cache-id")
            if HEX64.match(name):
                node = self.node(f"record {driver} {name}", folder)
                self.keeps.add(node)
                parent = self.tree.text(f"{folder}/parent")[7:]
                by_diff[parent, self.tree.text(f"{folder}/diff")] = name
                if parent:
                    self.edge(node, f"record {driver} {parent}")
                self.edge(node, f"layer {driver} {cache}")
            elif REMOVING.match(name):
                self.edge(self.node(f"removing {name}", folder), f"layer {driver} {cache}")
        for name in self.tree.names(f"{at}/layerdb/mounts"):
            node, folder = self.node(f"mount {driver} {name}", f"{at}/layerdb/mounts/{name}"), f"{at}/layerdb/mounts/{name}"
            self.edge(node, f"record {driver} {self.tree.text(folder + '/parent')[7:]}")
            # The init layer is always <mount-id>-init, so that each of the two files tells of both layers.
            mounted, initial = (self.tree.text(f"{folder}/{part}") for part in ("mount-id", "init-id"))
            for layer in (mounted, f"{mounted}-init", initial, initial.removesuffix("-init")):
                self.edge(node, f"layer {driver} {layer}")
            self.edge(f"container {name}", node)
            if not HEX64.match(name):
                self.unsure.add(node)
        for name in self.tree.names(f"{at}/layerdb/tmp"):
            self.node(f"scratch {driver} {name}", f"{at}/layerdb/tmp/{name}")
        for tags in ((self.document(f"{at}/repositories.json") or {}).get("Repositories") or {}).values():
            self.needs.update(f"content {driver} {image[7:]}" for image in tags.values())
        for name in self.tree.names(f"{at}/imagedb/content/sha256"):
            self.content(driver, name, by_diff)
        if self.tree.at(f"{at}/layerdb") is not None and self.tree.at(f"{at}/layerdb/sha256") is None:
            # The records of all layers are missing: nothing of this driver has to be found (docs/formats/layerdb.md).
            homes = (f"{at}/", HOMES.get(driver, driver) + "/")
            self.unsure.update(name for name, paths in self.paths.items() if any(path.startswith(homes) for path in paths))

    def content(self, driver, name, by_diff):
        """An image: engines list it, so it is kept. It needs the record of each of its layers."""
        at = f"image/{driver}/imagedb"
        node = self.node(f"content {driver} {name}", f"{at}/content/sha256/{name}", f"{at}/metadata/sha256/{name}")
        self.keeps.add(node)
        self.edge(node, f"content {driver} {self.tree.text(f'{at}/metadata/sha256/{name}/parent')[7:]}")
        chain = ""
        for diff in ((self.document(f"{at}/content/sha256/{name}") or {}).get("rootfs") or {}).get("diff_ids") or []:
            chain = by_diff.get((chain, diff), "")
            if not chain:
                break
            self.edge(node, f"record {driver} {chain}")

    def buildkit(self):
        """What BuildKit's databases name is kept: the builder lists it and is the one to remove it."""
        names = set()
        rows = self.database("buildkit/snapshots.db")
        for key, fields in rows.items():
            names.add(key.decode())
            names.update(fields.get(field, b"").decode() for field in (b"committed", b"chainid", b"parent"))
        for record, fields in self.database("buildkit/metadata_v2.db").get(b"_main", {}).items():
            names.add(record.decode())
            for field in (b"cache.snapshot", b"cache.chainID", b"cache.equalMutable"):
                names.add(re.sub(rb'.*"value":"([^"]*)".*', rb"\1", fields.get(field, b"")).decode())
        for driver in HOMES:
            self.keeps.update(f"layer {driver} {name}" for name in names)
            self.keeps.update(f"record {driver} {name[7:]}" for name in names if name.startswith("sha256:"))

    def database(self, path):
        try:
            return bolt.read(self.tree.file(path) or b"")
        except ValueError:
            return {}

    # --- containers --------------------------------------------------------------------------------------------

    def containers(self):
        mounted, whole = set(), set()
        modern = any(self.tree.at(f"volumes/{name}/_data") is not None for name in self.tree.names("volumes")) or bool(self.stores)
        for name in self.tree.names("containers"):
            if not HEX64.match(name):
                continue
            node, folder = self.node(f"container {name}", f"containers/{name}"), f"containers/{name}"
            record = next((file for file in ("config.v2.json", "config.json") if self.tree.at(f"{folder}/{file}") is not None), None)
            for driver in ("aufs", "overlay", "vfs"):
                for layer in (name, name + "-init"):
                    self.edge(node, f"layer {driver} {layer}")
            if record is None:
                continue
            self.needs.add(node)
            fields = self.document(f"{folder}/{record}") or {}
            image = str(fields.get("Image") or "").removeprefix("sha256:")
            self.edge(node, f"image {image}")
            for driver in self.stores:
                self.edge(node, f"content {driver} {image}")
            paths, names = self.mounts(fields, self.document(f"{folder}/hostconfig.json") or {})
            mounted |= paths
            modern = modern or fields.get("MountPoints") is not None
            for volume in names | {volume for path in paths for volume in self.volumes_in(path)}:
                self.edge(node, f"volume {volume}")
            whole |= {home for path in paths for home in ("volumes", "vfs/dir", "vfs") if path.rstrip("/").endswith("/" + home)}
        for node in list(self.paths):
            if any(path.startswith(home + "/") for home in whole for path in self.paths[node]):
                # Whoever mounts all of it may use any of it; a layer that lies there need not be found.
                (self.keeps if node.startswith("volume ") else self.unsure).add(node)
            if node.startswith("bind "):
                record = self.document(f"volumes/{node[5:]}/config.json")
                if record.get("Path") in mounted and not modern:
                    self.keeps.add(node)
                self.unsure.add(node)

    def mounts(self, fields, host):
        """(paths on the host that a container mounts, names of volumes)."""
        paths, names = set((fields.get("Volumes") or {}).values()), set()
        for point in (fields.get("MountPoints") or {}).values():
            paths.add(point.get("Source") or "")
            names.add(point.get("Name") or "")
        for bind in host.get("Binds") or []:
            source = bind.split(":")[0]
            paths.add(source)
            names.add(source)
        for point in host.get("Mounts") or []:
            paths.add(point.get("Source") or "")
            names.add(point.get("Source") or "")
        return paths, names

    def volumes_in(self, path):
        """Volumes of this root that a recorded path lies in, wherever the root was then."""
        return re.findall(r"/volumes/([^/]+)", path) + re.findall(r"/vfs/dir/([^/]+)", path)

    def scratch(self):
        for name in self.tree.names("tmp"):
            self.node(f"tmp {name}", f"tmp/{name}")
        self.node("tmp-old", "tmp-old")
        for name in self.tree.names("graph/_tmp"):
            self.node(f"_tmp {name}", f"graph/_tmp/{name}")
        for name in self.tree.names("plugins"):
            if re.match(r"[0-9a-f]{64}-removing\Z", name):
                self.node(f"plugin {name}", f"plugins/{name}")


def judge(tree):
    return Judge(tree).verdict()
