// SPDX-License-Identifier: Apache-2.0

import Model

/// An image of the `origin` host.
struct OriginImage {
    var id: String
    var parent: String?
    /// Bytes of its own layer. Only the sums are known, to four digits.
    var ownBytes: Int64
    var created: Timestamp
    /// What made it, as `docker history` would show it.
    var command: String
}

/// The images of the `origin` host: ids, parents, tags and sizes are those of the listing that it reproduces.
///
/// Where the listing shows twelve digits of an id, the others are made up.
enum OriginImages {
    /// Parents before children.
    static let all: [OriginImage] = chains.flatMap { chain in
        var parent = chain.base.map(id)
        return chain.images.map { image in
            let own = OriginImage(
                id: id(image.id), parent: parent, ownBytes: image.bytes, created: moment(image.created),
                command: image.command)
            parent = own.id
            return own
        }
    }

    /// Repository, tag, and the first twelve digits of the image.
    static let tags: [(repository: String, tag: String, id: String)] = [
        ("172.30.30.241:5000/centos1", "latest", "e099197b794f"),
        ("centos", "6", "b9aeeaeb5e17"),
        ("centos", "latest", "fd44297e2ddb"),
        ("centos", "new", "8390535f8e61"),
        ("centos", "new2", "e099197b794f"),
        ("hello-world", "latest", "91c95931e552"),
        ("quay.io/coreos/etcd", "v2.0.11", "c02fd8670851"),
        ("registry", "latest", "204704ce3137"),
        ("ubuntu", "14.04", "07f8e8c5e660"),
    ]

    /// The full id that begins with these twelve digits.
    static func id(_ start: String) -> String { known.first { $0.hasPrefix(start) } ?? SampleID.full(of: start) }

    /// A moment of the year 2015, written `05-13T20:40:02`.
    static func moment(_ text: String) -> Timestamp {
        guard let moment = Timestamp(rfc3339: "2015-\(text)Z") else { preconditionFailure("no moment: \(text)") }
        return moment
    }

    /// Ids that are known in full.
    private static let known = [
        "0570b3aa38fbdd1defba6929282656a39cfabcf70dc39e68848139d649d8921b",
        "07f8e8c5e66084bef8f848877857537ffe1c47edd01a93af27e7161672ad0e95",
        "204704ce31375bcf4afecf672563b4881bbef0d59135c68d273235bb7254fb4b",
        "3f8e22c413b1783145e785a4729c4d5f98f9baca025b74d73774ed438ac82ba2",
        "41459f052977938b824dd011e1f2bec2cb4d133dfc7e1aa0e90f7c5d337ca9c4",
        "8390535f8e613861a3715cf1af4a082ac80108c1d098944def5aa1391207e33a",
        "91c95931e552b11604fea91c2f537284149ec32fff0f700a4769cfd31d7696ae",
        "9caa77989e25e788a5a75faff4e77b011e68d2fd5975a0bd20f5d14f61154bc0",
        "a8219747be10611d65b7c693f48e7222c0bf54b5df8467d3f99003611afa1fd8",
        "a82efea989f94b1d9fac76e26e37b0bbde11047a3afcaa47064949dfa3b3209b",
        "b9aeeaeb5e17b5414e5caa9a6b2f99e9ccef50561bdfe137cd05956961f1cec6",
        "c02fd8670851ce85ace68db5cff8694a3ed3656bedd9fa8054de8aff2f39e631",
        "e099197b794f459b777cc82ba53f2ecdcfb52c0a3245a9b010ca239b50fd72ad",
        "fd44297e2ddb050ec4fa9752b7a4e3a8439061991886e2091e7c1f007c906d75",
    ]

    private typealias Row = (id: String, bytes: Int64, created: String, command: String)

    private static let chains: [(base: String?, images: [Row])] = [
        (nil, etcd), (nil, ubuntu), ("07f8e8c5e660", registry), (nil, centos6), (nil, centos7), (nil, hello),
    ]

