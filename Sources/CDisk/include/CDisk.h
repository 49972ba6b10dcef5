// SPDX-License-Identifier: Apache-2.0
// The system calls that Glibc does not export to Swift, one function each, and no logic.
#ifndef CDISK_H
#define CDISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What statx(2) says of one entry, without following a symbolic link.
struct cdisk_status {
    uint64_t device, inode, size, blocks, mount_id;
    int64_t modified_ns, changed_ns, birth_ns;  // birth_ns is 0 where the file system records none
    uint32_t mode, links, uid, gid;
};

long cdisk_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve);
long cdisk_getdents64(int fd, void *buffer, size_t size);
int cdisk_status_at(int directory, const char *path, struct cdisk_status *status);
int cdisk_status_of(int fd, struct cdisk_status *status);
int cdisk_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);
int cdisk_o_path(void);

#endif
