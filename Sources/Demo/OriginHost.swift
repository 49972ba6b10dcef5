// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Builds the `origin` host: a data root of Docker 1.6 with the aufs driver, recorded as `/var/lib/docker`.
///
/// Source: moby v1.6.2 `graph/`, `daemon/graphdriver/aufs/`, `daemon/container.go`, `volumes/`.
struct OriginHost {
    let tree: SampleTree

    init(_ tree: SampleTree) { self.tree = tree }

    func build() throws(DiskError) -> [Leftover] {
        try makeFrame()
        for image in OriginImages.all { try make(image) }
        try makeTags()
        for container in Self.containers { try make(container) }
        return try makeLeftovers()
    }

    // MARK: - The engine's own

    private func makeFrame() throws(DiskError) {
        tree.modified = OriginImages.moment("04-14T09:30:00")
        for folder in ["aufs", "aufs/diff", "aufs/layers", "aufs/mnt"] { try tree.directory(RelativePath(folder)) }
        for folder in [
            "containers", "graph", "graph/_tmp", "init", "tmp", "trust", "vfs", "vfs/dir", "volumes",
        ] {
            try tree.directory(RelativePath(folder), mode: 0o700)
        }
        try tree.file(RelativePath("init/dockerinit-1.6.0"), SampleID.bytes("dockerinit", count: 24_576), mode: 0o700)
        // The first page of an empty SQLite database: magic, page size 1024, and a header of zeros.
        var page = Array("SQLite format 3\0".utf8) + [4, 0, 1, 1, 0, 64, 32, 32]
        page += [UInt8](repeating: 0, count: 1024 - page.count)
        try tree.file(RelativePath("linkgraph.db"), page)
    }

