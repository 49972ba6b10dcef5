// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Decide

@Suite("Images in two stores")
struct SameImagesTests {
    private func image(_ id: String, _ driver: String, chain: [String], tags: [String], config: String? = nil)
        -> ImageRecord
    {
        var image = ImageRecord(id: id, path: RelativePath("x/\(id)"))
        image.driver = driver
        image.chain = chain
        image.tags = tags
        image.configID = config
        if config != nil { image.ownBytes = 100 }
        return image
    }

    private func layer(_ id: String, on parent: String?, _ driver: String) -> LayerRecord {
        LayerRecord(chainID: id, parent: parent, driver: driver, directory: nil, bytes: 10)
    }

    /// `app` in both stores, and `more`, which stands on it in the one only.
    private func catalog(withMore: Bool) -> Catalog {
        var catalog = Catalog()
        catalog.images = [
            image("cfg", "overlay2", chain: ["l1", "l2"], tags: ["app:1", "app:old"]),
            image("man", "overlayfs", chain: ["l1", "l2"], tags: ["app:1"], config: "cfg"),
        ]
        catalog.layers = ["overlay2", "overlayfs"].flatMap { [layer("l1", on: nil, $0), layer("l2", on: "l1", $0)] }
        if withMore {
            catalog.images.append(image("more", "overlay2", chain: ["l1", "l3"], tags: ["more:1"]))
            catalog.layers.append(layer("l3", on: "l1", "overlay2"))
        }
        return catalog
    }

    @Test("an image in both stores is shown once, as containerd knows it, with the names of both")
    func once() {
        let tree = imageTree(catalog(withMore: false))
        #expect(
            treeLines(tree) == [
                "└─layer l1 Virtual Size: 10 B", "  └─layer l2 Virtual Size: 20 B",
                "    └─man Virtual Size: 120 B Tags: app:1, app:old",
            ])
        let rows = imageRows(catalog(withMore: false), now: Timestamp(seconds: 0))
        #expect(rows.map(\.id) == ["man", "man"] && rows.map(\.tag) == ["1", "old"] && rows[0].bytes == 120)
    }

    @Test("layers that another image of the hidden store stands on stay")
    func shared() {
        let once = eachImageOnce(catalog(withMore: true))
        #expect(once.images.map(\.id) == ["man", "more"])
        #expect(Set(once.layers.filter { $0.driver == "overlay2" }.map(\.chainID)) == ["l1", "l3"])
    }

    @Test("different images of one name, and one that is not unpacked, stay two")
    func different() {
        var catalog = catalog(withMore: false)
        catalog.images[1].configID = "other"
        #expect(eachImageOnce(catalog).images.count == 2)
        catalog = self.catalog(withMore: false)
        catalog.images[1].chain = []
        #expect(eachImageOnce(catalog).images.count == 2)
    }
}
