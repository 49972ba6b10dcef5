// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Builds the `overlay2` host: a data root of Docker 20.10, recorded as `/var/lib/docker`, without its databases.
struct Overlay2Host {
    private typealias Layer = Overlay2Store.Layer

    private let tree: SampleTree
    private let store: Overlay2Store

    private let base = Layer("debian", on: nil, size: 80_400_000)
    private let runtime: Layer
    private let database: Layer
    private let releases: [(tag: String, moment: String, layer: Layer)]

    init(_ tree: SampleTree) {
        self.tree = tree
        store = Overlay2Store(tree: tree)
        let runtime = Layer("runtime", on: base, size: 41_200_000)
        self.runtime = runtime
        database = Layer("postgres", on: base, size: 246_000_000)
        releases = [("4.10", "02-20T10:12:00"), ("4.11", "03-01T09:40:00"), ("4.12", "03-10T15:05:00")].map {
            tag, moment in
            (tag, moment, Layer("shop/api:\(tag)", on: runtime, size: 12_600_000))
        }
    }

    func build() throws(DiskError) -> [Leftover] {
        tree.modified = moment("01-09T08:00:00")
        try store.makeFrame()
        try makeImages()
        try makeVolumes()
        for (container, top) in containers { try make(container, on: top) }
        return try makeLeftovers()
    }

    // MARK: - Images

    private func makeImages() throws(DiskError) {
        tree.modified = moment("02-08T07:30:00")
        try store.make(base, on: nil, files: [("os-release", Array("NAME=Debian\n".utf8)), data("libc.so.6", 60_000)])
        try store.make(runtime, on: base, files: [data("runtime", 40_000)])
        try store.make(database, on: base, files: [data("postgres", 70_000)])
        var names: [(String, String)] = []
        for (tag, moment, layer) in releases {
            tree.modified = self.moment(moment)
            try store.make(layer, on: runtime, files: [data("api-\(tag)", 30_000)])
            let id = try store.makeImage(
                "shop/api:\(tag)", of: [base, runtime, layer], created: tree.modified, command: "/api serve")
            names.append(("shop/api:\(tag)", id))
            names.append(("shop/api@sha256:\(SampleID.hex("manifest \(tag)"))", id))
        }
        tree.modified = moment("02-09T21:14:00")
        let id = try store.makeImage("postgres:13", of: [base, database], created: tree.modified, command: "postgres")
        names += [("postgres:13", id), ("postgres@sha256:\(SampleID.hex("manifest postgres"))", id)]
        tree.modified = moment("03-10T15:05:10")
        try store.makeTags(names)
    }

    // MARK: - Containers and volumes

    private var containers: [(Container, Layer)] {
        let project = ["com.docker.compose.project": "shop"]
        func image(_ name: String) -> String { SampleID.hex("image \(name)") }
        return [
            (
                Container(
                    name: "shop_api_1", imageID: image("shop/api:4.12"), imageName: "shop/api:4.12",
                    command: "/api serve",
                    created: moment("03-10T15:20:00"), finished: nil,
                    labels: project.merging(["com.docker.compose.service": "api"]) { first, _ in first },
                    environment: ["DATABASE=postgres://shop_db_1/shop"], logLines: 600), releases[2].layer
            ),
            (
                Container(
                    name: "shop_db_1", imageID: image("postgres:13"), imageName: "postgres:13", command: "postgres",
                    created: moment("02-20T10:30:00"), finished: nil,
                    volumes: [.init(name: "shop_db-data", destination: "/var/lib/postgresql/data")],
                    labels: project.merging(["com.docker.compose.service": "db"]) { first, _ in first }, logLines: 200),
                database
            ),
            (
                Container(
                    name: "zen_hopper", imageID: image("shop/api:4.11"), imageName: "shop/api:4.11",
                    command: "/api migrate", created: moment("03-02T11:00:00"), finished: moment("03-02T11:00:09"),
                    exitCode: 1, volumes: [.init(name: SampleID.hex("volume zen_hopper"), destination: "/cache")],
                    logLines: 30), releases[1].layer
            ),
        ]
    }

