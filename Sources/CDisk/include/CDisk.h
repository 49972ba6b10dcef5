// SPDX-License-Identifier: Apache-2.0
// The system calls that Glibc does not export to Swift, one function each, and no logic.
#ifndef CDISK_H
#define CDISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What statx(2) says of one entry, without following a symbolic link.
struct cdisk_status {
    uint64_t device, inode, size, blocks, mount_id;  // mount_id is 0 where the kernel does not tell (before 5.8)
    int64_t modified_ns, changed_ns, birth_ns;       // birth_ns is 0 where the file system records none
    uint32_t mode, links, uid, gid;
};

/// What fstatfs(2) says of a file system; bytes, not blocks.
struct cdisk_file_system {
    uint64_t magic, total, free, available, total_inodes, free_inodes;
    int32_t read_only;
};

/// The part of cdisk_status that measuring needs.
struct cdisk_usage {
    uint64_t device, inode, blocks, mount_id;
    uint32_t mode, links;
};

// resolve: 1 no other mount, 2 no magic links, 4 no symbolic links, 8 beneath; all with O_CLOEXEC.
int cdisk_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int cdisk_openat(int directory, const char *path, int flags, uint32_t mode);
long cdisk_getdents64(int fd, void *buffer, size_t size);
int cdisk_status_at(int directory, const char *path, struct cdisk_status *status);
int cdisk_status_of(int fd, struct cdisk_status *status);
// Follows a symbolic link, also a magic one of /proc.
int cdisk_status_behind(int directory, const char *path, struct cdisk_status *status);
// The same, asking for nothing: of a FUSE file of another user the kernel tells root no more than the device.
int cdisk_device_behind(int directory, const char *path, uint64_t *device);
int cdisk_usage_at(int directory, const char *path, struct cdisk_usage *usage);
int cdisk_usage_of(int fd, struct cdisk_usage *usage);
int cdisk_file_system(int fd, struct cdisk_file_system *file_system);
uint64_t cdisk_device(uint32_t major, uint32_t minor);

int cdisk_mkdirat(int directory, const char *name, uint32_t mode);
int cdisk_unlinkat(int directory, const char *name, int remove_directory);
int cdisk_rename_noreplace(int from_directory, const char *from, int to_directory, const char *to);
int cdisk_reserve(int fd, int64_t bytes);
// Takes bytes out of the front of a file; both file systems and this call want whole blocks.
int cdisk_collapse(int fd, int64_t bytes);

// landlock(7): the version of it, what a set of rules handles and thereby forbids, what it allows below a directory, and
// its enforcement for the calling thread and those that it starts; -1 with errno if the kernel cannot.
int cdisk_landlock_version(void);
int cdisk_landlock_ruleset(uint64_t handled);
int cdisk_landlock_allow(int ruleset, uint64_t allowed, int directory);
int cdisk_landlock_restrict(int ruleset);
int cdisk_no_new_privileges(void);
// Gives up all capabilities of the calling thread but those of a mask of the first 32: capset(2).
int cdisk_limit_capabilities(uint32_t kept);
// Puts the calling thread into the idle class of the I/O scheduler: ioprio_set(2).
void cdisk_be_idle(void);

// A word that threads sleep on until somebody else raises it.
uint32_t cdisk_word(const uint32_t *word);
void cdisk_word_wait(const uint32_t *word, uint32_t seen, int64_t nanoseconds);
void cdisk_word_raise(uint32_t *word, int threads);

// The terminal of this process: each key by itself and a screen of our own, until it is left or a signal ends us.
int cdisk_terminal_enter(void);
void cdisk_terminal_leave(void);
int cdisk_terminal_size(int *rows, int *columns);

int cdisk_o_path(void);

// At most so many heaps for all threads.
void cdisk_limit_heaps(int heaps);
// Forgets which pages of the code of this process are in memory; each comes back when it is needed: madvise(2).
void cdisk_let_go_of_code(void);
// Columns of the terminal; 0 if it is none.
int cdisk_terminal_columns(int fd);
// SIGINT and SIGTERM clear the line on stderr before they end the process.
void cdisk_clear_line_when_interrupted(void);

#endif
