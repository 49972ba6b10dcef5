// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CDisk.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// A signal may come at any moment, and its handler may call hardly anything: so this much is C.
static struct termios saved;
static volatile sig_atomic_t entered;
static const char enter[] = "\033[?1049h\033[?25l";
static const char leave[] = "\033[?25h\033[?1049l";
// What ends a process: from outside, or because it found itself broken.
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS};

static void restore(void) {
    if (!entered) return;
    entered = 0;
    ssize_t written = write(STDOUT_FILENO, leave, sizeof leave - 1);
    (void)written;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

static void on_end(int number) {
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

static void on_resize(int number) { (void)number; }

int cdisk_terminal_enter(void) {
    if (tcgetattr(STDIN_FILENO, &saved) != 0) return -1;
    struct termios raw = saved;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST | ONLCR;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) signal(ending[i], on_end);
    // Without SA_RESTART: a new size ends the read that waits for a key.
    sigaction(SIGWINCH, &(struct sigaction){.sa_handler = on_resize}, NULL);
    entered = 1;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
        entered = 0;
        return -1;
    }
    return write(STDOUT_FILENO, enter, sizeof enter - 1) < 0 ? -1 : 0;
}

void cdisk_terminal_leave(void) {
    restore();
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) signal(ending[i], SIG_DFL);
    signal(SIGWINCH, SIG_DFL);
}

int cdisk_terminal_size(int *rows, int *columns) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