    private func make(_ container: Container, on top: Layer) throws(DiskError) {
        tree.modified = container.finished ?? container.created
        try container.makeRecords(in: tree)
        try store.makeMount(container.id, on: top, files: [data("run-\(container.name)", 8000)])
    }

    private func makeVolumes() throws(DiskError) {
        tree.modified = moment("02-20T10:29:00")
        try makeVolume("shop_db-data", files: 6)
        try makeVolume("shop_uploads", files: 3)
        try makeVolume(SampleID.hex("volume zen_hopper"), files: 1)
        try makeVolume("shop_backup", files: 0)
        try tree.file(
            RelativePath("volumes/shop_backup/opts.json"),
            #"{"MountType":"nfs","MountOpts":"addr=10.0.0.5,rw","MountDevice":":/srv/backup","Quota":{"Size":0}}"#,
            mode: 0o600)
    }

    private func makeVolume(_ name: String, files: Int) throws(DiskError) {
        let folder = RelativePath("volumes") / name
        try tree.directory(folder, mode: 0o701)
        try tree.directory(folder / "_data")
        for number in 0..<files {
            try tree.file(folder / "_data" / "part-\(number)", SampleID.bytes("\(name) \(number)", count: 24_000))
        }
    }

    // MARK: - What nobody needs

    private func makeLeftovers() throws(DiskError) -> [Leftover] {
        try [
            volume("build cache of a shop_worker", "02-14T12:00:00"),
            volume("data of a test database", "02-27T18:20:00"),
            killedImport("03-03T02:00:00"), removing("03-05T16:40:00"), danglingLink("03-06T09:00:00"),
            killedCreate("03-08T23:10:00"),
        ]
    }

    private func volume(_ label: String, _ moment: String) throws(DiskError) -> Leftover {
        tree.modified = self.moment(moment)
        let name = SampleID.hex("volume \(label)")
        try makeVolume(name, files: 5)
        return Leftover(
            [RelativePath("volumes") / name], "the anonymous volume of a container that `docker rm` removed without -v")
    }

    private func killedImport(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = self.moment(moment)
        let layer = Layer("killed import", on: nil, size: 0)
        let scratch = Overlay2Store.scratch / "write-set-482973155"
        try store.makeDirectory(
            layer.cacheID, link: layer.link, below: [], committed: false, files: [data("half-written", 120_000)])
        try tree.directory(scratch, mode: 0o700)
        try tree.file(scratch / "tar-split.json.gz", [31, 139, 8, 0, 0, 0, 0, 0, 0, 0])
        return Leftover(
            [layer.directory, layer.linkPath, scratch], "an import during which the engine was killed")
    }

    private func removing(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = self.moment(moment)
        let layer = Layer("shop/api:4.9", on: runtime, size: 12_500_000)
        let name = "\(layer.chainID)-\(SampleID.hex("removing shop/api:4.9"))-removing"
        try store.makeDirectory(layer.cacheID, link: layer.link, below: layer.below, files: [data("api-4.9", 50_000)])
        try store.makeRecord(layer, named: name, on: runtime)
        return Leftover(
            [layer.directory, layer.linkPath, Overlay2Store.layers / name],
            "a layer that the engine had marked to be removed when it was killed")
    }

    private func danglingLink(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = self.moment(moment)
        let layer = Layer("gone", on: nil, size: 0)
        try tree.link(layer.linkPath, to: "../\(layer.cacheID)/diff")
        return Leftover([layer.linkPath], "a link to a layer that is not there")
    }

    private func killedCreate(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = self.moment(moment)
        let id = SampleID.hex("container of a killed create")
        let folder = RelativePath("containers") / id
        try tree.directory(folder, mode: 0o710)
        try tree.directory(folder / "checkpoints", mode: 0o700)
        let paths = try store.makeMount(id, on: releases[0].layer)
        return Leftover([folder] + paths, "a `docker create` during which the engine was killed")
    }

    private func data(_ name: String, _ count: Int) -> (String, [UInt8]) { (name, SampleID.bytes(name, count: count)) }

    /// A moment of the year 2023, written `03-10T15:05:00`.
    private func moment(_ text: String) -> Timestamp {
        guard let moment = Timestamp(rfc3339: "2023-\(text)Z") else { preconditionFailure("no moment: \(text)") }
        return moment
    }
}
