// SPDX-License-Identifier: Apache-2.0

package import Foundation
import Glibc
import SystemPackage

/// The executable on a terminal of its own.
package final class TerminalSession {
    package let master: Int32
    private let slave: Int32
    package let process = Process()
    package private(set) var output = ""

    package static let executable = ProcessInfo.processInfo.environment["BILGE"]

    package init(
        _ arguments: [String], rows: UInt16 = 24, columns: UInt16 = 80, environment: [String: String]? = nil
    ) throws {
        guard let executable = Self.executable else { throw CommandFailed(description: "BILGE names no executable") }
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        // TIOCSPTLCK and TIOCGPTN, which Glibc does not show to Swift. Source: Linux `asm-generic/ioctls.h`.
        var unlocked: Int32 = 0
        var number: UInt32 = 0
        guard master >= 0, ioctl(master, 0x4004_5431, &unlocked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Errno(rawValue: errno)
        }
        slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if let environment { process.environment = environment }
        let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
        process.standardInput = terminal
        process.standardOutput = terminal
        process.standardError = terminal
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        close(slave)
        close(master)
    }

    package var modes: [UInt32] {
        var modes = termios()
        tcgetattr(slave, &modes)
        return [modes.c_iflag, modes.c_oflag, modes.c_lflag]
    }

    package func type(_ text: String) { _ = text.withCString { write(master, $0, strlen($0)) } }

    /// Reads until `text` was printed; false after so many seconds without it.
    package func wait(for text: String, seconds: Int = 10) -> Bool {
        let begin = output.endIndex
        for _ in 0..<seconds * 10 {
            var poll = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&poll, 1, 100) > 0 {
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                let count = read(master, &buffer, buffer.count)
                if count > 0 { output += String(decoding: buffer.prefix(count), as: UTF8.self) }
            }
            if output[begin...].contains(text) { return true }
        }
        return false
    }
}
