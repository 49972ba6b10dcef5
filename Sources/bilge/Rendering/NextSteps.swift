// SPDX-License-Identifier: Apache-2.0

import Model

/// The commands worth typing next, the most useful first; at most three.
func nextSteps(_ report: DiskReport, _ problems: [Problem], hint: (String) -> String) -> [(
    command: String, why: String
)] {
    func row(_ category: DiskReport.Category) -> DiskReport.Row? { report.rows.first { $0.category == category } }
    var steps: [(String, String)] = []
    let orphans = row(.orphans)
    if let orphans, orphans.items > 0 {
        steps.append((hint("scan -v"), "see \(Shown.count(orphans.items, "orphan")) and the proof"))
    }
    if let orphans, orphans.items > orphans.volumes {
        let size = ByteCount(orphans.usage.allocatedBytes - orphans.volumeBytes).text
        steps.append((hint("prune -n"), "see what would be taken out, up to \(size)"))
    }
    let bytes = (row(.anonymousVolumes)?.freeableBytes ?? 0) + (orphans?.volumeBytes ?? 0)
    if bytes > 0 {
        steps.append((hint("prune volumes -n"), "see the volumes that no container uses: \(ByteCount(bytes).text)"))
    }
    if let trash = row(.trash), trash.usage.allocatedBytes > 1 << 20 {
        steps.append(
            (hint("trash ls"), "see what is held and can be freed: \(ByteCount(trash.usage.allocatedBytes).text)"))
    }
    if !problems.isEmpty { steps.append((hint("scan -v"), "see what could not be read")) }
    steps.append((hint("tree"), "see the images and what they are built on"))
    steps.append((hint("ls volumes"), "see the volumes and who uses them"))
    var seen: Set<String> = []
    return Array(steps.filter { seen.insert($0.0).inserted }.prefix(3))
}
