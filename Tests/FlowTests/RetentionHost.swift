// SPDX-License-Identifier: Apache-2.0

import Engine
import Flow
import Foundation
import Model
import TestSupport

/// A host with 40 images of 8 repositories, of which 4 are in a registry, with containers in every state, volumes, a
/// Compose project, build cache, and a Swarm of one node with a service that was updated.
final class RetentionHost: @unchecked Sendable {
    /// One image, as the tests know it.
    struct Image: Hashable {
        var repository: Int
        var version: Int

        /// When it was built, and when it came here, in days before `now`.
        var builtDays: Int { 5 + version * 20 + repository }
        var hereDays: Int { version.isMultiple(of: 2) ? 100 : 10 }
        var team: String { ["red", "blue", "green"][(repository + version) % 3] }
        var isInRegistry: Bool { repository < 4 }
    }

    static let images = (0..<8).flatMap { repository in (0..<5).map { Image(repository: repository, version: $0) } }

    let engine: LiveEngine
    let now = Date()
    private let registry: Process
    /// How much of its own each image has.
    let bytes: (Image) -> Int
    let port: Int
    /// The ids that the engine gave, without `sha256:`.
    private(set) var ids: [Image: String] = [:]

    /// - Parameters:
    ///   - hasImages: false for what needs only an engine with `base:1`.
    ///   - folder: holds the data root; a folder of its own unless one is given.
    ///   - bytes: how much of its own each image has.
    init(
        hasImages: Bool = true, in folder: String? = nil,
        bytes: @escaping (Image) -> Int = { 20_000 + $0.repository * 3000 + $0.version }
    ) throws {
        engine = try LiveEngine(in: folder)
        self.bytes = bytes
        port = Int.random(in: 20_000..<30_000)
        let folder = engine.directory.path
        try engine.directory.write(
            "registry.yml",
            "version: 0.1\nstorage: {filesystem: {rootdirectory: \(folder)/reg}}\nhttp: {addr: '127.0.0.1:\(port)'}\n")
        registry = Process()
        registry.executableURL = URL(fileURLWithPath: "/usr/bin/docker-registry")
        registry.arguments = ["serve", folder + "/registry.yml"]
        registry.standardOutput = FileHandle.nullDevice
        registry.standardError = FileHandle.nullDevice
        try registry.run()
        do {
            try engine.start()
            try engine.importBase("base:1")
            if hasImages { try load() }
        } catch {
            stop()
            throw error
        }
    }

    static let obstacle: String? =
        LiveEngine.obstacle
        ?? (access("/usr/bin/docker-registry", X_OK) == 0 ? nil : "a registry needs /usr/bin/docker-registry")

    func stop() {
        // Those that do not listen would keep the engine from ending for ten seconds each.
        do {
            let running = try engine.docker("ps", "-q").split(separator: "\n").map(String.init)
            if !running.isEmpty { _ = try docker(["kill"] + running) }
        } catch {}
        engine.stop()
        if registry.isRunning {
            registry.terminate()
            registry.waitUntilExit()
        }
    }

    func tag(_ image: Image) -> String { repository(image) + ":\(image.version)" }

    func repository(_ image: Image) -> String {
        (image.isInRegistry ? "127.0.0.1:\(port)/" : "own/") + "r\(image.repository)"
    }

    func request(days: Int = 0, grace: Int64 = 0) -> Request {
        Request(
            dataRoot: engine.root, host: "unix://" + engine.socket, graceSeconds: grace,
            keepFile: engine.directory.path + "/etc/keep",
            now: Timestamp(seconds: Int64(now.timeIntervalSince1970) + Int64(days) * 86_400), caller: geteuid())
    }

    /// The images of the eight repositories that the engine lists.
    func listed() throws -> Set<Image> {
        let tags = Set(
            try engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split(separator: "\n").map(String.init))
        return Set(Self.images.filter { tags.contains(tag($0)) })
    }

