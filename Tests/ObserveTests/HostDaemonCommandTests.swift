// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Observe

@Suite("The command line of a daemon")
struct HostDaemonCommandTests {
    @Test(
        "names the data root in every spelling",
        arguments: [
            "dockerd --data-root /srv/d", "dockerd --data-root=/srv/d", "/usr/bin/dockerd -g /srv/d",
            "dockerd -g=/srv/d", "dockerd -g/srv/d", "dockerd --graph /srv/d", "dockerd --graph=/srv/d",
            "dockerd -Dg /srv/d", "dockerd -H fd:// --data-root=/srv/d", "docker -d -g /srv/d",
            "docker -d --graph=/srv/d",
            "docker -g /srv/d -d", "docker daemon -g /srv/d", "docker -H unix:///x daemon --graph /srv/d",
            "/usr/bin/docker.io -d -g /srv/d", "dockerd-current --graph=\"/srv/d\"",
            "dockerd -g /old --data-root /srv/d",
        ])
    func spellings(_ line: String) throws {
        let command = try #require(DaemonCommand(arguments: line.split(separator: " ").map(String.init)))
        #expect(command.dataRoot == "/srv/d")
    }

    @Test("without a flag leaves the data root open")
    func withoutFlag() throws {
        let command = try #require(DaemonCommand(arguments: ["dockerd", "--config-file=/etc/d.json", "--debug"]))
        #expect(command.dataRoot == nil)
        #expect(command.configFile == "/etc/d.json")
    }

    @Test(
        "of a client is none",
        arguments: [
            "docker run -d busybox", "docker stop daemon", "docker ps", "docker", "docker exec -it web daemon -g /x",
            "bash -c dockerd", "vim dockerd", "dockerdx -g /x", "docker-proxy -proto tcp", "containerd -g /x",
        ])
    func client(_ line: String) {
        #expect(DaemonCommand(arguments: line.split(separator: " ").map(String.init)) == nil)
    }

    @Test("that ends in the middle of a flag is read as far as it goes")
    func cut() throws {
        #expect(try #require(DaemonCommand(arguments: ["dockerd", "-g"])).dataRoot == nil)
        #expect(try #require(DaemonCommand(arguments: ["dockerd", "--", "-g", "/x"])).dataRoot == nil)
        #expect(DaemonCommand(arguments: []) == nil)
    }
}
