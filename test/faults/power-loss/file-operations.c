/*
 * Makes the file operations that its arguments name, one after the other; each begins with its name. For the tests
 * of the shim. `open` and `fopen` choose the file that those without a path are about.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int fd = -1;
static char **next;

static char *text(void) { return *next == NULL ? errx(2, "an operation lacks an argument"), NULL : *next++; }
static off_t number(void) { return atoll(text()); }

static int flags_of(const char *how) {
  int flags = O_RDWR;
  if (strstr(how, "writeonly")) flags = O_WRONLY;
  if (strstr(how, "create")) flags |= O_CREAT;
  if (strstr(how, "empty")) flags |= O_TRUNC;
  if (strstr(how, "append")) flags |= O_APPEND;
  if (strstr(how, "dsync")) flags |= O_DSYNC;
  return flags;
}

static long vectored(char *bytes, off_t at) {
  size_t half = strlen(bytes) / 2;
  struct iovec parts[] = {{bytes, half}, {bytes + half, strlen(bytes) - half}};
  return at < 0 ? writev(fd, parts, 2) : pwritev(fd, parts, 2, at);
}

static long copy_from(const char *path, off_t at) {
  int from = open(path, O_RDONLY);
  return copy_file_range(from, NULL, fd, &at, 1 << 20, 0);
}

static long through_stream(const char *path, const char *how, const char *bytes) {
  FILE *stream = fopen(path, how);
  return stream == NULL || fputs(bytes, stream) < 0 ? -1 : fclose(stream);
}

static long flush_folder(const char *path) {
  int folder = open(path, O_RDONLY);
  long result = fsync(folder);
  close(folder);
  return result;
}

static long map_for_writing(void) {
  return mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
}

static long perform(const char *name) {
  if (strcmp(name, "open") == 0) {
    char *path = text();
    return fd = open(path, flags_of(text()), 0644);
  }
  if (strcmp(name, "write") == 0) {
    char *bytes = text();
    return write(fd, bytes, strlen(bytes));
  }
  if (strcmp(name, "pwrite") == 0) {
    off_t at = number();
    char *bytes = text();
    return pwrite(fd, bytes, strlen(bytes), at);
  }
  if (strcmp(name, "writev") == 0) return vectored(text(), -1);
  if (strcmp(name, "pwritev") == 0) {
    off_t at = number();
    return vectored(text(), at);
  }
  if (strcmp(name, "copy_file_range") == 0) {
    char *path = text();
    return copy_from(path, number());
  }
  if (strcmp(name, "stream") == 0) {
    char *path = text(), *how = text();
    return through_stream(path, how, text());
  }
  if (strcmp(name, "rename") == 0) {
    char *from = text();
    return rename(from, text());
  }
  if (strcmp(name, "link") == 0) {
    char *from = text();
    return link(from, text());
  }
  if (strcmp(name, "truncate") == 0) {
    char *path = text();
    return truncate(path, number());
  }
  if (strcmp(name, "ftruncate") == 0) return ftruncate(fd, number());
  if (strcmp(name, "posix_fallocate") == 0) return -posix_fallocate(fd, 0, number());
  if (strcmp(name, "sync_file_range") == 0) return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  if (strcmp(name, "fsync") == 0) return fsync(fd);
  if (strcmp(name, "fdatasync") == 0) return fdatasync(fd);
  if (strcmp(name, "fsync_folder") == 0) return flush_folder(text());
  if (strcmp(name, "unlink") == 0) return unlink(text());
  if (strcmp(name, "mkdir") == 0) return mkdir(text(), 0700);
  if (strcmp(name, "rmdir") == 0) return rmdir(text());
  if (strcmp(name, "mmap") == 0) return map_for_writing();
  errx(2, "no such operation: %s", name);
}

int main(int count, char **arguments) {
  (void)count;
  for (next = arguments + 1; *next != NULL;) {
    const char *name = text();
    if (perform(name) < 0) err(1, "%s", name);
  }
}