    /// Loads the images, one archive for each repository, pushes four repositories, and sets back when each came here.
    private func load() throws {
        var calls: [String] = []
        for image in Self.images {
            let size = bytes(image)
            let name = "i\(image.repository)-\(image.version)"
            calls.append("make \(name) \(tag(image)) \(size) \(stamp(days: image.builtDays)) \(image.team)")
            // The engine unpacks an archive in its root first: not all at once.
            if image.version == 4 { calls.append("send") }
        }
        let script = """
            set -e; cd '\(engine.directory.path)'; mkdir -p load; tar -C base -cf load/base.tar .
            base=$(sha256sum load/base.tar | cut -d' ' -f1); list=
            make() {
              mkdir -p one; rm -rf one/*; head -c $3 /dev/urandom > one/data; tar -C one -cf load/$1.tar .
              own=$(sha256sum load/$1.tar | cut -d' ' -f1)
              printf '{"architecture":"amd64","os":"linux","created":"%s","config":{"Cmd":["sh","-c","cat /data > /dev/null; echo ran"],"Labels":{"team":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' "$4" "$5" $base $own > load/$1.json
              list="$list,{\\"Config\\":\\"$1.json\\",\\"RepoTags\\":[\\"$2\\"],\\"Layers\\":[\\"base.tar\\",\\"$1.tar\\"]}"
            }
            send() {
              echo "[${list#,}]" > load/manifest.json; list=
              tar -C load -c . | /usr/bin/docker -H 'unix://\(engine.socket)' load -q; rm load/i*
            }
            \(calls.joined(separator: "\n"))
            """
        try run(["sh", "-c", script])
        for repository in 0..<4 { try engine.docker("push", "-a", "-q", "127.0.0.1:\(port)/r\(repository)") }
        var known: [Substring: Substring] = [:]
        let listed = try engine.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
        for line in listed.split(separator: "\n") {
            let words = line.split(separator: " ")
            known[words[0]] = words[1].dropFirst("sha256:".count)
        }
        for image in Self.images {
            guard let id = known[Substring(tag(image))] else {
                throw CommandFailed(description: "the engine has no \(tag(image))")
            }
            ids[image] = String(id)
            try setBack(image, days: image.hereDays)
        }
    }

    /// As if the image had come here so many days ago.
    private func setBack(_ image: Image, days: Int) throws {
        let store = engine.root + "/image/overlay2/imagedb"
        let date = now.addingTimeInterval(TimeInterval(-days * 86_400))
        try FileManager.default.setAttributes(
            [.modificationDate: date], ofItemAtPath: store + "/content/sha256/\(ids[image]!)")
        // Only an image that got a name by itself, not by being loaded, has this.
        let named = store + "/metadata/sha256/\(ids[image]!)/lastUpdated"
        guard FileManager.default.fileExists(atPath: named) else { return }
        try stamp(days: days).write(toFile: named, atomically: false, encoding: .utf8)
    }

    private func stamp(days: Int) -> String {
        Timestamp(seconds: Int64(now.timeIntervalSince1970) - Int64(days) * 86_400).rfc3339
    }

    // MARK: - What uses them

    /// Images that containers use, or that a service runs or ran before.
    static let claimed: [Image: String] = [
        Image(repository: 0, version: 4): "container oneoff needs it",
        Image(repository: 1, version: 4): "container ended needs it",
        Image(repository: 2, version: 4): "container made needs it",
        Image(repository: 4, version: 4): "container pauses needs it",
        Image(repository: 5, version: 3): "engine: service web needs it",
        Image(repository: 5, version: 4): "engine: service web needs it",
    ]

