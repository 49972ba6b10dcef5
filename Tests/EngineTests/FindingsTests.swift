// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import Model
import TestSupport
import Testing

/// A transport that gives answers without a socket.
struct Script: EngineTransport {
    var answers: Answers
    var peerPID: Int32? { 1 }

    func send(
        _ request: EngineRequest, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> EngineResponse {
        guard let body = answers.bodies[request.endpoint] else { return EngineResponse(status: 404) }
        return EngineResponse(status: 200, body: Array(body.utf8))
    }

    func close() async {}
}

extension Answers {
    func report() async throws -> EngineReport {
        guard case .answered(let report) = await EngineClient(transport: Script(answers: self)).ask() else {
            throw DidNotAnswer()
        }
        return report
    }

    func findings() async throws -> Findings { Engine.findings(from: try await report()) }
}

extension Findings {
    func claims(on path: String) -> [Claim] { claims.filter { $0.target.text == path } }

    func needed(_ path: String) -> Bool { claims(on: path).contains { $0.force == .needs } }

    func isKnown(_ path: String) -> Bool { claims(on: path).contains { $0.force == .knows } }

    var areas: Set<Area> { Set(problems.flatMap(\.areas)) }
}

@Suite("What an engine's answer says of a root")
struct FindingsTests {
    static let root = "/srv/docker/a20/r"
    static let created1 = "ffe6c2a8286d556ea7d5ea98d3bf67ec5348eb5498198c33b564a4568ed6f3a1"

    /// The 20.10 answers with one container's mounts replaced.
    func findings(mounting mounts: String) async throws -> Findings {
        var answers = try Answers("20.10-overlay2")
        for endpoint in answers.bodies.keys where endpoint.hasPrefix("/containers/") && endpoint.hasSuffix("/json") {
            let isCreated1 = endpoint.contains(Self.created1)
            try answers.set("Mounts", to: isCreated1 ? mounts : "[]", in: endpoint)
        }
        return try await answers.findings()
    }

    @Test(
        "a healthy engine has claims and no problems",
        arguments: ["20.10-overlay2", "20.10-vfs", "29.7-overlay2", "29.7-containerd"])
    func healthy(name: String) async throws {
        let findings = try await Answers(name).findings()
        #expect(findings.problems.isEmpty)
        #expect(findings.claims.contains { $0.target.text.hasPrefix("containers/") && $0.force == .needs })
        #expect(findings.claims.contains { $0.target.text.hasPrefix("volumes/") && $0.force == .needs })
        #expect(findings.items.isEmpty)
    }

    @Test("a container in any state needs its directory, its image, its layers and its volumes")
    func container() async throws {
        let findings = try await Answers("20.10-overlay2").findings()
        let claimant = Claimant.container(id: Self.created1, name: "created1")
        let layer = "overlay2/510d232606f6c4fbfae27c6658111f279fcc11bc8277f8dc610d55ea77259e4a"
        for (path, thing) in [
            ("containers/" + Self.created1, Thing.container), (layer, .rwLayer), (layer + "-init", .initLayer),
            ("overlay2/pdh34eal1k9ihku3cdlac8eyu", nil), ("volumes/named1", nil),
            ("image/overlay2/layerdb/mounts/" + Self.created1, .mountRecord),
            (
                "image/overlay2/imagedb/content/sha256/e42d21af9c076bf3db9819b79753af5705de0b806c83f7704db4edf2844b2198",
                .image
            ),
        ] as [(String, Thing?)] {
            let claims = findings.claims(on: path).filter { $0.claimant == claimant }
            #expect(!claims.isEmpty && claims.allSatisfy { $0.force == .needs && $0.thing == thing }, "\(path)")
        }
    }

