// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A real containerd with root, state and socket of its own, for tests that must see the real thing.
///
/// It needs root and Debian's `containerd`, which `docker.io` brings.
package final class LiveContainerd: @unchecked Sendable {
    package let directory: TemporaryDirectory
    package var root: String { directory.path + "/r" }
    package var socket: String { directory.path + "/s" }
    private var process: Process?
    private var churn: [Process] = []

    /// Why none can run here; `nil` if one can.
    package static let obstacle: String? = {
        if geteuid() != 0 { return "a live containerd needs root" }
        for program in ["/usr/bin/containerd", "/usr/bin/ctr"] where access(program, X_OK) != 0 {
            return "a live containerd needs \(program)"
        }
        do {
            _ = try LiveContainerd()
            return nil
        } catch {
            return "containerd does not start here: \(error)"
        }
    }()

    package init() throws {
        directory = try TemporaryDirectory("cd")
        try directory.write(
            "c.toml",
            """
            version = 2
            root = "\(root)"
            state = "\(directory.path)/x"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
            address = "\(socket)"
            """)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/containerd")
        process.arguments = ["--config", directory.path + "/c.toml"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        for _ in 0..<100 where process.isRunning {
            if (try? ctr("version")) != nil { return }
            usleep(100_000)
        }
        throw CommandFailed(description: "containerd did not come up")
    }

    deinit { stop() }

    package func stop() {
        stopChurn()
        process?.terminate()
        process?.waitUntilExit()
        process = nil
    }

    @discardableResult
    package func ctr(_ arguments: String..., namespace: String = "moby") throws -> String {
        try run(["/usr/bin/ctr", "-a", socket, "-n", namespace] + arguments)
    }

    /// First words of the lines that a list prints, without the heading.
    package func list(_ arguments: String..., namespace: String = "moby") throws -> Set<String> {
        let text = try run(["/usr/bin/ctr", "-a", socket, "-n", namespace] + arguments)
        let lines = text.split(separator: "\n").dropFirst()
        return Set(lines.compactMap { $0.split(whereSeparator: \.isWhitespace).first.map(String.init) })
    }

    /// Imports an image of one small layer and unpacks it.
    package func importImage(_ name: String, namespace: String = "moby") throws {
        let script = """
            set -e; cd "$1"; rm -rf image; mkdir -p files image/blobs/sha256; printf '%s' "$2" > files/name
            blob() { d=$(sha256sum "$1" | cut -c1-64); s=$(stat -c %s "$1"); mv "$1" image/blobs/sha256/$d; }
            tar --sort=name --mtime=@0 -C files -cf layer . ; blob layer; L=$d; LS=$s
            printf '{"architecture":"amd64","os":"linux","created":"2024-01-02T03:04:05Z","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $L > config
            blob config; C=$d; CS=$s
            printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' $C $CS $L $LS > manifest
            blob manifest
            printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"%s"},"platform":{"architecture":"amd64","os":"linux"}}]}' $d $s "$2" > image/index.json
            printf '{"imageLayoutVersion":"1.0.0"}' > image/oci-layout
            tar -C image -cf image.tar oci-layout index.json blobs
            """
        try run(["sh", "-c", script, "sh", directory.path, name])
        try ctr("images", "import", "--snapshotter", "native", directory.path + "/image.tar", namespace: namespace)
    }

    /// Makes and removes leases and labels, as fast as it can, until `stopChurn`.
    package func startChurn() throws {
        for worker in 0..<3 {
            let script = """
                i=0; while :; do i=$((i+1))
                ctr -a "$1" -n moby leases create --id "$2-$i" a=b
                ctr -a "$1" -n moby namespaces label moby "l$2=$i"
                [ $i -gt 20 ] && ctr -a "$1" -n moby leases rm "$2-$((i-20))"
                done
                """
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", script, "sh", socket, "churn\(worker)"]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            churn.append(process)
        }
    }

    package func stopChurn() {
        for process in churn {
            process.terminate()
            process.waitUntilExit()
        }
        churn = []
    }
}
