// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// A container of Docker 20.10 and its directory `containers/<id>`.
///
/// Source: moby v20.10.24 `container/container.go`, `api/types/container/host_config.go`.
struct Container {
    /// Where its engine kept the data root; the demonstration's is elsewhere.
    static let root = "/var/lib/docker"

    struct Volume {
        var name: String
        var destination: String
    }

    var name: String
    var imageID: String
    var imageName: String
    var command: String
    var created: Timestamp
    /// `nil` while it runs.
    var finished: Timestamp?
    var exitCode = 0
    var volumes: [Volume] = []
    var labels: [String: String] = [:]
    var environment: [String] = []
    var logLines = 0

    var id: String { SampleID.hex("container \(name)") }

    func makeRecords(in tree: SampleTree) throws(DiskError) {
        let folder = RelativePath("containers") / id
        try tree.directory(folder, mode: 0o710)
        try tree.directory(folder / "checkpoints", mode: 0o700)
        try tree.directory(folder / "mounts", mode: 0o710)
        try tree.file(folder / "config.v2.json", record, mode: 0o600)
        try tree.file(folder / "hostconfig.json", hostRecord)
        try tree.file(folder / "hostname", "\(id.prefix(12))\n")
        try tree.file(folder / "hosts", "127.0.0.1\tlocalhost\n172.18.0.2\t\(id.prefix(12))\n")
        try tree.file(folder / "resolv.conf", "nameserver 127.0.0.11\n")
        try tree.file(folder / "\(id)-json.log", log, mode: 0o640)
    }

    /// The part of a record that says how to start: the same in images and in containers.
    static func config(
        host: String, image: String, command: String, labels: [String: String], environment: [String] = []
    ) -> String {
        let variables = (["PATH=/usr/local/bin:/usr/bin:/bin"] + environment).map { #""\#($0)""# }
        let texts = labels.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }
        return #"{"Hostname":"\#(host)","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"#
            + #""AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"#
            + #""Env":[\#(variables.joined(separator: ","))],"Cmd":["/bin/sh","-c","\#(command)"],"Image":"\#(image)","#
            + #""Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"#
            + #""Labels":{\#(texts.joined(separator: ","))}}"#
    }

    var record: String {
        let folder = "\(Self.root)/containers/\(id)"
        let host = String(id.prefix(12))
        return #"{"StreamConfig":{},"State":\#(state),"ID":"\#(id)","Created":"\#(created.rfc3339)","Managed":false,"#
            + #""Path":"/bin/sh","Args":["-c","\#(command)"],"Config":"#
            + Self.config(host: host, image: imageName, command: command, labels: labels, environment: environment)
            + #","Image":"sha256:\#(imageID)","NetworkSettings":\#(networks),"LogPath":"\#(folder)/\#(id)-json.log","#
            + #""Name":"/\#(name)","Driver":"overlay2","OS":"linux","MountLabel":"","ProcessLabel":"","RestartCount":0,"#
            + #""HasBeenStartedBefore":true,"HasBeenManuallyStopped":false,"MountPoints":{\#(mounts)},"#
            + #""SecretReferences":null,"ConfigReferences":null,"AppArmorProfile":"docker-default","#
            + #""HostnamePath":"\#(folder)/hostname","HostsPath":"\#(folder)/hosts","ShmPath":"","#
            + #""ResolvConfPath":"\#(folder)/resolv.conf","SeccompProfile":"","NoNewPrivileges":false,"#
            + #""LocalLogCacheMeta":{"HaveNotifyEnabled":false}}"#
    }

    private var state: String {
        #"{"Running":\#(finished == nil),"Paused":false,"Restarting":false,"OOMKilled":false,"RemovalInProgress":false,"#
            + #""Dead":false,"Pid":\#(finished == nil ? 2841 : 0),"ExitCode":\#(exitCode),"Error":"","#
            + #""StartedAt":"\#(created.rfc3339)","FinishedAt":"\#(finished?.rfc3339 ?? "0001-01-01T00:00:00Z")","#
            + #""Health":null}"#
    }

    private var networks: String {
        #"{"Bridge":"","SandboxID":"\#(SampleID.hex("sandbox \(name)"))","HairpinMode":false,"LinkLocalIPv6Address":"","#
            + #""LinkLocalIPv6PrefixLen":0,"Networks":{"bridge":{"IPAMConfig":null,"Links":null,"Aliases":null,"#
            + #""NetworkID":"\#(SampleID.hex("network bridge"))","EndpointID":"","Gateway":"","IPAddress":"","#
            + #""IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"MacAddress":"","#
            + #""DriverOpts":null,"IPAMOperational":false}},"Service":null,"Ports":{},"SandboxKey":"","#
            + #""SecondaryIPAddresses":null,"SecondaryIPv6Addresses":null,"IsAnonymousEndpoint":true,"#
            + #""HasSwarmEndpoint":false}"#
    }

    /// An anonymous volume has no source on disk: its place follows from its name.
    private var mounts: String {
        volumes.map { volume in
            let isAnonymous = EntryName.isHexID(volume.name)
            let source = isAnonymous ? "" : "\(Self.root)/volumes/\(volume.name)/_data"
            let spec =
                isAnonymous
                ? "{}" : #"{"Type":"volume","Source":"\#(volume.name)","Target":"\#(volume.destination)"}"#
            return #""\#(volume.destination)":{"Source":"\#(source)","Destination":"\#(volume.destination)","RW":true,"#
                + #""Name":"\#(volume.name)","Driver":"local","Type":"volume","Spec":\#(spec),"#
                + #""SkipMountpointCreation":false}"#
        }.joined(separator: ",")
    }

    var hostRecord: String {
        let binds = volumes.filter { !EntryName.isHexID($0.name) }.map { #""\#($0.name):\#($0.destination)""# }
        return #"{"Binds":\#(binds.isEmpty ? "null" : "[\(binds.joined(separator: ","))]"),"ContainerIDFile":"","#
            + #""LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"default","PortBindings":{},"#
            + #""RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"","#
            + #""VolumesFrom":null,"CapAdd":null,"CapDrop":null,"CgroupnsMode":"host","Dns":[],"DnsOptions":[],"#
            + #""DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"private","Cgroup":"","Links":null,"#
            + #""OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"#
            + #""SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":67108864,"Runtime":"runc","#
            + #""ConsoleSize":[0,0],"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","#
            + #""BlkioWeight":0,"Devices":[],"DeviceCgroupRules":null,"MemorySwap":0,"OomKillDisable":false,"#
            + #""PidsLimit":null,"Ulimits":null,"MaskedPaths":["/proc/asound","/proc/acpi","/proc/kcore"],"#
            + #""ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys"]}"#
    }

    private var log: String {
        (0..<logLines).map { line in
            #"{"log":"\#(name) line \#(line)\n","stream":"stdout","time":"\#(created.rfc3339)"}"# + "\n"
        }.joined()
    }
}
