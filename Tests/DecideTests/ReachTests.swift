// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Decide

@Suite("who reaches what")
struct ReachTests {
    private let base = RelativePath("overlay2/base")
    private let top = RelativePath("overlay2/top")
    private let image = RelativePath("image/overlay2/imagedb/content/sha256/i")

    /// A base layer below a top layer below an image with two tags; a container stands on the top layer.
    private var findings: Findings {
        var findings = Findings()
        for path in [base, top] { findings.add(Item(.layer, [path])) }
        findings.add(Item(.image, [image]))
        findings.claim(base, by: .item(top), source: "lower")
        findings.claim(top, by: .item(image), source: "layerdb")
        for tag in ["shop/api:2", "shop/api:1"] { findings.claim(image, by: .tag(tag), source: "repositories.json") }
        findings.claim(top, by: .container(id: "c", name: "web"), source: "config.v2.json")
        findings.claim(top, by: .mount("/merged"), source: "mountinfo")
        findings.claim(base, by: .engine("/images"), .knows, source: "engine")
        return findings
    }

    @Test("those who keep a thing are named through whatever lies between, containers first")
    func keepers() {
        let reach = Reach(findings)
        let names = ["container web (c)", "tag shop/api:1", "tag shop/api:2", "mount at /merged"]
        #expect(reach.keepers(of: base).map(\.description) == names)
        #expect(reach.keepers(of: image).map(\.description) == ["tag shop/api:1", "tag shop/api:2"])
    }

    @Test("what nobody needs is kept by nobody, also if it claims something")
    func none() {
        var findings = findings
        findings.claims = ClaimList(
            findings.claims.filter { !($0.source == "repositories.json" || $0.target == top && $0.source != "layerdb") }
        )
        let reach = Reach(findings)
        #expect(reach.keepers(of: base).isEmpty && reach.keepers(of: image).isEmpty)
    }
}
