// SPDX-License-Identifier: Apache-2.0

import Flow
import Foundation
import Model
import TestSupport

/// A real engine with random families of images that share layers, random containers and volumes; the same for the same
/// seed.
final class RandomHost {
    let engine: LiveEngine
    private var random: SplitMix
    private var round = 0

    init(seed: UInt64) throws {
        engine = try LiveEngine()
        random = SplitMix(state: seed)
        try engine.start()
        try engine.importBase("base:1")
        try makeScripts()
    }

    /// Everything as if it had come here a while ago, which is what policies ask about.
    var request: Request {
        Request(
            dataRoot: engine.root, host: "unix://" + engine.socket, graceSeconds: 0,
            keepFile: engine.directory.path + "/etc/keep",
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970) + 40 * 86_400), caller: geteuid())
    }

    // MARK: - Filling

    /// Adds some: families of images whose members have a random number of layers in common.
    func fill() throws {
        round += 1
        var calls: [String] = []
        for family in 0..<Int.random(in: 3...4, using: &random) {
            let depth = Int.random(in: 1...3, using: &random)
            for member in 0..<Int.random(in: 2...4, using: &random) {
                let shared = Int.random(in: 0...depth, using: &random)
                var layers = (0..<shared).map { "s\(round)-\(family)-\($0)" }
                layers += (0..<Int.random(in: 0...2, using: &random)).map { "o\(round)-\(family)-\(member)-\($0)" }
                let bytes = layers.map { "\($0):\(Int.random(in: 1...400_000, using: &random))" }
                let days = Int.random(in: 0...70, using: &random)
                let team = ["red", "blue", "green"].randomElement(using: &random)!
                let isKept = Int.random(in: 0..<8, using: &random) == 0
                // Some have no name, some have two.
                let count = [0, 1, 1, 1, 2].randomElement(using: &random)!
                let tags = (0..<count).map { _ in "r\(Int.random(in: 0...4, using: &random)):\(round)\(family)\(member)"
                }
                calls.append(
                    "image \(round)-\(family)-\(member) \(stamp(days)) \(team) \(isKept) '\(tags.joined(separator: " "))' "
                        + bytes.joined(separator: " "))
            }
        }
        try run(
            ["sh", "-c", ". ./make.sh; \(calls.joined(separator: "; ")); load"].inFolder(engine.directory.path),
            environment: ["PATH": "/usr/bin:/bin", "HOST": "unix://" + engine.socket, "DOCKER_CONFIG": "/nonexistent"])
        try use()
    }

    /// Containers in three states on random images, and volumes of both kinds with and without a user.
    private func use() throws {
        let images = try engine.docker("images", "-q", "--no-trunc").split(separator: "\n").map(String.init)
        for index in 0..<Int.random(in: 2...4, using: &random) {
            let image = Set(images).sorted().randomElement(using: &random)!
            let name = "c\(round)-\(index)"
            let mount = ["/data", "named\(round)-\(index):/data"].randomElement(using: &random)!
            let label = ["team=red", "x=", "bilge.keep=true"].randomElement(using: &random)!
            let command = ["create", "run"].randomElement(using: &random)!
            let size = Int.random(in: 1...200_000, using: &random)
            try engine.docker(
                command, "--network", "none", "--name", name, "--label", label, "-v", mount, image, "sh", "-c",
                "busybox head -c \(size) /dev/urandom > /f; busybox head -c \(size) /dev/urandom > /data/f")
            if Int.random(in: 0..<3, using: &random) == 0 { try engine.docker("rm", name) }
        }
        if round == 1 {
            try engine.docker(
                "run", "-d", "--network", "none", "--name", "runs", "-v", "alive:/data", images[0], "sleep", "600")
        }
    }

    private func stamp(_ days: Int) -> String {
        Timestamp(seconds: Int64(Date().timeIntervalSince1970) - Int64(days) * 86_400).rfc3339
    }

    /// `image NAME CREATED TEAM KEEP TAGS LAYER:BYTES…` writes an image on the base's layer; `load` has the engine load all.
    private func makeScripts() throws {
        let script = """
            mkdir -p load; [ -f load/base.tar ] || tar -C base -cf load/base.tar .; list=
            layer() {
              [ -f load/$1.tar ] && return
              mkdir -p one; rm -rf one/*; head -c $2 /dev/urandom > one/$1; tar -C one -cf load/$1.tar .
            }
            image() {
              name=$1 created=$2 team=$3 keep=$4 tags=; for t in $5; do tags="$tags,\\"$t\\""; done; shift 5
              ids="\\"sha256:$(sha256sum load/base.tar | cut -d' ' -f1)\\"" files='"base.tar"'
              for l in "$@"; do
                layer ${l%:*} ${l#*:}
                ids="$ids,\\"sha256:$(sha256sum load/${l%:*}.tar | cut -d' ' -f1)\\"" files="$files,\\"${l%:*}.tar\\""
              done
              printf '{"architecture":"amd64","os":"linux","created":"%s","config":{"Cmd":["true"],"Labels":{"team":"%s","bilge.keep":"%s","n":"%s"}},"rootfs":{"type":"layers","diff_ids":[%s]}}' $created $team $keep $name "$ids" > load/$name.json
              list="$list,{\\"Config\\":\\"$name.json\\",\\"RepoTags\\":[${tags#,}],\\"Layers\\":[$files]}"
            }
            load() { echo "[${list#,}]" > load/manifest.json; tar -C load -c . | /usr/bin/docker -H $HOST load -q; rm -f load/*-*; }
            """
        try engine.directory.write("make.sh", script)
    }

    // MARK: - What the engine says

    /// What must stay, whatever a policy says, by the engine's own answers.
    struct Protected {
        /// Of images that containers use, by the containers' ids.
        var users: [String: Set<String>] = [:]
        /// Of volumes, likewise.
        var mounts: [String: Set<String>] = [:]
        var running: Set<String> = []
        var labelled: Set<String> = []
        var withoutDigest: Set<String> = []
        var images: Set<String> = []
        var containers: Set<String> = []
        var volumes: Set<String> = []
        var named: Set<String> = []
    }

    func protected() throws -> Protected {
        var found = Protected()
        for container in try inspected("container", "ps", "-aq", "--no-trunc") {
            let id = container["Id"] as! String
            found.containers.insert(id)
            found.users[String((container["Image"] as! String).dropFirst(7)), default: []].insert(id)
            if (container["State"] as! [String: Any])["Running"] as! Bool { found.running.insert(id) }
            let labels = (container["Config"] as! [String: Any])["Labels"] as? [String: String] ?? [:]
            if labels["bilge.keep"] == "true" { found.labelled.insert(id) }
            for mount in container["Mounts"] as! [[String: Any]] {
                if let name = mount["Name"] as? String { found.mounts[name, default: []].insert(id) }
            }
        }
        for image in try inspected("image", "images", "-aq", "--no-trunc") {
            let id = String((image["Id"] as! String).dropFirst(7))
            found.images.insert(id)
            let labels = (image["Config"] as! [String: Any])["Labels"] as? [String: String] ?? [:]
            if labels["bilge.keep"] == "true" { found.labelled.insert(id) }
            if (image["RepoDigests"] as! [Any]).isEmpty { found.withoutDigest.insert(id) }
        }
        for volume in try inspected("volume", "volume", "ls", "-q") {
            let name = volume["Name"] as! String
            found.volumes.insert(name)
            if name.utf8.count != 64 { found.named.insert(name) }
        }
        return found
    }

    private func inspected(_ kind: String, _ list: String...) throws -> [[String: Any]] {
        let ids = try run(["/usr/bin/docker", "-H", "unix://" + engine.socket] + list).split(separator: "\n")
        let unique = Set(ids.map(String.init)).sorted()
        guard !unique.isEmpty else { return [] }
        let text = try run(["/usr/bin/docker", "-H", "unix://" + engine.socket, kind, "inspect"] + unique)
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [[String: Any]]
    }

    /// Bytes of everything below the root, but for what no thing of a plan is: the trash's own notes, BuildKit's and the
    /// network's databases, and what the distribution remembers of digests.
    func allocatedBytes() throws -> Int64 {
        let lines = try run([
            "du", "-s", "-B1", "--exclude=.bilge", "--exclude=buildkit", "--exclude=network", "--exclude=distribution",
            engine.root,
        ])
        return Int64(lines.split(separator: "\t").first ?? "") ?? 0
    }
}

extension [String] {
    /// The same command, run in a folder.
    fileprivate func inFolder(_ path: String) -> [String] { ["env", "-C", path] + self }
}