    func useSome() throws {
        func create(_ command: String, _ name: String, _ image: Int, _ rest: String...) throws {
            let arguments = [command, "--network", "none", "--name", name] + rest
            _ = try docker(
                arguments + [tag(Image(repository: image, version: 4)), "sleep", command == "run" ? "0" : "600"])
        }
        try engine.docker(
            "run", "-d", "--network", "none", "--name", "runs", "--label", "com.docker.compose.project=shop",
            tag(Image(repository: 0, version: 4)), "sleep", "600")
        try engine.docker(
            "run", "-d", "--network", "none", "--name", "pauses", tag(Image(repository: 4, version: 4)), "sleep", "600")
        try engine.docker("pause", "pauses")
        try create("run", "ended", 1, "-v", "/volume")
        try create("create", "made", 2)
        try create("create", "oneoff", 0, "--label", "com.docker.compose.project=shop")
        try engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        try engine.docker(
            "service", "create", "-d", "--no-resolve-image", "--replicas", "0", "--name", "web",
            tag(Image(repository: 5, version: 4)))
        try engine.docker(
            "service", "update", "-d", "--no-resolve-image", "--image", tag(Image(repository: 5, version: 3)), "web")
    }

    /// A container that has written more than 60 MB of numbered lines, and goes on with some 40 a second.
    func startTalking() async throws {
        let line = String(repeating: "x", count: 200)
        _ = try docker([
            "run", "-d", "--network", "none", "--name", "talks", "base:1", "busybox", "awk",
            "BEGIN { for (i = 1; ; i++) { print \"line\", i, \"\(line)\"; if (i > 220000) { fflush(); system(\"sleep 0.02\") } } }",
        ])
        for _ in 0..<300 {
            let survey = try await survey(request())
            if let log = logs(survey).first(where: { $0.container.name == "talks" }), log.sizeBytes > 60_000_000 {
                return
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw CommandFailed(description: "the log of talks does not grow to 60 MB")
    }

    func docker(_ arguments: [String]) throws -> String {
        try run(
            ["/usr/bin/docker", "-H", "unix://" + engine.socket] + arguments,
            environment: ["DOCKER_CONFIG": engine.directory.path, "PATH": "/usr/bin:/bin", "DOCKER_BUILDKIT": "0"])
    }

    /// Builds with BuildKit, which the CLI alone cannot any more.
    func build(_ dockerfile: String, tag: String) async throws {
        let folder = engine.directory.path + "/context-" + tag.replacingOccurrences(of: ":", with: "-")
        try run(["mkdir", "-p", folder])
        try dockerfile.write(toFile: folder + "/Dockerfile", atomically: false, encoding: .utf8)
        try run(["sh", "-c", "date > '\(folder)/f'; tar -C '\(folder)' -cf '\(folder).tar' ."])
        let body = Array(try Data(contentsOf: URL(fileURLWithPath: folder + ".tar")))
        let transport = SocketTransport(host: try EngineHost(option: "unix://" + engine.socket, environment: [:]))
        let response = try await transport.send(
            EngineRequest(
                .post, "/build?version=2&t=\(tag)&networkmode=none", version: APIVersion(1, 41), body: body),
            by: .now + .seconds(60))
        await transport.close()
        guard response.status == 200, !String(decoding: response.body, as: UTF8.self).contains("errorDetail") else {
            throw CommandFailed(description: String(decoding: response.body, as: UTF8.self))
        }
    }

    /// Bytes that the store takes: layers, and the records of layers and images.
    func storeBytes() throws -> Int64 {
        let paths = ["overlay2", "image", "containers", "volumes"].map { engine.root + "/" + $0 }
        let lines = try run(["du", "-s", "-B1", "-c"] + paths).split(separator: "\n")
        return Int64(lines.last?.split(separator: "\t").first ?? "") ?? 0
    }
}

extension Plan.Policy {
    /// Rules without a grace period; each word goes to the kinds that know it.
    static func rules(
        _ words: [(Policy.Word, String)], kinds: [Policy.Kind] = [.images], free: String? = nil
    ) throws -> Plan.Policy {
        var retention = Policy(free: try free.map { try FreeTarget($0) })
        for kind in kinds {
            var rules = Policy.Rules()
            for (word, value) in words where word.kinds.contains(kind) { try rules.set(word, to: value, for: kind) }
            retention.rules[kind] = rules
        }
        return Plan.Policy(
            kinds: kinds.map(\.rawValue).sorted(), graceSeconds: 0, named: retention.rules[.volumes]?.named ?? false,
            keep: [], retention: retention)
    }
}
