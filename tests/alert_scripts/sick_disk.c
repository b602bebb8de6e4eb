/* To preload: DISK=hangs|fails decides what fsync does; DISK_LOG=file gets one line for each rename and fsync, in order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const char *what) {
    const char *log = getenv("DISK_LOG");
    int fd = log ? open(log, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
    if (fd >= 0) {
        dprintf(fd, "%s\n", what);
        close(fd);
    }
}

int fsync(int fd) {
    const char *disk = getenv("DISK");
    struct stat about;
    note(fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) ? "fsync folder" : "fsync file");
    if (disk && strcmp(disk, "hangs") == 0)
        for (;;) pause();
    if (disk && strcmp(disk, "fails") == 0) {
        errno = EIO;
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int rename(const char *from, const char *to) {
    note("rename");
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
