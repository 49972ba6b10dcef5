// SPDX-License-Identifier: Apache-2.0

package import Disk
import Model
package import SystemPackage

extension Demo {
    /// Builds a large data root of Docker 20.10 with overlay2, to measure how long reading takes: records of real size,
    /// but no data.
    ///
    /// Images share layers as releases do: twenty layers make four images of eight layers each. Container `n` mounts
    /// volume `n`; every third volume has a name. Nothing in it is an orphan, except that volumes without a container are.
    ///
    /// - Parameters:
    ///   - path: the directory to make; `fileExists` if anything has that name.
    ///   - layers: at least 20.
    package static func buildLargeRoot(
        at path: FilePath, layers: Int = 2000, containers: Int = 2000, volumes: Int = 2000
    ) throws(DiskError) {
        precondition(layers >= 20, "twenty layers make the first images")
        let tree = try SampleTree(at: path, modified: overlay2Clock)
        let store = Overlay2Store(tree: tree)
        try store.makeFrame()
        var images: [(id: String, name: String, top: Overlay2Store.Layer)] = []
        var made = 0
        while made < layers {
            let trunk = try makeChain(min(4, layers - made), on: [], from: made, in: store)
            made += trunk.count
            for _ in 0..<4 where made < layers {
                let chain = try makeChain(min(4, layers - made), on: trunk, from: made, in: store)
                made += chain.count - trunk.count
                let name = "team-\(images.count % 7)/service-\(images.count / 4):\(images.count % 4 + 1)"
                let id = try store.makeImage(
                    name, of: chain, created: overlay2Clock, command: "serve --config /etc/serve.toml")
                images.append((id, name, chain[chain.count - 1]))
            }
        }
        try store.makeTags(images.map { ($0.name, $0.id) })
        for number in 0..<volumes {
            let folder = RelativePath("volumes") / volumeName(number)
            try tree.directory(folder, mode: 0o701)
            try tree.directory(folder / "_data")
        }
        for number in 0..<containers {
            let image = images[number % images.count]
            let container = container(number, of: image.id, named: image.name, mountsVolume: number < volumes)
            try container.makeRecords(in: tree)
            try store.makeMount(container.id, on: image.top)
        }
        try tree.finish()
    }

    private static func makeChain(
        _ count: Int, on below: [Overlay2Store.Layer], from number: Int, in store: Overlay2Store
    ) throws(DiskError) -> [Overlay2Store.Layer] {
        var chain = below
        for number in number..<number + count {
            let layer = Overlay2Store.Layer("large \(number)", on: chain.last, size: Int64(number) * 4096)
            try store.make(layer, on: chain.last)
            chain.append(layer)
        }
        return chain
    }

    private static func volumeName(_ number: Int) -> String {
        number % 3 == 0 ? "project-\(number % 50)_data-\(number)" : SampleID.hex("volume \(number)")
    }

    private static func container(
        _ number: Int, of imageID: String, named imageName: String, mountsVolume: Bool
    ) -> Container {
        Container(
            name: "project-\(number % 50)_service_\(number)", imageID: imageID, imageName: imageName,
            command: "serve --config /etc/serve.toml", created: overlay2Clock,
            finished: number % 5 == 0 ? overlay2Clock : nil,
            volumes: mountsVolume ? [.init(name: volumeName(number), destination: "/var/lib/service")] : [],
            labels: [
                "com.docker.compose.config-hash": SampleID.hex("hash \(number % 50)"),
                "com.docker.compose.container-number": "\(number)", "com.docker.compose.oneoff": "False",
                "com.docker.compose.project": "project-\(number % 50)",
                "com.docker.compose.project.working_dir": "/srv/project-\(number % 50)",
                "com.docker.compose.service": "service", "com.docker.compose.version": "1.29.2",
            ],
            environment: (0..<8).map { "SERVICE_SETTING_\($0)=value-\($0)-of-\(number)" })
    }
}
