// SPDX-License-Identifier: Apache-2.0

/// A part of a picture, in whatever unit the whole is in.
package struct Rectangle: Hashable, Sendable {
    package var x: Double
    package var y: Double
    package var width: Double
    package var height: Double

    package init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    package var area: Double { width * height }
}

/// Divides an area among weights, so that each gets its share of it in a rectangle that is as square as can be.
///
/// Source of the method: M. Bruls, K. Huizing, J. J. van Wijk, "Squarified Treemaps", 2000.
///
/// - Parameter weights: the largest first; none negative.
/// - Returns: one rectangle for each weight, in their order; of no size for a weight of 0.
package func treemap(_ weights: [Int64], in area: Rectangle) -> [Rectangle] {
    let total = Double(weights.reduce(0, +))
    let empty = Rectangle(x: area.x, y: area.y, width: 0, height: 0)
    guard total > 0, area.area > 0 else { return weights.map { _ in empty } }
    let areas = weights.map { Double($0) / total * area.area }
    var rectangles: [Rectangle] = []
    var free = area
    while rectangles.count < areas.count {
        let row = bestRow(areas[rectangles.count...], along: min(free.width, free.height))
        rectangles += place(row, in: &free)
    }
    return rectangles
}

/// As many areas as make the worst of them no less square than with one fewer.
private func bestRow(_ areas: ArraySlice<Double>, along side: Double) -> ArraySlice<Double> {
    guard side > 0 else { return areas }
    var end = areas.startIndex
    var sum = 0.0
    var worst = Double.infinity
    while end < areas.endIndex {
        let next = sum + areas[end]
        // They are in order, so the first is the largest and this one the smallest.
        let (largest, smallest) = (areas[areas.startIndex], areas[end])
        guard smallest > 0 else { return end == areas.startIndex ? areas : areas[..<end] }
        let ratio = max(side * side * largest / (next * next), next * next / (side * side * smallest))
        if ratio > worst { break }
        (sum, worst, end) = (next, ratio, end + 1)
    }
    return areas[..<end]
}

/// Lays a row along the shorter side of what is free, and takes it away from there.
private func place(_ row: ArraySlice<Double>, in free: inout Rectangle) -> [Rectangle] {
    let sum = row.reduce(0, +)
    let isUpright = free.width >= free.height
    let side = isUpright ? free.height : free.width
    let depth = side > 0 ? min(sum / side, isUpright ? free.width : free.height) : 0
    var offset = 0.0
    let rectangles = row.map { area in
        let length = depth > 0 ? area / depth : 0
        defer { offset += length }
        return isUpright
            ? Rectangle(x: free.x, y: free.y + offset, width: depth, height: length)
            : Rectangle(x: free.x + offset, y: free.y, width: length, height: depth)
    }
    if isUpright {
        free.x += depth
        free.width -= depth
    } else {
        free.y += depth
        free.height -= depth
    }
    return rectangles
}
