// SPDX-License-Identifier: Apache-2.0

import Decide
import Demo
import Foundation
import Model
import Testing

/// What the host's operators saw, as they wrote it down. Their blog spoilt the lines of the tree: see `spoilt`.
private let seenTree = """
    ?..8093db4276d5 Virtual Size: 0 B
    ?.?..f9c3a06edd7a Virtual Size: 6.642 MB
    ?. ?..546a4b0d3153 Virtual Size: 12.83 MB
    ?. ?..9caa77989e25 Virtual Size: 12.83 MB
    ?. ?..c02fd8670851 Virtual Size: 12.83 MB Tags: quay.io/coreos/etcd:v2.0.11
    ?..e9e06b06e14c Virtual Size: 188.1 MB
    ?.?..a82efea989f9 Virtual Size: 188.3 MB
    ?. ?..37bea4ee0c81 Virtual Size: 188.3 MB
    ?. ?..07f8e8c5e660 Virtual Size: 188.3 MB Tags: ubuntu:14.04
    ?. ?..1f4ab7282e19 Virtual Size: 375.1 MB
    ?. ?..0e4483abe66b Virtual Size: 377.5 MB
    ?. ?..c6153b5d8f1f Virtual Size: 377.5 MB
    ?. ?..2bc4611f2ed7 Virtual Size: 389.1 MB
    ?. ?..30887473610f Virtual Size: 413.9 MB
    ?. ?..3f8e22c413b1 Virtual Size: 413.9 MB
    ?. ?..22b1c756fa19 Virtual Size: 413.9 MB
    ?. ?..90607d8d09d1 Virtual Size: 413.9 MB
    ?. ?..4f4a5acb19eb Virtual Size: 413.9 MB
    ?. ?..204704ce3137 Virtual Size: 413.9 MB Tags: registry:latest
    ?..f1b10cd84249 Virtual Size: 0 B
    ?.?..b9aeeaeb5e17 Virtual Size: 202.6 MB Tags: centos:6
    ?. ?..8390535f8e61 Virtual Size: 306.1 MB Tags: centos:new
    ?. ?..0570b3aa38fb Virtual Size: 306.1 MB
    ?. ?..e099197b794f Virtual Size: 306.1 MB Tags: 172.30.30.241:5000/centos1:latest, centos:new2
    ?..6941bfcbbfca Virtual Size: 0 B
    ?.?..41459f052977 Virtual Size: 215.7 MB
    ?. ?..fd44297e2ddb Virtual Size: 215.7 MB Tags: centos:latest
    ?..a8219747be10 Virtual Size: 910 B
    ?..91c95931e552 Virtual Size: 910 B Tags: hello-world:latest
    """

private let seenImages = """
    REPOSITORY TAG IMAGE ID CREATED VIRTUAL SIZE
    quay.io/coreos/etcd v2.0.11 c02fd8670851 11 days ago 12.83 MB
    172.30.30.241:5000/centos1 latest e099197b794f 12 days ago 306.1 MB
    centos new2 e099197b794f 12 days ago 306.1 MB
    centos new 8390535f8e61 12 days ago 306.1 MB
    registry latest 204704ce3137 13 days ago 413.9 MB
    ubuntu 14.04 07f8e8c5e660 3 weeks ago 188.3 MB
    centos 6 b9aeeaeb5e17 5 weeks ago 202.6 MB
    centos latest fd44297e2ddb 5 weeks ago 215.7 MB
    hello-world latest 91c95931e552 5 weeks ago 910 B
    """

private let seenTags = """
    {
    "Repositories": {
    "172.30.30.241:5000/centos1": {
    "latest": "e099197b794f459b777cc82ba53f2ecdcfb52c0a3245a9b010ca239b50fd72ad"
    },
    "centos": {
    "6": "b9aeeaeb5e17b5414e5caa9a6b2f99e9ccef50561bdfe137cd05956961f1cec6",
    "latest": "fd44297e2ddb050ec4fa9752b7a4e3a8439061991886e2091e7c1f007c906d75",
    "new": "8390535f8e613861a3715cf1af4a082ac80108c1d098944def5aa1391207e33a",
    "new2": "e099197b794f459b777cc82ba53f2ecdcfb52c0a3245a9b010ca239b50fd72ad"
    },
    "hello-world": {
    "latest": "91c95931e552b11604fea91c2f537284149ec32fff0f700a4769cfd31d7696ae"
    },
    "quay.io/coreos/etcd": {
    "v2.0.11": "c02fd8670851ce85ace68db5cff8694a3ed3656bedd9fa8054de8aff2f39e631"
    },
    "registry": {
    "latest": "204704ce31375bcf4afecf672563b4881bbef0d59135c68d273235bb7254fb4b"
    },
    "ubuntu": {
    "14.04": "07f8e8c5e66084bef8f848877857537ffe1c47edd01a93af27e7161672ad0e95"
    }
    }
    }
    """

