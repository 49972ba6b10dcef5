// SPDX-License-Identifier: Apache-2.0

package import Disk
import Foundation
import SystemPackage

/// A fresh folder for one test, gone when the value is.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(_ name: String = "test") throws {
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        path = "\(base)/bilge-\(name)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// `rm` only for what Foundation cannot remove, such as names that are not text: starting many programs at once crashes
    /// Foundation.
    deinit {
        try? FileManager.default.removeItem(atPath: path)
        if FileManager.default.fileExists(atPath: path) { _ = try? run(["rm", "-rf", "--one-file-system", path]) }
    }

    package func open() throws -> Directory { try Directory(path: FilePath(path)) }

    /// Writes a file, making the folders above it.
    package func write(_ relative: String, _ text: String = "") throws {
        try makeDirectory(parent(of: relative))
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + relative))
    }

    package func makeDirectory(_ relative: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + relative, withIntermediateDirectories: true)
    }

    package func makeLink(_ relative: String, to target: String) throws {
        try makeDirectory(parent(of: relative))
        try FileManager.default.createSymbolicLink(atPath: path + "/" + relative, withDestinationPath: target)
    }
}

/// Foundation's own traps on a name of one letter.
private func parent(of relative: String) -> String {
    relative.lastIndex(of: "/").map { String(relative[..<$0]) } ?? ""
}

package struct CommandFailed: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Runs a program to its end and returns what it printed; throws if it exits with another status than `expecting`.
@discardableResult
package func run(_ arguments: [String], expecting status: Int32? = 0, environment: [String: String]? = nil) throws
    -> String
{
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    if let environment { process.environment = environment }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: readToEnd(output.fileHandleForReading.fileDescriptor), as: UTF8.self)
    process.waitUntilExit()
    if let status, process.terminationStatus != status {
        throw CommandFailed(
            description: "\(arguments.joined(separator: " ")) exited \(process.terminationStatus): \(text)")
    }
    return text
}

/// `FileHandle` traps when a signal interrupts it, and the end of another child is one.
private func readToEnd(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}
