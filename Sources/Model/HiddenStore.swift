// SPDX-License-Identifier: Apache-2.0

/// A store of images and containers that the engine does not show: it uses another one of the same root, and forgets none
/// of them. They are back as soon as it is switched back.
package struct HiddenStore: Hashable, Sendable {
    /// What it is called.
    package struct Name: Hashable, Comparable, Sendable {
        /// A storage driver, `containerd`, or the directory of a remapped root.
        package var text: String
        /// Where no engine says which store it uses, each of several may be hidden.
        package var isCertain: Bool

        package init(_ text: String, isCertain: Bool) {
            self.text = text
            self.isCertain = isCertain
        }

        package static func < (left: Name, right: Name) -> Bool { left.text < right.text }
    }

    /// The daemon's setting that decides which store is shown.
    package enum Setting: String, Sendable {
        case storageDriver = "storage-driver"
        case containerdSnapshotter = "features.containerd-snapshotter"
        case usernsRemap = "userns-remap"
    }

    /// An image that is in the active store as well, and how that was found out.
    package struct Twin: Hashable, Sendable {
        package enum Comparison: String, Sendable {
            /// All layers have the same chain IDs, and so the same content.
            case layers
            /// Only the name is the same; the content may differ.
            case name
        }

        package var image: String
        package var comparison: Comparison

        package init(_ image: String, by comparison: Comparison) {
            self.image = image
            self.comparison = comparison
        }
    }

    package var name: Name
    package var setting: Setting
    /// What the engine uses instead, in words; empty if nobody says.
    package var instead: String
    /// Tags, or the beginning of the id of an image without any.
    package var images: [String] = []
    /// Names, or the beginning of an id.
    package var containers: [String] = []
    package var twins: [Twin] = []
    /// Volumes that only its containers use: Docker takes them for unused.
    package var volumes: [RelativePath] = []

    package init(_ name: Name, setting: Setting, instead: String) {
        self.name = name
        self.setting = setting
        self.instead = instead
    }
}
