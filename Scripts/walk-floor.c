// SPDX-License-Identifier: Apache-2.0
// The least work that measures a tree: what `bilge du` is held against in Scripts/bench-walk, and no part of Bilge.
//
//     cc -O2 -pthread Scripts/walk-floor.c -o walk-floor && ./walk-floor THREADS DIRECTORY
//
// Prints bytes and inodes. For each directory an open, an fstat, two or more getdents64 and a close; for each other entry
// one fstatat; files with several names once. It knows no mounts, names no errors and gives up when something fails,
// such as when it runs out of descriptors.
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BUFFER = 128 << 10, SPARE = 16 };

struct record { uint64_t inode; int64_t next; uint16_t length; uint8_t type; char name[]; };

// A directory to read, or, with a buffer, names of its parent that somebody else has listed already.
struct work { struct work *below, *parent; atomic_int users; int fd; char *buffer; long filled; char name[]; };

struct link { dev_t device; ino_t inode; blkcnt_t blocks; };

struct worker { pthread_t thread; char *buffer; uint64_t blocks, inodes; struct link *links; size_t count, room; };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct work *top;                // last in, first out
static long busy, idle, buffers;        // work not done yet; threads without any; buffers that wait

static void *need(void *memory) { if (!memory) err(1, "memory"); return memory; }

static struct work *make(struct work *parent, const char *name) {
    size_t length = strlen(name) + 1;
    struct work *work = need(malloc(sizeof *work + length));
    *work = (struct work){.parent = parent, .users = 1, .fd = -1};
    memcpy(work->name, name, length);
    if (parent) atomic_fetch_add_explicit(&parent->users, 1, memory_order_relaxed);
    return work;
}

static void release(struct work *work) {
    while (work && atomic_fetch_sub(&work->users, 1) == 1) {
        struct work *parent = work->parent;
        if (work->fd >= 0) close(work->fd);
        free(work->buffer);
        free(work);
        work = parent;
    }
}

static void push(struct work *work) {
    pthread_mutex_lock(&mutex);
    work->below = top;
    top = work;
    busy++;
    if (work->buffer) buffers++;
    if (idle) pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static struct work *pop(int finished) {
    pthread_mutex_lock(&mutex);
    busy -= finished;
    while (!top && busy) {
        idle++;
        pthread_cond_wait(&changed, &mutex);
        idle--;
    }
    struct work *work = top;
    if (work) { top = work->below; if (work->buffer) buffers--; } else pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return work;
}

static void count(struct worker *me, const struct stat *s) {
    if (s->st_nlink > 1 && !S_ISDIR(s->st_mode)) {
        if (me->count == me->room) {
            me->room = me->room ? me->room * 2 : 1024;
            me->links = need(realloc(me->links, me->room * sizeof *me->links));
        }
        me->links[me->count++] = (struct link){s->st_dev, s->st_ino, s->st_blocks};
    } else {
        me->blocks += s->st_blocks;
        me->inodes++;
    }
}

static void look(struct worker *me, struct work *directory, char *buffer, long filled) {
    struct stat s;
    for (struct record *r = (void *)buffer; (char *)r < buffer + filled; r = (void *)((char *)r + r->length)) {
        if (r->name[0] == '.' && (!r->name[1] || (r->name[1] == '.' && !r->name[2]))) continue;
        if (r->type == DT_DIR) push(make(directory, r->name));
        else if (fstatat(directory->fd, r->name, &s, AT_SYMLINK_NOFOLLOW)) err(1, "%s", r->name);
        else count(me, &s);
    }
}

static void list(struct worker *me, struct work *work) {
    struct stat s;
    work->fd = openat(work->parent ? work->parent->fd : AT_FDCWD, work->name,
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work->fd < 0 || fstat(work->fd, &s)) err(1, "%s", work->name);
    count(me, &s);
    for (long filled; (filled = syscall(SYS_getdents64, work->fd, me->buffer, BUFFER)) != 0;) {
        if (filled < 0) err(1, "%s", work->name);
        if (filled + 288 > BUFFER && buffers < SPARE) {     // a large directory: others may look at these names
            struct work *share = make(work, "");
            share->buffer = me->buffer;
            share->filled = filled;
            push(share);
            me->buffer = need(malloc(BUFFER));
        } else look(me, work, me->buffer, filled);
    }
}

static void *run(void *argument) {
    struct worker *me = argument;
    me->buffer = need(malloc(BUFFER));
    for (struct work *work = pop(0); work; work = pop(1)) {
        if (work->buffer) look(me, work->parent, work->buffer, work->filled);
        else list(me, work);
        release(work);
    }
    return NULL;
}

static int order(const void *left, const void *right) {
    const struct link *a = left, *b = right;
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

int main(int count, char **arguments) {
    int threads = count == 3 ? atoi(arguments[1]) : 0;
    if (threads < 1) errx(64, "usage: walk-floor THREADS DIRECTORY");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct worker *workers = need(calloc((size_t)threads, sizeof *workers));
    push(make(NULL, arguments[2]));
    for (int i = 1; i < threads; i++) if (pthread_create(&workers[i].thread, NULL, run, &workers[i])) err(1, "thread");
    run(&workers[0]);
    for (int i = 1; i < threads; i++) pthread_join(workers[i].thread, NULL);
    uint64_t blocks = 0, inodes = 0;
    size_t links = 0;
    for (int i = 0; i < threads; i++) links += workers[i].count;
    struct link *all = need(malloc((links + 1) * sizeof *all));
    links = 0;
    for (int i = 0; i < threads; i++) {
        blocks += workers[i].blocks;
        inodes += workers[i].inodes;
        if (workers[i].count) memcpy(all + links, workers[i].links, workers[i].count * sizeof *all);
        links += workers[i].count;
    }
    qsort(all, links, sizeof *all, order);
    for (size_t i = 0; i < links; i++) if (!i || order(&all[i], &all[i - 1])) { blocks += all[i].blocks; inodes++; }
    printf("%llu\t%llu\n", (unsigned long long)blocks * 512, (unsigned long long)inodes);
    return 0;
}
