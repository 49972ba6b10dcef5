// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model
package import SystemPackage

/// Data roots made up of real formats, to show and to test on: no Docker and no root needed, and each build is the same.
package enum DemoHost: String, CaseIterable, Sendable {
    /// The host that the product grew out of: Docker 1.6 with aufs, a few images, and what is left of more.
    case origin
    /// A host of Docker 20.10 with overlay2: three releases of one image, and what crashes left of others.
    case overlay2

    /// When this host was as it is built; with this clock its images are as old as on that day.
    package var clock: Timestamp {
        switch self {
        case .origin: Demo.originClock
        case .overlay2: Demo.overlay2Clock
        }
    }

    /// Builds the data root.
    ///
    /// - Parameter path: the directory to make; `fileExists` if anything has that name.
    /// - Returns: what nobody on that host needs, so that a demonstration can say how each came to be.
    @discardableResult
    package func build(at path: FilePath) throws(DiskError) -> [Leftover] {
        let tree = try SampleTree(at: path, modified: clock)
        let leftovers =
            switch self {
            case .origin: try OriginHost(tree).build()
            case .overlay2: try Overlay2Host(tree).build()
            }
        try tree.finish()
        return leftovers
    }
}

/// Something that nobody needs.
package struct Leftover: Hashable, Sendable {
    /// Every path of it.
    package var paths: [RelativePath]
    /// How it came to be: a clause without a full stop.
    package var story: String

    init(_ paths: [RelativePath], _ story: String) {
        self.paths = paths
        self.story = story
    }
}

/// Where and when demonstrations take place.
package enum Demo {
    /// 2015-05-25 08:00 UTC, the morning on which `docker images` printed the listing that the `origin` host reproduces.
    package static let originClock = Timestamp(seconds: 1_432_540_800)
    /// 2023-03-14 09:00 UTC.
    package static let overlay2Clock = Timestamp(seconds: 1_678_784_400)

    /// Makes a fresh folder with a name that nobody can foretell, for the caller's user only.
    package static func makeFolder(in parent: FilePath) throws(DiskError) -> FilePath {
        while true {
            let letters = String(UInt64.random(in: .min ... .max), radix: 36)
            let path = parent.appending("bilge-demo-\(letters)")
            do {
                try SampleTree.makeFolder(at: path)
                return path
            } catch  where error.errno == .fileExists {
                continue
            }
        }
    }
}
