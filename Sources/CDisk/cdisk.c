// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CDisk.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int cdisk_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int cdisk_openat(int directory, const char *path, int flags, uint32_t mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
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
    if (statx(directory, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &x) != 0)
        return -1;
    *out = (struct cdisk_status){
        .device = makedev(x.stx_dev_major, x.stx_dev_minor), .inode = x.stx_ino, .size = x.stx_size,
        .blocks = x.stx_blocks, .mount_id = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0,
        .modified_ns = nanoseconds(x.stx_mtime), .changed_ns = nanoseconds(x.stx_ctime),
        .birth_ns = x.stx_mask & STATX_BTIME ? nanoseconds(x.stx_btime) : 0,
        .mode = x.stx_mode, .links = x.stx_nlink, .uid = x.stx_uid, .gid = x.stx_gid};
    return 0;
}

int cdisk_status_at(int directory, const char *path, struct cdisk_status *out) {
    return status(directory, path, AT_SYMLINK_NOFOLLOW, out);
}

int cdisk_status_of(int fd, struct cdisk_status *out) { return status(fd, "", AT_EMPTY_PATH, out); }

int cdisk_status_behind(int directory, const char *path, struct cdisk_status *out) {
    // What lies behind may be on a server that is gone: what the kernel remembers of it will do.
    return status(directory, path, AT_STATX_DONT_SYNC, out);
}

int cdisk_device_behind(int directory, const char *path, uint64_t *device) {
    struct statx x;
    if (statx(directory, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &x) != 0) return -1;
    *device = makedev(x.stx_dev_major, x.stx_dev_minor);
    return 0;
}

static inline int usage(int directory, const char *path, int flags, struct cdisk_usage *out) {
    struct statx x;
    unsigned mask = STATX_TYPE | STATX_NLINK | STATX_INO | STATX_BLOCKS | STATX_MNT_ID;
    if (statx(directory, path, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask, &x) != 0) return -1;
    out->device = makedev(x.stx_dev_major, x.stx_dev_minor);
    out->inode = x.stx_ino;
    out->blocks = x.stx_blocks;
    out->mount_id = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0;
    out->mode = x.stx_mode;
    out->links = x.stx_nlink;
    return 0;
}

int cdisk_usage_at(int directory, const char *path, struct cdisk_usage *out) { return usage(directory, path, 0, out); }

int cdisk_usage_of(int fd, struct cdisk_usage *out) { return usage(fd, "", AT_EMPTY_PATH, out); }

int cdisk_file_system(int fd, struct cdisk_file_system *out) {
    struct statfs s;
    if (fstatfs(fd, &s) != 0) return -1;
    uint64_t block = (uint64_t)(s.f_frsize ? s.f_frsize : s.f_bsize);
    *out = (struct cdisk_file_system){
        .magic = (uint32_t)s.f_type, .total = s.f_blocks * block, .free = s.f_bfree * block,
        .available = s.f_bavail * block, .total_inodes = s.f_files, .free_inodes = s.f_ffree,
        .read_only = (s.f_flags & ST_RDONLY) != 0};
    return 0;
}

uint64_t cdisk_device(uint32_t major, uint32_t minor) { return makedev(major, minor); }

int cdisk_mkdirat(int directory, const char *name, uint32_t mode) { return mkdirat(directory, name, mode); }

int cdisk_unlinkat(int directory, const char *name, int remove_directory) {
    return unlinkat(directory, name, remove_directory ? AT_REMOVEDIR : 0);
}

int cdisk_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 1U /* RENAME_NOREPLACE */);
}

int cdisk_collapse(int fd, int64_t bytes) { return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, bytes); }

int cdisk_reserve(int fd, int64_t bytes) { return fallocate(fd, 0, 0, bytes); }

// landlock(7); older headers lack the numbers of the calls.
int cdisk_landlock_version(void) { return (int)syscall(444, NULL, 0, 1U /* LANDLOCK_CREATE_RULESET_VERSION */); }

int cdisk_landlock_ruleset(uint64_t handled) { return (int)syscall(444, &handled, sizeof handled, 0); }

int cdisk_landlock_allow(int ruleset, uint64_t allowed, int directory) {
    struct __attribute__((packed)) { uint64_t allowed; int32_t parent; } beneath = {allowed, directory};
    return (int)syscall(445, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &beneath, 0);
}

int cdisk_landlock_restrict(int ruleset) { return (int)syscall(446, ruleset, 0); }

int cdisk_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int cdisk_limit_capabilities(uint32_t kept) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data) != 0) return -1;
    data[0].effective &= kept;
    data[0].permitted &= kept;
    data[1].effective = data[1].permitted = data[0].inheritable = data[1].inheritable = 0;
    return (int)syscall(SYS_capset, &head, data);
}

void cdisk_be_idle(void) { syscall(SYS_ioprio_set, 1 /* a thread */, 0 /* this one */, 3 << 13 /* idle */); }

uint32_t cdisk_word(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

void cdisk_word_wait(const uint32_t *word, uint32_t seen, int64_t nanoseconds) {
    struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &timeout, NULL, 0);
}

void cdisk_word_raise(uint32_t *word, int threads) {
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

int cdisk_o_path(void) { return O_PATH; }

void cdisk_limit_heaps(int heaps) { mallopt(M_ARENA_MAX, heaps); }

// Of one of the objects that make up this process: the executable and its shared libraries.
static int let_go(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int number = 0; number < object->dlpi_phnum; number++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[number];
        // What may be written holds more than the file does: addresses that were put in when the program started.
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
        uintptr_t start = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_filesz;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void cdisk_let_go_of_code(void) { dl_iterate_phdr(let_go, NULL); }

int cdisk_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void clear_line(int number) {
    int saved = errno;
    if (write(STDERR_FILENO, "\r\033[K", 4) < 0) errno = saved;
    signal(number, SIG_DFL);
    raise(number);
}

void cdisk_clear_line_when_interrupted(void) {
    signal(SIGINT, clear_line);
    signal(SIGTERM, clear_line);
}
