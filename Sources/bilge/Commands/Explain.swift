// SPDX-License-Identifier: Apache-2.0

import Act
import ArgumentParser
import Decide
import Disk
import Flow
import Model

struct Explain: Command {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "What a directory is, who needs it and where that was read, and what to do about it.",
        discussion: Bilge.help(
            "Takes a path, an id or how it begins, a name, or a tag. Reads only.",
            examples: [
                ("bilge explain /var/lib/docker/overlay2/6688ce71", "a directory"),
                ("bilge explain 6688ce71", "the same by its id"),
                ("bilge explain shop/api:4.10", "an image"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: ArgumentHelp("A path, an id, or a name.", valueName: "path-or-id"), completion: .directory)
    var thing: String

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        let survey = try await console.survey(request)
        // It may be in the trash: then the log knows what it was, and who had said that nobody needs it.
        if let found = held(await history(request, console), among: survey) {
            try console.show(found, output)
            return survey.status
        }
        let entries = try survey.resolve(thing, root)
        let usage = try await console.usage(of: entries, in: survey)
        let names = Names(survey.items, survey.catalog)
        let subjects = entries.map { entry in
            ExplainAnswer.Subject(
                entry: entry, usage: usage[entry.item.path], names: names.of(entry.item),
                chain: survey.chain(to: entry),
                inside: survey.inside(entry), images: survey.images(of: entry), facts: survey.facts(of: entry),
                hidden: survey.hiddenStore(of: entry)?.lines(limit: output.noTrunc ? .max : 12) ?? [],
                advice: survey.containerdAdvice(on: entry) ?? entry.advice(names: names.of(entry.item), root))
        }
        let answer = ExplainAnswer(
            place: Place(survey), subjects: subjects, problems: survey.problems, isWhole: output.noTrunc,
            now: request.now)
        try console.show(answer, output)
        return survey.status
    }

    /// The log of the trash. Another run that is changing it is no reason not to explain what is at its place.
    private func history(_ request: Request, _ console: Console) async -> AuditHistory {
        do {
            return try await Flow.history(request)
        } catch {
            console.remark(["note: the trash is not looked at: " + Shown.raw(Failure(error).message)])
            return AuditHistory([])
        }
    }

    /// What the audit log says about the thing; `nil` if nothing, or if it is at its place.
    private func held(_ history: AuditHistory, among survey: Survey) -> HeldAnswer? {
        let typed = [EntryName.escaped(text: thing), thing]
        let there = Set(survey.items.flatMap(\.item.paths))
        let found = history.entries.filter { entry in
            there.isDisjoint(with: entry.paths)
                && (entry.id == thing || thing.utf8.count >= 4 && entry.id.hasPrefix(thing)
                    || entry.paths.contains { path in
                        typed.contains { $0 == path.text || $0 == survey.root.path + "/" + path.text }
                    })
        }
        guard !found.isEmpty else { return nil }
        return HeldAnswer(
            held: found, history: history, undo: root.hint("undo \(found.last?.run ?? "")"))
    }
}

extension Survey {
    /// What a person means by `text`, or a sentence about why that cannot be told.
    func resolve(_ text: String, _ options: RootOptions) throws -> [Judged] {
        // The root may have been typed by another path than the one it was found to have.
        var typed = options.dataRoot.map { EntryName.escaped(text: $0) } ?? ""
        while typed.count > 1, typed.last == "/" { typed.removeLast() }
        let resolver = Resolver(
            items: items, catalog: catalog, rootPath: root.path, aliases: typed.isEmpty ? [] : [typed],
            stores: stores.map(\.path),
            exists: { [directory] place in
                if place.text.hasPrefix("/") { return true }
                // What cannot be looked at may be there.
                do { return try directory.statusIfPresent(place) != nil } catch { return true }
            })
        return try resolver.meaning(of: text).required(text, in: root.path, hint: options.hint)
    }

    /// Links from what counts by itself down to the item, without those between the item's own entries.
    func chain(to entry: Judged) -> [Claim] {
        let chain = entry.item.paths.lazy.map { reach.chain(to: $0) }.first { !$0.isEmpty } ?? []
        let own = Set(entry.item.paths)
        return chain.filter { claim in
            guard case .item(let claimant) = claim.claimant else { return true }
            return !own.contains(claimant)
        }
    }

    /// Items that lie in the item's entries.
    func inside(_ entry: Judged) -> [RelativePath] {
        items.map(\.item.path).filter { path in
            path != entry.item.path && entry.item.paths.contains { $0 != path && $0.contains(path) }
        }
    }

    /// What records say of the item's entries: build steps first.
    func facts(of entry: Judged) -> [String] {
        let steps = catalog.shownCaches().filter { $0.directory.map(entry.item.paths.contains) ?? false }
        return steps.map(\.sentence) + entry.item.paths.flatMap { catalog.facts[$0] ?? [] }
    }

    /// Names of the images that are made of the item; at most eight, and how many more.
    func images(of entry: Judged) -> [String] {
        guard [.layer, .snapshot, .blob].contains(entry.item.thing) else { return [] }
        let layers = ImageLayers(items, catalog)
        let using = catalog.images.filter { layers.items(of: $0).contains(entry.item.path) }
        let names = using.flatMap { $0.tags.isEmpty ? [String($0.id.prefix(12))] : $0.tags.sorted() }
        return Array(names.prefix(8)) + (names.count > 8 ? ["… and \(names.count - 8) more"] : [])
    }
}
