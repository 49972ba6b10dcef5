import Disk
import Model

func measure(in d: Directory, groups: [[RelativePath]], excluding: Set<RelativePath>) throws -> [Usage] {
    groups.map { _ in Usage() }
}
