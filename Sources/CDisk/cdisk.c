// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CDisk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

long cdisk_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    return syscall(SYS_openat2, directory, path, &how, sizeof how);
}

long cdisk_getdents64(int fd, void *buffer, size_t size) { return syscall(SYS_getdents64, fd, buffer, size); }

static int64_t nanoseconds(struct statx_timestamp time) {
    int64_t value;
    if (__builtin_mul_overflow(time.tv_sec, 1000000000LL, &value) ||
        __builtin_add_overflow(value, (int64_t)time.tv_nsec, &value))
        return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return value;
}

static int status(int directory, const char *path, int flags, struct cdisk_status *out) {
    struct statx x;
    if (statx(directory, path, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &x) != 0)
        return -1;
    *out = (struct cdisk_status){
        .device = makedev(x.stx_dev_major, x.stx_dev_minor), .inode = x.stx_ino, .size = x.stx_size,
        .blocks = x.stx_blocks, .mount_id = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0,
        .modified_ns = nanoseconds(x.stx_mtime), .changed_ns = nanoseconds(x.stx_ctime),
        .birth_ns = x.stx_mask & STATX_BTIME ? nanoseconds(x.stx_btime) : 0,
        .mode = x.stx_mode, .links = x.stx_nlink, .uid = x.stx_uid, .gid = x.stx_gid};
    return 0;
}

int cdisk_status_at(int directory, const char *path, struct cdisk_status *out) { return status(directory, path, 0, out); }

int cdisk_status_of(int fd, struct cdisk_status *out) { return status(fd, "", AT_EMPTY_PATH, out); }

int cdisk_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 1U /* RENAME_NOREPLACE */);
}

int cdisk_o_path(void) { return O_PATH; }
