// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// A container of Docker 1.6 and its directory `containers/<id>`.
struct LegacyContainer {
    /// Where its engine kept the data root; the demonstration's is elsewhere.
    static let root = "/var/lib/docker"

    struct Volume {
        var destination: String
        /// A directory of the host that is mounted; `nil` for a volume of its own.
        var source: String?
        /// Of its record in `volumes/`.
        var id: String
    }

    var name: String
    /// The first digits of its image's id.
    var image: String
    var imageName: String
    var command: String
    var created: String
    /// `nil` while it runs.
    var finished: String?
    var exitCode = 0
    var volumes: [Volume]
    /// The container that the volumes were made for; `nil` if they are its own.
    var volumesFrom: String?

    var id: String { SampleID.hex("container \(name)") }
    var imageID: String { OriginImages.id(image) }
    var started: Timestamp { OriginImages.moment(created) }

    func makeRecords(in tree: SampleTree) throws(DiskError) {
        let folder = RelativePath("containers") / id
        try tree.directory(folder, mode: 0o700)
        try tree.file(folder / "config.json", record)
        try tree.file(folder / "hostconfig.json", hostRecord)
        try tree.file(folder / "hostname", "\(id.prefix(12))\n")
        try tree.file(folder / "hosts", "172.17.0.2\t\(id.prefix(12))\n127.0.0.1\tlocalhost\n")
        try tree.file(folder / "resolv.conf", "nameserver 172.30.30.1\n")
        try tree.file(folder / "\(id)-json.log", log, mode: 0o600)
    }

    /// The part of a record that says how to start: the same in images and in containers.
    static func config(host: String, image: String, command: String) -> String {
        #"{"Hostname":"\#(host)","Domainname":"","User":"","Memory":0,"MemorySwap":0,"CpuShares":0,"Cpuset":"","#
            + #""AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"PortSpecs":null,"ExposedPorts":null,"#
            + #""Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/bin:/bin"],"#
            + #""Cmd":["/bin/sh","-c","\#(command)"],"Image":"\#(image)","Volumes":null,"WorkingDir":"","Entrypoint":null,"#
            + #""NetworkDisabled":false,"MacAddress":"","OnBuild":null,"Labels":{}}"#
    }

    private var record: String {
        let folder = "\(Self.root)/containers/\(id)"
        let mounts = volumes.map { #""\#($0.destination)":"\#($0.source ?? "\(Self.root)/vfs/dir/\($0.id)")""# }
        let writable = volumes.map { #""\#($0.destination)":true"# }
        let applied = volumesFrom.map { #"{"\#($0)":{}}"# } ?? "null"
        return #"{"State":\#(state),"ID":"\#(id)","Created":"\#(started.rfc3339)","Path":"\#(command)","Args":[],"#
            + #""Config":\#(Self.config(host: String(id.prefix(12)), image: imageName, command: command)),"#
            + #""Image":"\#(imageID)","NetworkSettings":{"IPAddress":"","Gateway":"","Bridge":"","Ports":null},"#
            + #""ResolvConfPath":"\#(folder)/resolv.conf","HostnamePath":"\#(folder)/hostname","#
            + #""HostsPath":"\#(folder)/hosts","LogPath":"\#(folder)/\#(id)-json.log","Name":"/\#(name)","Driver":"aufs","#
            + #""ExecDriver":"native-0.2","MountLabel":"","ProcessLabel":"","AppArmorProfile":"","RestartCount":0,"#
            + #""UpdateDns":false,"Volumes":{\#(mounts.joined(separator: ","))},"#
            + #""VolumesRW":{\#(writable.joined(separator: ","))},"AppliedVolumesFrom":\#(applied)}"#
    }

    private var state: String {
        let end = finished.map { OriginImages.moment($0).rfc3339 } ?? "0001-01-01T00:00:00Z"
        return #"{"Running":\#(finished == nil),"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"#
            + #""Pid":\#(finished == nil ? 2841 : 0),"ExitCode":\#(exitCode),"Error":"","#
            + #""StartedAt":"\#(started.rfc3339)","FinishedAt":"\#(end)"}"#
    }

    private var hostRecord: String {
        let binds = volumes.compactMap { volume in volume.source.map { #""\#($0):\#(volume.destination)""# } }
        let from = volumesFrom.map { #"["\#($0)"]"# } ?? "null"
        return #"{"Binds":\#(binds.isEmpty ? "null" : "[\(binds.joined(separator: ","))]"),"ContainerIDFile":"","#
            + #""LxcConf":[],"Memory":0,"MemorySwap":0,"CpuShares":0,"Privileged":false,"PortBindings":{},"Links":null,"#
            + #""PublishAllPorts":false,"VolumesFrom":\#(from),"Devices":[],"NetworkMode":"bridge","#
            + #""RestartPolicy":{"Name":"no","MaximumRetryCount":0},"LogConfig":{"Type":"json-file","Config":null}}"#
    }

    private var log: String {
        (0..<(finished == nil ? 400 : 40)).map { line in
            #"{"log":"\#(name) line \#(line)\n","stream":"stdout","time":"\#(started.rfc3339)"}"# + "\n"
        }.joined()
    }
}
