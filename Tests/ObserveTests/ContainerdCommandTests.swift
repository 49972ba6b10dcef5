// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Observe

@Suite struct ContainerdCommandTests {
    @Test("a containerd's command line tells its root, its socket and its settings")
    func commandLines() {
        let cases: [([String], (String?, String?, String?)?)] = [
            (["/usr/bin/containerd"], (nil, nil, nil)),
            (["containerd", "--root", "/a", "-a", "/s", "-c", "/c.toml"], ("/a", "/s", "/c.toml")),
            (["containerd", "--config=/x/containerd.toml", "--log-level", "info"], (nil, nil, "/x/containerd.toml")),
            (["docker-containerd", "--address=/run/s", "-root=/b"], ("/b", "/run/s", nil)),
            (["containerd", "config", "default"], nil),
            (["containerd-shim-runc-v2", "-address", "/s"], nil), (["dockerd"], nil), ([], nil),
        ]
        for (arguments, expected) in cases {
            let command = ContainerdCommand(arguments: arguments)
            #expect((command == nil) == (expected == nil), "\(arguments)")
            guard let command, let expected else { continue }
            let isRight = (command.root, command.address, command.configFile) == expected
            #expect(isRight, "\(arguments)")
        }
        #expect(
            ContainerdCommand.socket("unix:///var/run/containerd/containerd.sock") == "/run/containerd/containerd.sock")
    }

    @Test("its settings are read as far as they are understood, and never from another section")
    func settings() throws {
        let directory = try TemporaryDirectory("toml")
        let path = directory.path + "/c.toml"
        try directory.write(
            "c.toml",
            """
            # root = "/wrong"
            version = 2
            root = "/data/my containerd" # a comment
              state='/s'
            [plugins."io.containerd.x"]
              root = "/wrong"
            [grpc] # where it listens
              address = '/d/s'
            [debug]
              address = "/wrong"
            """)
        var found = try containerdSettings(path)
        #expect(found.root == "/data/my containerd" && found.address == "/d/s")
        try directory.write("c.toml", "root = 5\naddress = \"/top\"\n\u{0}\u{FFFD}[")
        found = try containerdSettings(path)
        #expect(found.root == nil && found.address == nil)
        found = try containerdSettings(directory.path + "/none")
        #expect(found.root == nil && found.address == nil)
        #expect(throws: (any Error).self) { try containerdSettings(directory.path) }
    }
}