    private func makeTags() throws(DiskError) {
        tree.modified = OriginImages.moment("05-13T20:51:00")
        var repositories: [String] = []
        for name in Set(OriginImages.tags.map(\.repository)).sorted() {
            let tags = OriginImages.tags.filter { $0.repository == name }.sorted { $0.tag < $1.tag }
                .map { #""\#($0.tag)":"\#(OriginImages.id($0.id))""# }
            repositories.append(#""\#(name)":{\#(tags.joined(separator: ","))}"#)
        }
        try tree.file(
            RelativePath("repositories-aufs"), #"{"Repositories":{\#(repositories.joined(separator: ","))}}"#,
            mode: 0o600)
    }

    // MARK: - Images

    private func make(_ image: OriginImage) throws(DiskError) {
        tree.modified = image.created
        try makeRecord(of: image, in: RelativePath("graph") / image.id)
        try makeLayer(image.id, below: ancestors(of: image.parent))
        for (name, bytes) in files(of: image) { try tree.file(diff(image.id) / name, bytes, mode: 0o755) }
    }

    private func makeRecord(of image: OriginImage, in folder: RelativePath) throws(DiskError) {
        let parent = image.parent.map { #""parent":"\#($0)","# } ?? ""
        let config = LegacyContainer.config(host: "", image: image.parent ?? "", command: image.command)
        try tree.directory(folder, mode: 0o700)
        try tree.file(
            folder / "json",
            #"{"id":"\#(image.id)",\#(parent)"created":"\#(image.created.rfc3339)","#
                + #""container_config":\#(config),"#
                + #""docker_version":"1.6.0","config":\#(config),"architecture":"amd64","os":"linux","Size":\#(image.ownBytes)}"#
                + "\n", mode: 0o600)
        try tree.file(folder / "layersize", "\(image.ownBytes)", mode: 0o600)
    }

    /// `diff`, `layers` and `mnt` of one layer.
    private func makeLayer(_ id: String, below: [String]) throws(DiskError) {
        try tree.directory(diff(id))
        try tree.directory(RelativePath("aufs/mnt") / id)
        try tree.file(RelativePath("aufs/layers") / id, below.map { $0 + "\n" }.joined())
    }

    /// A sample of the files that a layer of this size may hold; the whole would be a gigabyte.
    private func files(of image: OriginImage) -> [(name: String, bytes: [UInt8])] {
        switch image.ownBytes {
        case 0: []
        case ..<4096:
            [
                (
                    image.command.hasSuffix("hello in /") ? "hello" : "notes",
                    SampleID.bytes(image.id, count: Int(image.ownBytes))
                )
            ]
        default: [("lib.so", SampleID.bytes(image.id, count: 20_000)), ("os-release", Array("NAME=sample\n".utf8))]
        }
    }

    /// The nearest first, as aufs lists them.
    private func ancestors(of id: String?) -> [String] {
        var ids: [String] = []
        var next = id
        while let id = next {
            ids.append(id)
            next = OriginImages.all.first { $0.id == id }?.parent
        }
        return ids
    }

    private func diff(_ id: String) -> RelativePath { RelativePath("aufs/diff") / id }

    // MARK: - Containers

    private static let data = LegacyContainer.Volume(destination: "/var/lib/web", id: SampleID.hex("volume web-data"))

    private static let containers: [LegacyContainer] = [
        LegacyContainer(
            name: "registry", image: "204704ce3137", imageName: "registry:latest", command: "docker-registry",
            created: "05-12T08:15:20", finished: nil,
            volumes: [
                .init(destination: "/tmp/registry-dev", source: "/srv/registry", id: SampleID.hex("bind registry"))
            ]),
        LegacyContainer(
            name: "etcd0", image: "c02fd8670851", imageName: "quay.io/coreos/etcd:v2.0.11", command: "/etcd",
            created: "05-13T20:55:41", finished: "05-22T06:11:09",
            volumes: [.init(destination: "/data", id: SampleID.hex("volume etcd0"))]),
        LegacyContainer(
            name: "web-data", image: "07f8e8c5e660", imageName: "ubuntu:14.04", command: "/bin/true",
            created: "05-12T16:00:03", finished: "05-12T16:00:04", volumes: [data]),
        LegacyContainer(
            name: "web", image: "e099197b794f", imageName: "172.30.30.241:5000/centos1", command: "/usr/sbin/httpd",
            created: "05-12T16:02:44", finished: "05-24T18:30:00", volumes: [data], volumesFrom: "web-data"),
        LegacyContainer(
            name: "drunk_wozniak", image: "8390535f8e61", imageName: "centos:new", command: "/bin/bash",
            created: "05-12T14:58:10", finished: "05-12T15:02:29", exitCode: 130, volumes: []),
        LegacyContainer(
            name: "sick_hopper", image: "91c95931e552", imageName: "hello-world:latest", command: "/hello",
            created: "05-11T20:40:00", finished: "05-11T20:40:01", volumes: []),
    ]

    private func make(_ container: LegacyContainer) throws(DiskError) {
        tree.modified = container.started
        try container.makeRecords(in: tree)
        let below = [container.imageID] + ancestors(of: OriginImages.all.first { $0.id == container.imageID }?.parent)
        try makeInitLayer(of: container.id, below: below)
        try makeLayer(container.id, below: ["\(container.id)-init"] + below)
        try makeHousekeeping(in: diff(container.id))
        try tree.file(diff(container.id) / "run.pid", "1\n")
        for volume in container.volumes where container.volumesFrom == nil {
            try makeVolume(volume.id, source: volume.source)
            if volume.source == nil { try fill(volume.id, files: 4, bytes: 12_000) }
        }
    }

    private func makeInitLayer(of id: String, below: [String]) throws(DiskError) {
        let layer = id + "-init"
        try makeLayer(layer, below: below)
        try makeHousekeeping(in: diff(layer))
        try tree.file(diff(layer) / ".dockerenv", "", mode: 0o755)
        try tree.file(diff(layer) / ".dockerinit", "", mode: 0o755)
        try tree.directory(diff(layer) / "etc")
        for name in ["hostname", "hosts", "resolv.conf"] { try tree.file(diff(layer) / "etc" / name, "", mode: 0o755) }
        try tree.link(diff(layer) / "etc" / "mtab", to: "/proc/mounts")
    }

    /// What aufs keeps in every branch that was ever mounted for writing.
    private func makeHousekeeping(in diff: RelativePath) throws(DiskError) {
        try tree.file(diff / ".wh..wh.aufs", "", mode: 0o444)
        try tree.directory(diff / ".wh..wh.orph", mode: 0o700)
        try tree.directory(diff / ".wh..wh.plnk", mode: 0o700)
    }

    // MARK: - Volumes

    /// The record of a volume, and its data unless that is a directory of the host.
    private func makeVolume(_ id: String, source: String?) throws(DiskError) {
        let folder = RelativePath("volumes") / id
        let path = source ?? "\(LegacyContainer.root)/vfs/dir/\(id)"
        try tree.directory(folder, mode: 0o700)
        try tree.file(
            folder / "config.json",
            #"{"ID":"\#(id)","Path":"\#(path)","IsBindMount":\#(source != nil),"Writable":true}"#)
        if source == nil { try tree.directory(RelativePath("vfs/dir") / id) }
    }

    private func fill(_ id: String, files: Int, bytes: Int) throws(DiskError) {
        let folder = RelativePath("vfs/dir") / id
        try tree.file(folder / "VERSION", "9.4\n", mode: 0o600)
        try tree.directory(folder / "base", mode: 0o700)
        for number in 0..<files {
            try tree.file(
                folder / "base" / "\(16_384 + number)", SampleID.bytes("\(id) \(number)", count: bytes), mode: 0o600)
        }
    }

    // MARK: - What nobody needs

    private func makeLeftovers() throws(DiskError) -> [Leftover] {
        try [
            volume("postgres", "04-28T11:20:00", files: 9, bytes: 24_000),
            volume("mysql", "05-02T09:05:00", files: 6, bytes: 24_000),
            volume("jenkins", "05-08T17:45:00", files: 5, bytes: 16_000),
            lostVolume("05-09T10:00:00"), deadLayer("05-10T13:20:00"), killedPull("05-14T03:12:00"),
            deadInit("05-15T10:30:00"), removing("05-18T22:05:00"), killedBuild("05-20T14:48:00"),
        ]
    }

    private func volume(_ name: String, _ moment: String, files: Int, bytes: Int) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("volume \(name)")
        try makeVolume(id, source: nil)
        try fill(id, files: files, bytes: bytes)
        return Leftover(
            [RelativePath("vfs/dir") / id, RelativePath("volumes") / id],
            "the volume of a container that `docker rm` removed without -v")
    }

    private func lostVolume(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("volume without a record")
        try tree.directory(RelativePath("vfs/dir") / id)
        try fill(id, files: 3, bytes: 16_000)
        return Leftover([RelativePath("vfs/dir") / id], "the data of a volume whose record is gone")
    }

    private func deadLayer(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("layer of a removed image")
        try makeLayer(id, below: ancestors(of: OriginImages.id("07f8e8c5e660")))
        try tree.file(diff(id) / "app.jar", SampleID.bytes(id, count: 90_000))
        return Leftover(layer(id), "the layer of an image that was being removed when the engine was killed")
    }

    private func killedPull(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("layer of a killed pull")
        let scratch = RelativePath("graph/_tmp") / SampleID.hex("scratch of a killed pull")
        try makeLayer(id, below: [])
        try tree.file(diff(id) / "part", SampleID.bytes(id, count: 60_000))
        try tree.directory(scratch, mode: 0o700)
        try tree.file(scratch / "layersize", "60000", mode: 0o600)
        return Leftover(layer(id) + [scratch], "a pull that was killed before the image had a record")
    }

    private func deadInit(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("container of which only the init layer is left")
        try makeInitLayer(of: id, below: [OriginImages.id("91c95931e552"), OriginImages.id("a8219747be10")])
        return Leftover(layer(id + "-init"), "the init layer of a container whose removal stopped half way")
    }

    private func removing(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let id = SampleID.hex("layer that is being removed") + "-removing"
        try tree.directory(diff(id))
        try tree.file(diff(id) / "rest", SampleID.bytes(id, count: 30_000))
        try tree.directory(RelativePath("aufs/mnt") / id)
        return Leftover([diff(id), RelativePath("aufs/mnt") / id], "a layer that the engine had marked to be removed")
    }

    private func killedBuild(_ moment: String) throws(DiskError) -> Leftover {
        tree.modified = OriginImages.moment(moment)
        let folder = RelativePath("tmp/docker-build482973155")
        try tree.directory(folder, mode: 0o700)
        try tree.file(folder / "Dockerfile", "FROM centos:6\nADD app.tar /srv/\n")
        try tree.file(folder / "app.tar", SampleID.bytes("app.tar", count: 50_000))
        return Leftover([folder], "the context of a build that was killed")
    }

    private func layer(_ id: String) -> [RelativePath] {
        [diff(id), RelativePath("aufs/layers") / id, RelativePath("aufs/mnt") / id]
    }
}