/// `ls graph`, as far as it was written down.
private let seenGraph = """
    0570b3aa38fbdd1defba6929282656a39cfabcf70dc39e68848139d649d8921b
    41459f052977938b824dd011e1f2bec2cb4d133dfc7e1aa0e90f7c5d337ca9c4
    a82efea989f94b1d9fac76e26e37b0bbde11047a3afcaa47064949dfa3b3209b
    07f8e8c5e66084bef8f848877857537ffe1c47edd01a93af27e7161672ad0e95
    9caa77989e25e788a5a75faff4e77b011e68d2fd5975a0bd20f5d14f61154bc0
    fd44297e2ddb050ec4fa9752b7a4e3a8439061991886e2091e7c1f007c906d75
    3f8e22c413b1783145e785a4729c4d5f98f9baca025b74d73774ed438ac82ba2
    a8219747be10611d65b7c693f48e7222c0bf54b5df8467d3f99003611afa1fd8
    _tmp
    """

@Suite("the listings of the origin host")
struct OriginListingTests {
    private let host: Built
    private let catalog: Catalog

    init() throws {
        host = try Built(.origin)
        catalog = try OriginListingTests.read(host)
    }

    @Test("the tree is the one that was seen: ids, parents, virtual sizes, tags, and the order of all lines")
    func tree() {
        #expect(treeLines(imageTree(catalog)).map(spoilt) == seenTree.components(separatedBy: "\n"))
    }

    @Test("the tree is drawn as docker drew it")
    func drawing() {
        let lines = treeLines(imageTree(catalog))
        #expect(
            lines.prefix(5).map { $0.prefix { !$0.isHexDigit } } == ["├─", "│ └─", "│   └─", "│     └─", "│       └─"])
        #expect(lines.last == "  └─91c95931e552 Virtual Size: 910 B Tags: hello-world:latest")
    }

    @Test("the list of images is the one that was seen")
    func images() {
        let rows = imageRows(catalog, now: DemoHost.origin.clock).map { $0.cells() }
        let lines = ([ImageRow.columns(legacy: true)] + rows).map { $0.joined(separator: " ") }
        #expect(lines == seenImages.components(separatedBy: "\n"))
    }

    @Test("repositories-aufs holds the tags and ids that were seen")
    func tags() throws {
        let seen = try JSONSerialization.jsonObject(with: Data(seenTags.utf8)) as? NSDictionary
        #expect(try host.json("repositories-aufs") as NSDictionary == seen)
    }

    @Test("graph holds the ids that were seen in full, and as many images as the tree")
    func graph() throws {
        let names = try host.names("graph")
        #expect(names.isSuperset(of: seenGraph.components(separatedBy: "\n")))
        #expect(names.count == 30)
        #expect(names.allSatisfy { $0 == "_tmp" || EntryName.isHexID($0) })
    }

    /// The blog showed the bytes of each drawn character in another encoding, which swallowed the blank after them, and
    /// its HTML dropped blanks at the beginning of a line and joined others.
    private func spoilt(_ line: String) -> String {
        line.replacingOccurrences(of: "├─", with: "?..").replacingOccurrences(of: "└─", with: "?..")
            .replacingOccurrences(of: "│ ", with: "?.")
            .replacingOccurrences(of: " +", with: " ", options: .regularExpression)
            .trimmingCharacters(in: .whitespaces)
    }

    /// Reads the images without the product's own readers.
    static func read(_ host: Built) throws -> Catalog {
        let tags = try host.json("repositories-aufs")["Repositories"] as? [String: [String: String]] ?? [:]
        var catalog = Catalog()
        for name in try host.names("graph") where EntryName.isHexID(name) {
            let record = try host.json("graph/\(name)/json")
            var image = ImageRecord(id: name, path: RelativePath("graph") / name)
            image.parent = record["parent"] as? String
            image.created = (record["created"] as? String).flatMap { Timestamp(rfc3339: $0) }
            image.ownBytes = Int64(try host.text("graph/\(name)/layersize"))
            image.tags = tags.flatMap { repository, tags in
                tags.filter { $0.value == name }.map { "\(repository):\($0.key)" }
            }
            catalog.images.append(image)
        }
        return catalog
    }
}
