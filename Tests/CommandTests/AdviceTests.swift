// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model
import Testing

@testable import bilge

@Suite("what a person should do about a thing")
struct AdviceTests {
    private func advice(_ judged: Judged, names: [String] = []) throws -> [String] {
        let root = try RootOptions.parse(["-g", "/srv/docker", "--grace", "7d"])
        return judged.advice(names: names, root)
    }

    @Test("images and build cache that nobody needs are pruned with commands of bilge, on the same root")
    func reclaimable() throws {
        let image = judged(.image, "image/overlay2/imagedb/content/sha256/ab", standing: .reclaimable)
        #expect(
            try advice(image, names: ["shop/api:4.10"]).joined().contains(
                "bilge prune images --filter reference=shop/api:4.10 -g /srv/docker --grace 7d"))
        #expect(try advice(image).joined().contains("bilge prune images -g /srv/docker --grace 7d"))
        let cache = judged(.buildCache, "overlay2/x", standing: .reclaimable)
        #expect(try advice(cache).joined().contains("bilge prune cache -g /srv/docker --grace 7d"))
    }

    @Test("of an image or a container that is needed, the rule can be asked for; other things are let be")
    func needed() throws {
        let container = judged(.container, "containers/ab")
        #expect(try advice(container, names: ["web"]).joined().contains("bilge why-not web -g /srv/docker"))
        #expect(try advice(judged(.layer, "overlay2/x")) == ["Nothing. Something needs it."])
    }
}
