// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import Synchronization

/// Runs all tasks, in no order, on this thread and up to three more, and returns their answers in the order of `tasks`.
///
/// For tasks that spend their time in system calls. Those that come first start first, so long ones belong there.
package func concurrently<Value: Sendable>(_ tasks: [@Sendable () -> Value]) -> [Value] {
    let next = Shared(Atomic(0))
    let answers = Shared(Mutex([Int: Value]()))
    let work: @Sendable () -> Void = {
        while true {
            let index = next.value.add(1, ordering: .relaxed).oldValue
            guard tasks.indices.contains(index) else { return }
            let answer = tasks[index]()
            answers.value.withLock { $0[index] = answer }
        }
    }
    let threads = tasks.dropFirst().prefix(3).compactMap { _ in WorkThread(work) }
    work()
    for thread in threads { thread.join() }
    return answers.value.withLock { answers in tasks.indices.compactMap { answers[$0] } }
}

extension Array {
    /// The elements in order, in slices of `count`, for tasks that are too small to be one each.
    package func parts(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
    }
}

/// Lets all threads share a few heaps, for as long as this process lives.
///
/// By default each thread gets one of its own, and what is free in one is of no use to another: reading a large root took
/// a fifth more memory. On a single one they wait for each other: some thousand times on the same root. Source: mallopt(3).
package func limitHeaps() { cdisk_limit_heaps(3) }

/// Gives up the memory that the code of this process takes; what is needed comes back from the page cache.
///
/// Starting, parsing the command line and doing the work each run through much of it once: 10 MB that would stay.
package func letGoOfCode() { cdisk_let_go_of_code() }

/// Runs both, the second one on a thread of its own, and returns their answers.
package func together<First, Second: Sendable>(
    _ first: () -> First, _ second: @escaping @Sendable () -> Second
) -> (First, Second) {
    let answer = Shared(Mutex<Second?>(nil))
    let thread = WorkThread {
        let found = second()
        answer.value.withLock { $0 = found }
    }
    let found = first()
    thread?.join()
    return (found, answer.value.withLock { $0 } ?? second())
}

private final class Shared<Value: ~Copyable & Sendable>: Sendable {
    let value: Value

    init(_ value: consuming Value) { self.value = value }
}

/// A thread of its own: system calls that block do not belong on the pool that tasks run on.
@safe struct WorkThread {
    private let thread: pthread_t

    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// `nil` where the system has no further thread: then the others do its work.
    init?(_ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(body))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            unsafe start.release()
            return nil
        }
        self.thread = thread
    }

    func join() { _ = pthread_join(thread, nil) }
}

/// Starts threads for threads that are confined: a new one inherits what the one that starts it was forbidden.
final class ThreadStarter: Sendable {
    private final class Request: Sendable {
        let body: @Sendable () -> Void
        let answer = Mutex<WorkThread??>(nil)

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let requests = Mutex<[Request]>([])
    private let isOver = Atomic(false)
    /// Rung for the one who starts, and for those who asked.
    private let asked = Bell()
    private let answered = Bell()

    /// Called by a confined thread; `nil` where the system has no further thread, and once nobody starts any more.
    func start(_ body: @escaping @Sendable () -> Void) -> WorkThread? {
        let request = Request(body)
        requests.withLock { $0.append(request) }
        asked.ring(1)
        while true {
            let seen = answered.seen
            if let answer = request.answer.withLock({ $0 }) { return answer }
            if isOver.load(ordering: .acquiring), withdraw(request) { return nil }
            answered.wait(seen)
        }
    }

    /// False if its answer is on the way.
    private func withdraw(_ request: Request) -> Bool {
        requests.withLock { requests in
            guard let index = requests.firstIndex(where: { $0 === request }) else { return false }
            requests.remove(at: index)
            return true
        }
    }

    /// Starts what others ask for, until `end` is called.
    func serve() {
        while !isOver.load(ordering: .acquiring) {
            let seen = asked.seen
            if let request = requests.withLock({ $0.popLast() }) {
                let thread = WorkThread(request.body)
                request.answer.withLock { $0 = .some(thread) }
                answered.ring(.max)
            } else {
                asked.wait(seen)
            }
        }
    }

    func end() {
        isOver.store(true, ordering: .releasing)
        asked.ring(1)
        answered.ring(.max)
    }
}