    private static let etcd: [Row] = [
        ("8093db4276d5", 0, "05-13T20:40:02", "#(nop) MAINTAINER CoreOS"),
        ("f9c3a06edd7a", 6_642_000, "05-13T20:40:09", "#(nop) ADD file:etcd in /etcd"),
        ("546a4b0d3153", 6_188_000, "05-13T20:40:15", "#(nop) ADD file:etcdctl in /etcdctl"),
        ("9caa77989e25", 0, "05-13T20:40:21", "#(nop) EXPOSE 2379/tcp 2380/tcp 4001/tcp 7001/tcp"),
        ("c02fd8670851", 0, "05-13T20:40:26", "#(nop) ENTRYPOINT [/etcd]"),
    ]
    private static let ubuntu: [Row] = [
        ("e9e06b06e14c", 188_104_102, "04-29T22:03:33", "#(nop) ADD file:rootfs in /"),
        ("a82efea989f9", 194_533, "04-29T22:03:46", "echo '#!/bin/sh' > /usr/sbin/policy-rc.d"),
        ("37bea4ee0c81", 1895, "04-29T22:03:49", "sed -i 's/^# *deb/deb/' /etc/apt/sources.list"),
        ("07f8e8c5e660", 0, "04-29T22:03:51", "#(nop) CMD [/bin/bash]"),
    ]
    private static let registry: [Row] = [
        ("1f4ab7282e19", 186_800_000, "05-11T21:02:11", "apt-get update && apt-get install -y python-dev"),
        ("0e4483abe66b", 2_400_000, "05-11T21:02:20", "#(nop) COPY dir:registry in /docker-registry"),
        ("c6153b5d8f1f", 1200, "05-11T21:02:24", "#(nop) COPY file:boto.cfg in /etc/boto.cfg"),
        ("2bc4611f2ed7", 11_600_000, "05-11T21:03:02", "pip install /docker-registry/depends/docker-registry-core"),
        ("30887473610f", 24_800_000, "05-11T21:04:40", "pip install file:///docker-registry#egg=docker-registry"),
        ("3f8e22c413b1", 310, "05-11T21:04:44", "patch < /docker-registry/contrib/boto_header_patch.diff"),
        ("22b1c756fa19", 0, "05-11T21:04:46", "#(nop) ENV DOCKER_REGISTRY_CONFIG=/docker-registry/config"),
        ("90607d8d09d1", 0, "05-11T21:04:48", "#(nop) ENV SETTINGS_FLAVOR=dev"),
        ("4f4a5acb19eb", 0, "05-11T21:04:50", "#(nop) EXPOSE 5000/tcp"),
        ("204704ce3137", 0, "05-11T21:04:52", "#(nop) CMD [docker-registry]"),
    ]
    private static let centos6: [Row] = [
        ("f1b10cd84249", 0, "04-15T22:40:01", "#(nop) MAINTAINER The CentOS Project"),
        ("b9aeeaeb5e17", 202_600_000, "04-15T22:51:12", "#(nop) ADD file:centos-6 in /"),
        ("8390535f8e61", 103_500_000, "05-12T14:10:07", "/bin/bash"),
        ("0570b3aa38fb", 2048, "05-12T15:02:31", "/bin/bash"),
        ("e099197b794f", 1024, "05-12T15:20:45", "/bin/bash"),
    ]
    private static let centos7: [Row] = [
        ("6941bfcbbfca", 0, "04-15T22:20:04", "#(nop) MAINTAINER The CentOS Project"),
        ("41459f052977", 215_700_000, "04-15T22:30:27", "#(nop) ADD file:centos-7 in /"),
        ("fd44297e2ddb", 0, "04-15T22:30:30", "#(nop) CMD [/bin/bash]"),
    ]
    private static let hello: [Row] = [
        ("a8219747be10", 910, "04-15T20:09:55", "#(nop) COPY file:hello in /"),
        ("91c95931e552", 0, "04-15T20:09:58", "#(nop) CMD [/hello]"),
    ]
}
