// SPDX-License-Identifier: Apache-2.0

import Flow
import Model

extension HiddenStore {
    /// What `explain` says of the store: why nobody sees it, what it holds, what of that is in the active store as well,
    /// and how it comes back. At most `limit` names in a line.
    func lines(limit: Int) -> [String] {
        func list(_ names: [String]) -> String {
            let more = names.count > limit ? " … and \(names.count - limit) more" : ""
            return names.isEmpty ? "none" : names.prefix(limit).joined(separator: ", ") + more
        }
        let twinNames = Set(twins.map(\.image))
        let here = images.filter { !twinNames.contains($0) }
        let sameLayers = twins.filter { $0.comparison == .layers }.map(\.image)
        let sameName = twins.filter { $0.comparison == .name }.map(\.image)
        var lines = [cause, "images: " + list(images), "containers: " + list(containers)]
        if !sameLayers.isEmpty { lines.append("also in the active store, with the same layers: " + list(sameLayers)) }
        if !sameName.isEmpty {
            lines.append("also in the active store by name; the content was not compared: " + list(sameName))
        }
        if name.isCertain, !images.isEmpty { lines.append("in no other store, as far as could be seen: " + list(here)) }
        if !volumes.isEmpty {
            let names = volumes.map { Shown.short(id: String($0.name)) }
            lines.append(
                "volumes that only its containers use, and that docker volume prune would delete: " + list(names))
        }
        return lines + [way]
    }

    private var cause: String {
        guard name.isCertain else {
            return setting == .usernsRemap
                ? "\(instead) is a root of remapped users: with \(setting.rawValue), the engine shows that one instead"
                : "the root holds several stores, and no engine says which it uses; the setting \(setting.rawValue) decides"
        }
        return "the engine uses \(instead) and does not show it; what hides it is the setting \(setting.rawValue)"
    }

    private var way: String {
        switch setting {
        case .storageDriver:
            "to see it again: \"storage-driver\": \"\(name.text)\" in daemon.json, and restart the engine"
        case .containerdSnapshotter:
            "to see it again: \"features\": {\"containerd-snapshotter\": \(name.text == "containerd")} in daemon.json, "
                + "and restart the engine"
        case .usernsRemap: "to see it again: start the engine \(isRemapped ? "with" : "without") userns-remap"
        }
    }

    /// The root of remapped users, and not the one around it.
    private var isRemapped: Bool { name.text.contains(".") }
}

extension Survey {
    /// The hidden store that a thing is in, or whose directory it is.
    func hiddenStore(of entry: Judged) -> HiddenStore? {
        let places = entry.item.path.components
        return hiddenStores.first { store in
            if let name = entry.hidden { return name == store.name }
            let directory = places.count == 2 && places[0] == "image" ? places[1] : places.count == 1 ? places[0] : ""
            return directory == store.name.text
        }
    }
}
