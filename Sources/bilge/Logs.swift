// SPDX-License-Identifier: Apache-2.0

import Logging

/// What is written down while something is done: to the standard error stream, for whoever asks for it.
///
/// Warnings always; each step with `--verbose`; any other level with `LOG_LEVEL`.
enum Logs {
    /// To be called once, before anything else. Only the words are looked at: a wrong guess costs lines, nothing more.
    static func begin(_ arguments: [String], _ environment: [String: String]) {
        let isVerbose = arguments.dropFirst().contains { argument in
            argument == "--verbose"
                || (argument.first == "-" && argument.dropFirst().first != "-" && argument.contains("v"))
        }
        let level = environment["LOG_LEVEL"].flatMap(Logger.Level.init(rawValue:)) ?? (isVerbose ? .info : .warning)
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }
}
