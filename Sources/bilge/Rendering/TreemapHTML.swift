// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// The picture of a host: kinds, in them images, containers and volumes, in them layers; areas as large as what they
/// take.
///
/// Positions are shares of the picture, so that it fits every window; without any script.
struct TreemapHTML {
    var kinds: [(category: DiskReport.Category, node: SpaceNode)]

    /// The picture is thought to be so many pixels large where a label has to fit.
    private static let size = (width: 1160.0, height: 640.0)
    private static let heading = 22.0
    private static let gap = 3.0

    var html: HTML {
        let area = Rectangle(x: 0, y: 0, width: Self.size.width, height: Self.size.height)
        let places = treemap(kinds.map(\.node.bytes), in: area)
        let tiles = zip(kinds, places).map { kind, place in
            tile(kind.node, place, in: area, depth: 0, css: "k \(kind.category.cssClass)")
        }
        return """
            <div class="map" aria-hidden="true">
            \(HTML(tiles))
            </div>
            """
    }

    /// - Parameter outer: what its position is told in shares of.
    private func tile(_ node: SpaceNode, _ place: Rectangle, in outer: Rectangle, depth: Int, css: String) -> HTML {
        guard place.width >= 1, place.height >= 1 else { return "" }
        let hasLabel = place.width >= 46 && place.height >= 18
        let isTall = place.height >= 36 || depth < 2 && !node.parts.isEmpty
        let size = ByteCount(node.bytes).text
        let title = node.path.isEmpty || node.path == node.title ? node.title : "\(node.title) (\(node.path))"
        let label: HTML =
            hasLabel ? "<b>\(node.title)</b>\(isTall || place.width >= 150 ? " <i>\(size)</i>" : "" as HTML)" : ""
        return """
            <div class="t \(css)\(node.isFreeable ? " free" : "")" style="\(style(place, in: outer))" \
            title="\(title): \(size)">\(label)\(parts(of: node, in: place, depth: depth))</div>
            """
    }

    private func parts(of node: SpaceNode, in place: Rectangle, depth: Int) -> HTML {
        guard !node.parts.isEmpty, place.width > 24, place.height > Self.heading + 12 else { return "" }
        let inner = Rectangle(
            x: Self.gap, y: Self.heading, width: place.width - 2 * Self.gap,
            height: place.height - Self.heading - Self.gap)
        let frame = Rectangle(x: 0, y: 0, width: place.width, height: place.height)
        let places = treemap(node.parts.map(\.bytes), in: inner)
        return HTML(
            zip(node.parts, places).map {
                tile($0, $1, in: frame, depth: depth + 1, css: depth == 0 && !$0.parts.isEmpty ? "g" : "l")
            })
    }

    private func style(_ place: Rectangle, in outer: Rectangle) -> String {
        func share(_ value: Double, _ whole: Double) -> String { HTML.decimal(value * 100 / whole) + "%" }
        return "left:\(share(place.x - outer.x, outer.width));top:\(share(place.y - outer.y, outer.height));"
            + "width:\(share(place.width, outer.width));height:\(share(place.height, outer.height))"
    }
}

extension DiskReport.Category {
    /// The class that gives it its colour, in `PageStyle`.
    var cssClass: String { "c-" + rawValue }
}
