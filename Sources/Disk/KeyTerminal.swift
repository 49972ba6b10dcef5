// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// The terminal that this process was started on, for as long as somebody chooses from a list.
package enum KeyTerminal {
    /// True if there is one to read keys from and to draw on.
    package static var isPresent: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

    /// Runs `body` with a screen of its own, where each key arrives by itself and none is shown.
    ///
    /// Whatever ends it (an error, a signal, a broken invariant), the terminal is as it was.
    package static func drawing<Value>(_ body: () throws -> Value) throws -> Value {
        guard cdisk_terminal_enter() == 0 else {
            let error = Errno(rawValue: errno)
            cdisk_terminal_leave()
            throw DiskError(.open, "the terminal", error)
        }
        defer { cdisk_terminal_leave() }
        return try body()
    }

    /// Waits for keys; empty if the size changed meanwhile, `nil` if nobody is there any more.
    package static func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(STDIN_FILENO, $0.baseAddress!, $0.count) }
        if count < 0, errno == EINTR { return [] }
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    /// Rows and columns; 24 and 80 if the terminal does not say.
    package static func size() -> (rows: Int, columns: Int) {
        var rows: CInt = 0
        var columns: CInt = 0
        guard unsafe cdisk_terminal_size(&rows, &columns) == 0, rows > 0, columns > 0 else { return (24, 80) }
        return (Int(rows), Int(columns))
    }
}
