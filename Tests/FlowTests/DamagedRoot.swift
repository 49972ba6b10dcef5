// SPDX-License-Identifier: Apache-2.0

import Decide
import Demo
import Disk
import Foundation
import Model
import Observe
import SystemPackage
import TestSupport
import Testing

/// A data root of one's own whose metadata files can be damaged one at a time.
final class DamagedRoot {
    /// What nobody would object to losing, by path.
    struct Removable: Equatable {
        var orphans: Set<RelativePath> = []
        /// What the engine knows and nobody needs.
        var reclaimable: Set<RelativePath> = []
        var problems = 0

        var all: Set<RelativePath> { orphans.union(reclaimable) }

        /// The paths that `self` would give up and `whole` would not, with the standing each has come to.
        func beyond(_ whole: Removable) -> [String] {
            orphans.subtracting(whole.orphans).map { "orphan \($0)" }.sorted()
                + all.subtracting(whole.all).subtracting(orphans).map { "reclaimable \($0)" }.sorted()
        }
    }

    let path: String
    private let folder: TemporaryDirectory
    private let directory: Directory

    /// - Parameter name: a demonstration host or a golden root.
    init(_ name: String) throws {
        if let host = DemoHost(rawValue: name) {
            folder = try TemporaryDirectory("damage-\(name)")
            path = folder.path + "/root"
            try host.build(at: FilePath(path))
        } else {
            (folder, path) = try #require(GoldenRoot.named(name), "no root \(name)").unpack()
        }
        directory = try Directory(path: FilePath(path))
    }

    /// Every file that a reader opens, relative to the root.
    func metadataFiles() throws -> [String] {
        let listing = try run([
            "sh", "-c",
            """
            cd "$1" && find . -name diff -type d -prune -o -name _data -prune -o -path ./vfs -prune \
                -o -path ./aufs/diff -prune -o -path ./graph/_tmp -prune -o -type f -printf '%P\\n'
            """, "sh", path,
        ])
        return listing.split(separator: "\n").map(String.init).filter(Self.isMetadata).sorted()
    }

    func bytes(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: full(file)))) }

    /// Overwrites the file in place, as a torn write or a bad block would.
    func write(_ bytes: some Sequence<UInt8>, to file: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: full(file)))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }

    /// What Bilge would give up now: no engine, no grace period, so nothing but the metadata itself holds anything back.
    func removable() -> Removable {
        let findings = observe(directory, at: path)
        let circumstances = Circumstances(now: Timestamp(seconds: 2_000_000_000), graceSeconds: 0, engine: .stopped)
        var removable = Removable(problems: findings.problems.count)
        for judged in classify(findings, Reach(findings), circumstances) {
            switch judged.standing {
            case .orphan: removable.orphans.formUnion(judged.item.paths)
            case .reclaimable: removable.reclaimable.formUnion(judged.item.paths)
            case .inUse, .unknown: break
            }
        }
        return removable
    }

    func full(_ file: String) -> String { path + "/" + file }

    /// The kind of file: its path with the ids taken out.
    static func kind(of file: String) -> String {
        file.split(separator: "/").map { part in
            part.utf8.count >= 25 ? "*" + (part.hasSuffix("-init") ? "-init" : "") : String(part)
        }.joined(separator: "/")
    }

    private static func isMetadata(_ file: String) -> Bool {
        let parts = file.split(separator: "/").map(String.init)
        guard let name = parts.last else { return false }
        switch parts[0] {
        case "graph": return parts.count == 3 && ["json", "layersize"].contains(name)
        case "image":
            return parts.count > 2 && parts[2] == "repositories.json" || parts.count > 3 && parts[2] == "imagedb"
                || (parts.count > 3 && parts[2] == "layerdb" && parts[3] != "tmp" && name != "tar-split.json.gz")
        case "overlay2", "fuse-overlayfs", "overlay":
            return parts.count == 3 && ["link", "lower", "lower-id"].contains(name)
        case "aufs": return parts.count == 3 && parts[1] == "layers"
        case "containers": return ["config.v2.json", "config.json", "hostconfig.json"].contains(name)
        case "volumes":
            return file == "volumes/metadata.db" || (parts.count == 3 && ["config.json", "opts.json"].contains(name))
        case "buildkit": return name.hasSuffix(".db")
        case "containerd": return ["meta.db", "metadata.db", "ref"].contains(name)
        default: return parts.count == 1 && name.hasPrefix("repositories")
        }
    }
}

/// Numbers that look random and are the same in every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: String) { state = seed.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
