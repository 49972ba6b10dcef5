// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

@Suite struct ContainerdCatalogTests {
    @Test("sizes and names are those that Docker 29 printed of its containerd store")
    func golden() throws {
        guard let golden = GoldenRoot.named("29.7-containerd-healthy") else { return }
        struct Truth: Decodable {
            struct Image: Decodable {
                let Id: String
                let RepoTags: [String]
                let Size: Int64
            }
            let images_all: [Image]
        }
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let catalog = observe(try .init(path: FilePath(root)), at: root).catalog
        let rows = imageRows(catalog, now: Timestamp(seconds: 0), all: true)
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(golden.folder)/\(golden.name).truth.json"))
        let truth = try JSONDecoder().decode(Truth.self, from: data).images_all
        #expect(Set(rows.map(\.id)) == Set(truth.map { String($0.Id.dropFirst(7)) }))
        for image in truth {
            let own = rows.filter { $0.id == image.Id.dropFirst(7) }
            #expect(own.first?.bytes == image.Size, "\(image.Id)")
            let tags = own.map { "\($0.repository):\($0.tag)" }.filter { $0 != "<none>:<none>" }
            #expect(Set(tags) == Set(image.RepoTags), "\(image.Id)")
        }
    }
}
