// SPDX-License-Identifier: Apache-2.0

import CDisk
package import SystemPackage

/// How wide a terminal is; `nil` for what is no terminal, or one that does not say.
package func terminalColumns(of file: FileDescriptor) -> Int? {
    let columns = Int(cdisk_terminal_columns(file.rawValue))
    return columns > 0 ? columns : nil
}

/// From now on SIGINT and SIGTERM end the process as before, but leave no half a line of progress on the terminal.
package func clearLineWhenInterrupted() { cdisk_clear_line_when_interrupted() }
