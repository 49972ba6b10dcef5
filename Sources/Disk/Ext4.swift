// SPDX-License-Identifier: Apache-2.0

package import Model

/// What an ext2, ext3 or ext4 file system keeps for itself, from its superblock, its first group descriptor and a few of
/// its inodes, read from the block device.
///
/// Source: Linux `Documentation/filesystems/ext4/` (`super.rst`, `group_descr.rst`, `inodes.rst`), `fs/ext4/super.c`,
/// `ext4_calculate_overhead`: statfs(2) leaves the group metadata and an internal journal out of the size, so both are
/// beside it; the resize inode's own block, quota files and the orphan file are in what it calls used.
package struct Ext4: Sendable {
    /// As it was made; compare with what statfs(2) tells.
    package let inodes: UInt64
    package let sizeBytes: Int64
    /// Within the size that statfs(2) tells.
    package let own: SpacePart
    /// Beside it. What the backups of superblock and descriptors take is not among them: it is what is left.
    package let overhead: [SpacePart]

    /// - Parameter device: of the file system, open for reading.
    /// - Returns: `nil` for what is no such file system, or one with features that change the sums: clusters of blocks,
    ///   a journal elsewhere.
    package init?(_ device: SmallFile) throws(DiskError) {
        guard let fields = Fields(try device.read(at: 1024, count: 1024)), fields.number(0x38, 2) == 0xEF53,
            fields.number(0x18, 4) <= 6, fields.number(0x18, 4) == fields.number(0x1C, 4)
        else { return nil }
        let (compatible, incompatible, readOnly) = (
            fields.number(0x5C, 4), fields.number(0x60, 4), fields.number(0x64, 4)
        )
        let block = Int64(1024) << Int64(fields.number(0x18, 4))
        let is64Bit = incompatible & 0x80 != 0
        let blocks = Int64(fields.number(0x04, 4) | (is64Bit ? fields.number(0x150, 4) << 32 : 0))
        let perGroup = Int64(fields.number(0x20, 4))
        // A dynamic revision says how large inodes are and which is the first of a user; before it, it was fixed.
        let isDynamic = fields.number(0x4C, 4) > 0
        let inodeSize = isDynamic ? Int64(fields.number(0x58, 2)) : 128
        let firstInode = isDynamic ? Int64(fields.number(0x54, 4)) : 11
        guard perGroup > 0, blocks > 0, inodeSize >= 128, firstInode > 2 else { return nil }
        inodes = fields.number(0, 4)
        sizeBytes = blocks * block
        let groups = (blocks + perGroup - 1) / perGroup
        var overhead = [
            SpacePart("inode tables", bytes: Int64(inodes) * inodeSize),
            SpacePart("bitmaps", bytes: groups * 2 * block),
        ]
        var table = Ext4InodeTable(device: device, blockSize: block, inodeSize: inodeSize)
        let descriptor = try device.read(at: Int(block) * Int(fields.number(0x14, 4) + 1), count: 64)
        try table.locate(descriptor, is64Bit: is64Bit && fields.number(0xFE, 2) >= 64, fields)
        if compatible & 0x4 != 0 {
            guard fields.number(0xE0, 4) != 0 else { return nil }
            overhead.append(SpacePart("journal", bytes: try table.allocated(fields.number(0xE0, 4))))
        }
        self.overhead = overhead
        // Inodes that no directory names: those below the first one of a user, without the root directory.
        var own = SpacePart("hidden inodes", bytes: 0, inodes: firstInode - 2)
        // The resize inode owns the reserved descriptors, which are beside the size, and one block that lists them.
        if compatible & 0x10 != 0 { own.bytes += block }
        if readOnly & 0x100 != 0 {
            for place in [0x240, 0x244, 0x26C] where fields.number(place, 4) != 0 {
                let inode = fields.number(place, 4)
                own.bytes += try table.allocated(inode)
                if Int64(inode) >= firstInode { own.inodes += 1 }
            }
        }
        if compatible & 0x1000 != 0, fields.number(0x280, 4) != 0 {
            own.bytes += try table.allocated(fields.number(0x280, 4))
            own.inodes += 1
        }
        self.own = own
    }
}

/// Numbers in little-endian order.
private struct Fields {
    let bytes: [UInt8]

    init?(_ bytes: [UInt8], atLeast count: Int = 1024) {
        guard bytes.count >= count else { return nil }
        self.bytes = bytes
    }

    func number(_ offset: Int, _ size: Int) -> UInt64 {
        bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// The inodes of the first group: all that the file system made for itself are among them.
private struct Ext4InodeTable {
    let device: SmallFile
    let blockSize: Int64
    let inodeSize: Int64
    private var start: Int64 = 0
    private var count: UInt64 = 0

    init(device: SmallFile, blockSize: Int64, inodeSize: Int64) {
        self.device = device
        self.blockSize = blockSize
        self.inodeSize = inodeSize
    }

    mutating func locate(_ descriptor: [UInt8], is64Bit: Bool, _ superblock: Fields) throws(DiskError) {
        guard let fields = Fields(descriptor, atLeast: 64) else { return }
        start = Int64(fields.number(0x08, 4) | (is64Bit ? fields.number(0x28, 4) << 32 : 0)) * blockSize
        count = superblock.number(0x28, 4)
    }

    /// Blocks of an inode, in bytes; 0 for one that is not here.
    func allocated(_ inode: UInt64) throws(DiskError) -> Int64 {
        guard inode > 0, inode <= count, start > 0 else { return 0 }
        let bytes = try device.read(at: Int(start + Int64(inode - 1) * inodeSize), count: 128)
        guard let fields = Fields(bytes, atLeast: 128) else { return 0 }
        let blocks = Int64(fields.number(0x1C, 4) | fields.number(0x74, 2) << 32)
        // A huge file is counted in blocks of the file system, every other in sectors.
        return fields.number(0x20, 4) & 0x40000 != 0 ? blocks * blockSize : blocks * 512
    }
}

extension Mount {
    /// `major:minor` of its device, as sysfs names it.
    package var deviceName: String {
        let major = ((device >> 8) & 0xFFF) | ((device >> 32) & ~0xFFF)
        let minor = (device & 0xFF) | ((device >> 12) & ~0xFF)
        return "\(UInt32(truncatingIfNeeded: major)):\(UInt32(truncatingIfNeeded: minor))"
    }
}
