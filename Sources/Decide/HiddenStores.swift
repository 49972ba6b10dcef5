// SPDX-License-Identifier: Apache-2.0

package import Model

/// Which stores of a root the engine does not show, and what is in them.
///
/// A root holds one store per storage driver that was ever used, containerd's, and those of remapped users. An engine uses
/// one. If it says which, the others are known to be hidden; if nobody says, each may be.
package struct HiddenStores: Sendable {
    package private(set) var stores: [HiddenStore] = []

    private var byName: [String: Int] = [:]
    /// Containers of hidden stores, by their record.
    private var byContainer: [RelativePath: Int] = [:]
    private var byVolume: [RelativePath: Int] = [:]
    /// The store that the whole root is, if it is that of users who are not remapped.
    private var whole: Int?
    private let active: String?

    package init(_ findings: Findings, _ circumstances: Circumstances) {
        active = circumstances.activeDriver
        addRemapped(circumstances)
        guard whole == nil else {
            describe(findings)
            return
        }
        var drivers = Set(findings.catalog.images.compactMap(Self.driver)).union(
            findings.catalog.layers.compactMap(Self.driver))
        // A store whose records cannot be read, or of which only those of its containers are left, is one all the same.
        drivers.formUnion(findings.items.values.lazy.filter { $0.thing == .mountRecord }.compactMap(\.driver))
        for area in findings.problems.flatMap(\.areas) {
            if case .driver(let driver) = area { drivers.insert(driver) }
        }
        let usesContainerd = findings.catalog.images.contains { Self.isContainerds($0.path) }
        let mayUseContainerd = usesContainerd || findings.problems.contains { $0.areas.contains(.storageDrivers) }
        if let active {
            for driver in drivers.sorted() where driver != active { add(driver, true) }
            if usesContainerd, active != Self.containerd { add(Self.containerd, true) }
        } else if drivers.count + (mayUseContainerd ? 1 : 0) > 1 {
            for driver in drivers.sorted() { add(driver, false, besideContainerd: mayUseContainerd) }
        }
        describe(findings)
    }

    /// The hidden store that holds the item; `nil` for what is in none.
    func store(of item: Item) -> HiddenStore? {
        if let store = byName[item.path.text].map({ stores[$0] }), store.setting == .usernsRemap { return store }
        if let whole {
            let isApart = item.thing == .metadata || item.thing == .foreign || item.path.components.count == 1
            return isApart ? nil : stores[whole]
        }
        if stores.isEmpty, active == nil { return nil }
        if let container = Self.container(of: item) {
            // Without a record nobody can tell whose it was.
            if item.thing == .containerLeftover, active == nil { return stores.first }
            return byContainer[container].map { stores[$0] }
        }
        if Self.isContainerds(item.path) {
            return item.thing == .metadata ? nil : byName[Self.containerd].map { stores[$0] }
        }
        guard let driver = item.driver else { return nil }
        if let known = byName[driver] { return stores[known] }
        // A directory of a driver without any record of an image or a layer.
        return active.flatMap { $0 == driver ? nil : Self.store(driver, true, active: $0) }
    }

    /// The hidden store whose containers are the only ones that use the volume.
    func onlyUser(of volume: RelativePath) -> HiddenStore? { byVolume[volume].map { stores[$0] } }

    private static let containerd = "containerd"
    private static let containerdFolder = RelativePath(containerd)

    private mutating func addRemapped(_ circumstances: Circumstances) {
        guard let first = circumstances.remapped.first else { return }
        if active != nil {
            for name in circumstances.remapped {
                append(HiddenStore(.init(name, isCertain: true), setting: .usernsRemap, instead: "no remapped users"))
            }
            return
        }
        let isCertain = circumstances.activeRemapped != nil
        let name = HiddenStore.Name("without remapped users", isCertain: isCertain)
        whole = stores.count
        append(HiddenStore(name, setting: .usernsRemap, instead: circumstances.activeRemapped ?? first))
    }

    private mutating func add(_ name: String, _ isCertain: Bool, besideContainerd: Bool = false) {
        append(Self.store(name, isCertain, active: active, besideContainerd: besideContainerd))
    }

    private mutating func append(_ store: HiddenStore) {
        byName[store.name.text] = stores.count
        stores.append(store)
    }

    private static func store(
        _ name: String, _ isCertain: Bool, active: String?, besideContainerd: Bool = false
    ) -> HiddenStore {
        let isAboutContainerd = active == containerd || name == containerd || besideContainerd
        let instead = active.map { $0 == containerd ? "the containerd image store" : "the storage driver \($0)" } ?? ""
        return HiddenStore(
            HiddenStore.Name(name, isCertain: isCertain),
            setting: isAboutContainerd ? .containerdSnapshotter : .storageDriver, instead: instead)
    }
}