    @Test("an image is known, and needed by its tags and by the images above it")
    func images() async throws {
        let findings = try await Answers("20.10-overlay2").findings()
        let folder = "image/overlay2/imagedb/content/sha256/"
        let base = folder + "0c30698d71388ceca91685ae3ce0b5705dfc406a026c90f43040645ad689c9be"
        let dangling = folder + "55f66add8211862f3cdb71c2ffef97ab39ce559eecdb8e06806627693b24c864"
        let parent = folder + "3416802c1d43a8aa3e6b4c57e8317dcf832e2cfee039401da0f46bcb5b26b968"
        #expect(findings.isKnown(base) && findings.isKnown(dangling) && findings.isKnown(parent))
        #expect(findings.claims(on: base).contains { $0.claimant == .tag("base:1") && $0.force == .needs })
        #expect(
            !findings.needed(dangling)
                || !findings.claims(on: dangling).contains { $0.claimant == .tag("<none>:<none>") })
        #expect(findings.claims(on: parent).contains { $0.claimant == .item(RelativePath(dangling)) })
        #expect(findings.isKnown("overlay2/pdh34eal1k9ihku3cdlac8eyu"))
        #expect(
            findings.claims(on: "overlay2/pdh34eal1k9ihku3cdlac8eyu").contains {
                $0.claimant
                    == .item(RelativePath(folder + "e42d21af9c076bf3db9819b79753af5705de0b806c83f7704db4edf2844b2198"))
            })
    }

    @Test("a volume that is listed is known, and nothing more")
    func volumes() async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies["/volumes"] = """
            {"Volumes":[{"Name":"left","Driver":"local","Mountpoint":"\(Self.root)/volumes/left/_data","Options":null},
            {"Name":"far","Driver":"rexray","Mountpoint":"","Options":{}}],"Warnings":[]}
            """
        let findings = try await answers.findings()
        #expect(findings.isKnown("volumes/left") && !findings.needed("volumes/left"))
        #expect(findings.claims(on: "volumes/far").isEmpty)
        #expect(findings.problems.isEmpty)
    }

    @Test("a volume whose device is below the root needs what is there")
    func device() async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies["/volumes"] = """
            {"Volumes":[{"Name":"b","Driver":"local","Options":{"o":"bind","device":"\(Self.root)/volumes/a/_data/x"}}],
            "Warnings":null}
            """
        let claims = try await answers.findings().claims(on: "volumes/a")
        #expect(claims.map(\.claimant) == [.item(RelativePath("volumes/b"))])
        #expect(claims.map(\.force) == [.needs])
    }

    @Test("a build cache record is known, one in use is needed")
    func buildCache() async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies["/system/df"] = #"{"BuildCache":[{"ID":"idle","InUse":false},{"ID":"busy","InUse":true}]}"#
        let findings = try await answers.findings()
        #expect(findings.isKnown("overlay2/idle") && !findings.needed("overlay2/idle"))
        #expect(findings.needed("overlay2/busy"))
    }

    @Test("with vfs, layers are below vfs/dir, and the engine does not name them")
    func vfs() async throws {
        let findings = try await Answers("20.10-vfs").findings()
        #expect(findings.claims.contains { $0.target.text.hasPrefix("vfs/dir/") && $0.force == .knows })
        #expect(findings.problems.isEmpty)
    }

    @Test("with the containerd image store, volumes and containers are claimed, graph driver layers are not")
    func containerd() async throws {
        let findings = try await Answers("29.7-containerd").findings()
        let folders = Set(findings.claims.map { String($0.target.components[0]) })
        #expect(folders == ["containers", "volumes", "containerd"])
        let content = "containerd/daemon/io.containerd.content.v1.content/blobs/sha256/"
        #expect(
            findings.claims.filter { $0.target.text.hasPrefix("containerd/") }.allSatisfy { claim in
                claim.target.text.hasPrefix(content) && claim.thing == nil
            })
        #expect(findings.problems.isEmpty)
    }

    @Test("a plugin is needed")
    func plugins() async throws {
        let findings = try await Answers("20.10-overlay2").findings()
        #expect(findings.needed("plugins/bc0e34692b2a8bf02461eb10b2ec59c702b817ff39226055927689e02608e67e"))
    }

    @Test(
        "an endpoint that does not answer hides what depends on it, and nothing else",
        arguments: [
            ("/info", [Area.everything]), ("/images/json?all=1", [.images, .layers]),
            ("/containers/json?all=1", [.containers, .images, .layers, .volumes]),
            ("/containers/\(created1)/json", [.containers, .images, .layers, .volumes]),
            (
                "/images/sha256:0c30698d71388ceca91685ae3ce0b5705dfc406a026c90f43040645ad689c9be/json",
                [.images, .layers]
            ),
            ("/volumes", [.volumes]), ("/system/df", [.layers]), ("/plugins", [.plugins]),
        ] as [(String, Set<Area>)])
    func hidden(endpoint: String, areas: Set<Area>) async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies[endpoint] = "not JSON"
        let findings = try await answers.findings()
        #expect(findings.problems.map(\.path) == [endpoint])
        #expect(findings.areas == areas)
    }

    @Test("a volume driver that did not answer hides volumes")
    func warnings() async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies["/volumes"] = #"{"Volumes":[],"Warnings":["driver rexray is unreachable"]}"#
        #expect(try await answers.findings().areas == [.volumes])
    }

    @Test("nobody there says nothing, and cannot tell says everything")
    func noEngine() {
        let error = EngineError("/run/docker.sock", .cannotConnect, "permission denied")
        #expect(Engine.findings(from: .nobodyThere(error)).problems.isEmpty)
        #expect(Engine.findings(from: .cannotTell(error)).areas == [.everything])
    }

    @Test("a container without layers hides layers, unless it is dead")
    func noLayers() async throws {
        for (state, data, areas) in [
            ("exited", "null", [.layers]), ("exited", "{}", [.layers]), ("dead", "null", []),
            ("exited", #"{"UpperDir":"/elsewhere/overlay2/x/diff"}"#, [.layers]),
            ("exited", #"{"UpperDir":"\#(Self.root)/overlay2"}"#, [.layers]),
        ] as [(String, String, Set<Area>)] {
            var answers = try Answers("20.10-overlay2")
            let endpoint = "/containers/\(Self.created1)/json"
            try answers.set("GraphDriver", to: #"{"Name":"overlay2","Data":\#(data)}"#, in: endpoint)
            try answers.set("State", to: #"{"Status":"\#(state)"}"#, in: endpoint)
            let findings = try await answers.findings()
            #expect(findings.areas == areas, "\(state) \(data)")
            #expect(findings.needed("containers/" + Self.created1))
        }
    }

    @Test(
        "fields that every engine sends cannot be missing",
        arguments: ["Mounts", "State", "Image", "Driver", "Name", "Id"])
    func missing(key: String) async throws {
        var answers = try Answers("20.10-overlay2")
        let endpoint = "/containers/\(Self.created1)/json"
        for value in [nil, "null"] {
            try answers.set(key, to: value, in: endpoint)
            #expect(try await answers.findings().areas == [.containers, .images, .layers, .volumes])
        }
    }

    @Test("an unknown storage driver hides layers")
    func unknownDriver() async throws {
        var answers = try Answers("20.10-overlay2")
        try answers.set("Driver", to: #""newfs""#, in: "/info")
        #expect(try await answers.findings().areas == [.layers])
    }

    @Test(
        "mounting a path claims what it lies in",
        arguments: [
            ("volumes/data/_data", "volumes/data"), ("volumes/data/_data/sub/dir", "volumes/data"),
            ("volumes//data/./_data/", "volumes/data"), ("containers/../volumes/data", "volumes/data"),
            ("vfs/dir/abc/x", "vfs/dir/abc"), ("overlay2/abc/diff/etc", "overlay2/abc"),
            ("overlay2/l/XYZ", "overlay2/l/XYZ"),
            ("aufs/diff/abc/x", "aufs/diff/abc"), ("plugins/abc/propagated-mount/v", "plugins/abc"),
            ("volumes/a%b/_data", "volumes/a%25b"), ("swarm/x", "swarm/x"), ("graph/abc/json", "graph/abc"),
        ])
    func binds(path: String, item: String) async throws {
        let findings = try await findings(mounting: mount("bind", source: "\(Self.root)/\(path)"))
        #expect(
            findings.claims(on: item).contains {
                $0.claimant == .container(id: Self.created1, name: "created1") && $0.force == .needs
            })
        #expect(findings.problems.isEmpty)
    }

    @Test(
        "mounting a directory of volumes or layers needs it, mounting the root or the containers is a remark",
        arguments: [
            ("/volumes", Claim.Force.needs), ("/vfs/dir", .needs), ("/vfs", .needs), ("/overlay2", .needs),
            ("/containers", .mentions), ("/image", .mentions), ("", .mentions), ("/..", .mentions),
        ])
    func directories(path: String, force: Claim.Force) async throws {
        let findings = try await findings(mounting: mount("bind", source: Self.root + path))
        let target = path == "/.." ? "" : String(path.dropFirst())
        #expect(findings.claims(on: target).map(\.force) == [force])
    }

    @Test(
        "a path that looks like a volume of this root claims it, whatever the root is called there",
        arguments: [
            ("/var/lib/docker/volumes/data/_data/x", "volumes/data"),
            ("/mnt/vfs/dir/\(created1)", "vfs/dir/\(created1)"),
            ("/mnt/volumes/\(created1)", "volumes/\(created1)"),
        ])
    func lookalikes(path: String, item: String) async throws {
        #expect(try await findings(mounting: mount("bind", source: path)).needed(item))
    }

    @Test(
        "a path of the host claims nothing", arguments: ["/srv/volumes/data", "/srv/docker/a20/root/volumes/x", "/etc"])
    func hostPaths(path: String) async throws {
        let found = try await findings(mounting: mount("bind", source: path)).claims.filter {
            $0.target.text.hasPrefix("volumes/") && $0.force == .needs
        }
        #expect(found.isEmpty)
    }

    @Test("a volume is claimed by its name alone, as engines list it when it is not mounted")
    func nameOnly() async throws {
        let findings = try await findings(
            mounting: #"[{"Type":"volume","Name":"data","Source":"","Destination":"/d"}]"#)
        #expect(findings.needed("volumes/data"))
    }

    @Test("a name that no directory can be told from hides volumes", arguments: [#"a\ufffdb"#, "a/b", "..", ""])
    func impossibleNames(name: String) async throws {
        let findings = try await findings(
            mounting: #"[{"Type":"volume","Name":"\#(name)","Source":"","Destination":"/d"}]"#)
        #expect(findings.areas == [.volumes])
    }

    private func mount(_ type: String, source: String) -> String {
        #"[{"Type":"\#(type)","Source":"\#(source)","Destination":"/d"}]"#
    }
}

/// The whole answers of the daemons that wrote the golden roots, against what is expected of those roots.
@Suite("The engine and the golden roots")
struct GoldenAnswersTests {
    static let roots = GoldenRoot.all.filter { $0.name.hasPrefix("20.") || $0.name.hasPrefix("29.") }

    @Test(
        "an engine needs nothing that must go and denies nothing that must stay",
        .enabled(if: !roots.isEmpty, "no golden roots of 20.10 and 29.7 here; set BILGE_GOLDEN_ROOTS"), arguments: roots
    )
    func agrees(root: GoldenRoot) async throws {
        let file = URL(fileURLWithPath: "\(root.folder)/\(root.name).truth.json")
        let findings = try await Answers(
            root.name, contentsOf: file, images: "images_all", containers: "containers_all"
        )
        .findings()
        #expect(findings.problems.isEmpty)
        let expected = try root.expectation().paths
        for claim in findings.claims {
            guard let path = expected[claim.target.text] else { continue }
            switch (claim.force, claim.claimant) {
            case (.needs, .item), (.mentions, _): break
            case (.needs, _): #expect(path.allowed.contains("inUse"), "\(claim)")
            case (.knows, _): #expect(path.allowed != ["orphan"], "\(claim)")
            }
        }
        // The engine names every volume that must be kept.
        let named = Set(findings.claims.map(\.target.text))
        for (path, expectation) in expected where expectation.allowed == ["inUse"] {
            guard path.hasPrefix("volumes/"), path.split(separator: "/").count == 2, !path.hasSuffix(".db") else {
                continue
            }
            #expect(named.contains(path), "\(path): \(expectation.why ?? "")")
        }
    }
}