// MARK: - What is in them

extension HiddenStores {
    private mutating func describe(_ findings: Findings) {
        guard !stores.isEmpty else { return }
        let shown = Shown(findings)
        for image in findings.catalog.images {
            guard let index = index(of: image) else { continue }
            let names = image.tags.isEmpty ? [String(image.id.prefix(12))] : image.tags.sorted()
            stores[index].images += names
            for name in names {
                guard let comparison = shown.comparison(of: image, name) else { continue }
                stores[index].twins.append(HiddenStore.Twin(name, by: comparison))
            }
        }
        var users: [RelativePath: Set<Int?>] = [:]
        for container in findings.catalog.containers {
            let index = shown.containers.contains(container.path) ? nil : whole ?? byName[container.driver]
            for volume in container.volumes { users[volume, default: []].insert(index) }
            guard let index else { continue }
            byContainer[container.path] = index
            stores[index].containers.append(
                container.name.isEmpty ? String(container.id.prefix(12)) : container.name)
        }
        for (volume, indices) in users where indices.count == 1 {
            guard let only = indices.first, let index = only, stores[index].name.isCertain else { continue }
            byVolume[volume] = index
            stores[index].volumes.append(volume)
        }
        for index in stores.indices {
            // Names before ids.
            stores[index].images.sort { ($0.contains(":") ? 0 : 1, $0) < ($1.contains(":") ? 0 : 1, $1) }
            stores[index].containers.sort()
            stores[index].volumes.sort()
        }
    }

    private func index(of image: ImageRecord) -> Int? {
        if let whole { return whole }
        if Self.isContainerds(image.path) { return byName[Self.containerd] }
        return Self.driver(image).flatMap { byName[$0] }
    }

    /// What the engine does show, as far as it said so or containerd's records do.
    private struct Shown {
        var containers: Set<RelativePath> = []
        private var tags: Set<String> = []
        private var tops: Set<String> = []

        init(_ findings: Findings) {
            // Sources that begin with a slash are endpoints of the engine.
            for claim in findings.claims where claim.source.utf8.first == UInt8(ascii: "/") {
                if case .container = claim.claimant, claim.thing == .container {
                    containers.insert(claim.target)
                } else if case .tag(let name) = claim.claimant {
                    tags.insert(name)
                }
            }
            for image in findings.catalog.images where HiddenStores.isContainerds(image.path) {
                tags.formUnion(image.tags)
                if let top = image.chain.last { tops.insert(top) }
            }
        }

        func comparison(of image: ImageRecord, _ name: String) -> HiddenStore.Twin.Comparison? {
            if HiddenStores.isContainerds(image.path) { return nil }
            if let top = image.chain.last, tops.contains(top) { return .layers }
            return tags.contains(name) ? .name : nil
        }
    }

    private static func driver(_ image: ImageRecord) -> String? {
        isContainerds(image.path) ? nil : image.driver
    }

    private static func driver(_ layer: LayerRecord) -> String? {
        layer.directory.map(isContainerds) ?? false ? nil : layer.driver
    }

    /// containerd's root is in the data root, or known by its absolute path.
    private static func isContainerds(_ path: RelativePath) -> Bool {
        path.isAbsolute || containerdFolder.contains(path)
    }

    /// The directory of the container that an item is, or is a part of.
    private static func container(of item: Item) -> RelativePath? {
        let components = item.path.components
        guard components.count > 1, components[0] == "containers" else { return nil }
        return RelativePath("containers") / components[1]
    }
}

extension HiddenStore {
    /// Why what is in it is not for Bilge to judge.
    var reason: String {
        switch (name.isCertain, setting) {
        case (true, .usernsRemap): "a hidden store: the engine works with \(instead) (\(setting.rawValue))"
        case (true, .storageDriver), (true, .containerdSnapshotter):
            "a hidden store of \(name.text): the engine uses \(instead) (\(setting.rawValue))"
        case (false, .usernsRemap):
            "it may be a hidden store: there is \(instead), a root of remapped users (\(setting.rawValue))"
        case (false, .storageDriver), (false, .containerdSnapshotter):
            "it may be a hidden store: there are several, and no engine says which it uses (\(setting.rawValue))"
        }
    }
}
