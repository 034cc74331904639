/*
 * What a power loss would take away: loaded into PostgreSQL by LD_PRELOAD, it notes how to take back every change
 * below a folder that is not durable yet. power-loss.ts reads the notes once all processes are dead.
 *
 * A change of a file is durable when fsync or fdatasync of that file, begun after the change, has succeeded; a
 * change of a folder's entries (make, remove, rename) when the same was done to the folder. Every inode has a log
 * of its own, undo/<inode>: a header and records. A change appends its record before it is made, under the log's
 * lock; a flush drops the records that were there when it began. Files that are removed or replaced stay linked in
 * kept/, so that they can come back, and so that no other file takes their inode.
 *
 * What it could not take back ends the process, rather than passing for durable.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Both are read by power-loss.ts. Positions count bytes of records since the log was made: dropping keeps them. */
struct header {
  uint64_t base;      /* position of the first byte after the header */
  uint64_t start;     /* what lies before is durable */
  uint64_t end;       /* what lies behind was not completed */
  uint64_t synced_at; /* when the last successful flush began, in nanoseconds; 0: never */
};

enum kind { RANGE = 1, MADE, REMOVED, RENAMED, FOLDER_MADE, FOLDER_REMOVED };

struct record {
  uint64_t kind;
  uint64_t time;   /* orders the records of all folders */
  uint64_t offset; /* RANGE: where the change begins; MADE: the inode; FOLDER_REMOVED: its mode */
  uint64_t extent; /* RANGE: how many bytes it changes */
  uint64_t size;   /* RANGE: how long the file was */
  uint64_t length; /* of what follows: the bytes that were there (none past the file's end), or names, each ended by 0 */
};

/* The functions that this file stands in for, as the C library has them. */
#define REAL(name)                                                             \
  ({                                                                           \
    static __typeof__(name) *real;                                             \
    if (real == NULL) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);      \
    real;                                                                      \
  })

#define ALIAS(name, target) __typeof__(target) name __attribute__((alias(#target)))

static const char *folder; /* absolute, without links; NULL: nothing is noted */
static const char *side;
static unsigned flush_microseconds; /* how long one takes at least that has something to flush */

/* Copies: PostgreSQL writes its process titles over the environment that it was started with. */
__attribute__((constructor)) static void configure(void) {
  const char *given_folder = getenv("POWER_LOSS_FOLDER"), *given_side = getenv("POWER_LOSS_SIDE");
  const char *milliseconds = getenv("POWER_LOSS_FLUSH_MS");
  if (given_folder == NULL || given_side == NULL || milliseconds == NULL) return;
  folder = strdup(given_folder);
  side = strdup(given_side);
  flush_microseconds = atoi(milliseconds) * 1000;
}

static void die(const char *what) {
  dprintf(2, "power-loss shim: %s (%s)\n", what, strerror(errno));
  abort();
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ---- which files ---- */

static int is_below(const char *path) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* The absolute path of `path`; false when it is not below the folder. */
static int locate(int at, const char *path, char full[PATH_MAX]) {
  if (folder == NULL) return 0;
  int saved = errno;
  char from[PATH_MAX] = "";
  if (path[0] != '/') {
    char link[64];
    snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, from, sizeof from - 2);
    if (length < 0) die("cannot tell where a relative path begins");
    from[length] = '/';
    from[length + 1] = 0;
  }
  if (snprintf(full, PATH_MAX, "%s%s", from, path) >= PATH_MAX) die("a path is too long");
  errno = saved;
  return is_below(full);
}

/* The few logs that this process used last stay open. Not shared after fork: fcntl's locks are a process's own. */
static struct { ino_t inode; int log; } cache[16];

static int open_log(ino_t inode) {
  unsigned slot = inode % 16;
  if (cache[slot].inode == inode) return cache[slot].log;
  char name[PATH_MAX];
  snprintf(name, sizeof name, "%s/undo/%llu", side, (unsigned long long)inode);
  int log = REAL(open)(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (log < 0) die("cannot open a log");
  if (cache[slot].inode != 0) close(cache[slot].log);
  cache[slot].inode = inode;
  cache[slot].log = log;
  return log;
}

static void check_device(const struct stat *found) {
  static dev_t device;
  struct stat at_side;
  if (device == 0 && stat(side, &at_side) == 0) device = at_side.st_dev;
  if (found->st_dev != device) die("the folder spans file systems");
}

/* The log of an open file or folder; -1 when it is not below the folder. */
static int log_of(int fd) {
  if (folder == NULL) return -1;
  int saved = errno;
  struct stat found;
  int log = -1;
  if (fstat(fd, &found) == 0 && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) die("cannot tell what file is being changed");
    path[length] = 0;
    if (is_below(path)) {
      check_device(&found);
      log = open_log(found.st_ino);
    }
  }
  errno = saved;
  return log;
}

/* ---- the logs ---- */

static void set_lock(int log, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  while (fcntl(log, F_SETLKW, &lock) != 0)
    if (errno != EINTR) die("cannot lock a log");
}

/* Leaves errno as the change left it. */
static void unlock(int log) {
  int saved = errno;
  set_lock(log, F_UNLCK);
  errno = saved;
}

static struct header read_header(int log) {
  struct header header = {0};
  if (pread(log, &header, sizeof header, 0) < 0) die("cannot read a log");
  return header;
}

static void put(int log, const void *bytes, size_t length, off_t at) {
  if (length > 0 && REAL(pwrite)(log, bytes, length, at) != (ssize_t)length) die("cannot write a log");
}

static off_t place_in(const struct header *header, uint64_t position) {
  return sizeof *header + (position - header->base);
}

/* Counts as noted once the header says so: a process killed before has not made its change either. */
static void complete(int log, struct header header, const struct record *record) {
  put(log, record, sizeof *record, place_in(&header, header.end));
  header.end += sizeof *record + record->length;
  put(log, &header, sizeof header, 0);
}

static void note_names(int log, struct record record, const char *names, size_t length) {
  struct header header = read_header(log);
  record.time = now();
  record.length = length;
  put(log, names, length, place_in(&header, header.end + sizeof record));
  complete(log, header, &record);
}

static void note_range(int log, int fd, off_t offset, size_t extent, off_t size) {
  static char bytes[1 << 16];
  struct header header = read_header(log);
  off_t until = offset + (off_t)extent < size ? offset + (off_t)extent : size;
  struct record record = {RANGE, now(), offset, extent, size, until > offset ? until - offset : 0};
  off_t to = place_in(&header, header.end + sizeof record) - offset;
  while (offset < until) {
    size_t wanted = (size_t)(until - offset) < sizeof bytes ? (size_t)(until - offset) : sizeof bytes;
    ssize_t got = pread(fd, bytes, wanted, offset);
    if (got <= 0) die("cannot read what is about to be overwritten");
    put(log, bytes, got, to + offset);
    offset += got;
  }
  complete(log, header, &record);
}

/* The file says that the power is gone, some milliseconds before every process has been killed. */
static void stop_when_off(void) {
  char off[PATH_MAX];
  snprintf(off, sizeof off, "%s/off", side);
  while (access(off, F_OK) == 0) pause();
}

/* The one place where anything becomes durable. */
static void drop_until(int log, uint64_t position, uint64_t synced_at) {
  stop_when_off();
  struct header header = read_header(log);
  if (header.start < position) header.start = position;
  if (header.synced_at < synced_at) header.synced_at = synced_at;
  int empty = header.start == header.end;
  if (empty) header.base = header.end;
  put(log, &header, sizeof header, 0);
  if (empty && REAL(ftruncate)(log, sizeof header) != 0) die("cannot empty a log");
}

/* ---- changes of a file ---- */

struct change {
  int log; /* locked until after(); -1: not below the folder */
  int fd;
  int readable; /* the same file, open for reading */
  off_t size;
};

static struct change before(int fd) {
  int saved = errno;
  struct change change = {log_of(fd), fd, fd, 0};
  if (change.log >= 0) {
    set_lock(change.log, F_WRLCK);
    struct stat found;
    if (fstat(fd, &found) != 0) die("cannot ask for a file's size");
    change.size = found.st_size;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
      char name[64];
      snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
      change.readable = REAL(open)(name, O_RDONLY | O_CLOEXEC);
      if (change.readable < 0) die("cannot read a file that is open for writing only");
    }
  }
  errno = saved;
  return change;
}

static void note(const struct change *change, off_t offset, size_t extent) {
  if (change->log >= 0) note_range(change->log, change->readable, offset, extent, change->size);
}

static void after(const struct change *change, int changed) {
  if (change->log < 0) return;
  int saved = errno;
  if (change->readable != change->fd) close(change->readable);
  /* Of a file opened so, everything is taken for durable, also what others wrote to it before. */
  if (changed && (fcntl(change->fd, F_GETFL) & O_DSYNC) != 0)
    drop_until(change->log, read_header(change->log).end, now());
  unlock(change->log);
  errno = saved;
}

static struct change before_write(int fd, const off_t *offset, size_t extent) {
  struct change change = before(fd);
  if (change.log >= 0) {
    int appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
    note(&change, appends ? change.size : offset != NULL ? *offset : lseek(fd, 0, SEEK_CUR), extent);
  }
  return change;
}

static size_t total(const struct iovec *parts, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  return length;
}

#define WRITE(fd, offset, extent, call)                                        \
  struct change change = before_write(fd, offset, extent);                     \
  ssize_t written = call;                                                      \
  after(&change, written > 0);                                                 \
  return written

ssize_t write(int fd, const void *bytes, size_t length) {
  WRITE(fd, NULL, length, REAL(write)(fd, bytes, length));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  WRITE(fd, &offset, length, REAL(pwrite)(fd, bytes, length, offset));
}
ALIAS(pwrite64, pwrite);

ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITE(fd, NULL, total(parts, count), REAL(writev)(fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  WRITE(fd, &offset, total(parts, count), REAL(pwritev)(fd, parts, count, offset));
}
ALIAS(pwritev64, pwritev);

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  if (flags != 0 && log_of(fd) >= 0) die("pwritev2 with flags");
  const off_t *at = offset == -1 ? NULL : &offset;
  WRITE(fd, at, total(parts, count), REAL(pwritev2)(fd, parts, count, offset, flags));
}
ALIAS(pwritev64v2, pwritev2);

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags) {
  WRITE(to, to_offset, length, REAL(copy_file_range)(from, from_offset, to, to_offset, length, flags));
}

int ftruncate(int fd, off_t size) {
  struct change change = before(fd);
  if (size < change.size) note(&change, size, change.size - size);
  else note(&change, change.size, size - change.size);
  int result = REAL(ftruncate)(fd, size);
  after(&change, result == 0);
  return result;
}
ALIAS(ftruncate64, ftruncate);

int truncate(const char *path, off_t size) {
  char full[PATH_MAX];
  if (!locate(AT_FDCWD, path, full)) return REAL(truncate)(path, size);
  int fd = REAL(open)(full, O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = ftruncate(fd, size);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}
ALIAS(truncate64, truncate);

int fallocate(int fd, int mode, off_t offset, off_t length) {
  struct change change = before(fd);
  if (change.log >= 0 && mode != 0 && mode != FALLOC_FL_KEEP_SIZE) die("fallocate with a mode");
  off_t end = offset + length;
  if (mode == 0 && end > change.size) note(&change, change.size, end - change.size);
  int result = REAL(fallocate)(fd, mode, offset, length);
  after(&change, result == 0);
  return result;
}
ALIAS(fallocate64, fallocate);

/* The C library's own may write bytes by calls that are not seen here. */
int posix_fallocate(int fd, off_t offset, off_t length) {
  if (log_of(fd) < 0) return REAL(posix_fallocate)(fd, offset, length);
  return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}
ALIAS(posix_fallocate64, posix_fallocate);

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  int shared = (flags & MAP_TYPE) != MAP_PRIVATE && (flags & MAP_ANONYMOUS) == 0;
  if (shared && (protection & PROT_WRITE) != 0 && log_of(fd) >= 0) die("a file is mapped for writing");
  return REAL(mmap)(address, length, protection, flags, fd, offset);
}
ALIAS(mmap64, mmap);

/* ---- flushes ---- */

static int flush(int fd, int (*real)(int)) {
  int log = log_of(fd);
  if (log < 0) return real(fd);
  set_lock(log, F_RDLCK);
  struct header header = read_header(log);
  uint64_t noted = header.end, began = now();
  unlock(log);
  if (header.start < header.end) usleep(flush_microseconds);
  int result = real(fd);
  if (result != 0) return result;
  set_lock(log, F_WRLCK);
  drop_until(log, noted, began);
  unlock(log);
  return 0;
}

int fsync(int fd) { return flush(fd, REAL(fsync)); }
int fdatasync(int fd) { return flush(fd, REAL(fdatasync)); }

int syncfs(int fd) {
  if (folder != NULL) die("syncfs");
  return REAL(syncfs)(fd);
}

/* ---- changes of a folder's entries ---- */

/* The log of the folder that `full` lies in, locked. */
static int lock_parent(const char *full) {
  char parent[PATH_MAX];
  strcpy(parent, full);
  while (parent[strlen(parent) - 1] == '/') parent[strlen(parent) - 1] = 0;
  *strrchr(parent, '/') = 0;
  struct stat found;
  if (stat(parent, &found) != 0) return -1; /* so the change will fail, and says why */
  check_device(&found);
  int log = open_log(found.st_ino);
  set_lock(log, F_WRLCK);
  return log;
}

/* A second link to what is about to lose its name; "" when there is nothing. */
static void keep(const char *full, char kept[64]) {
  static unsigned count;
  char link_path[PATH_MAX];
  snprintf(kept, 64, "%llu-%d-%u", (unsigned long long)now(), getpid(), count++);
  snprintf(link_path, sizeof link_path, "%s/kept/%s", side, kept);
  if (REAL(linkat)(AT_FDCWD, full, AT_FDCWD, link_path, 0) == 0) return;
  if (errno != ENOENT) die("cannot keep a file that is being removed");
  kept[0] = 0;
}

/* What `names` is, joined, each ended by 0. */
static void note_entry(int log, enum kind kind, uint64_t detail, int count, ...) {
  char names[3 * PATH_MAX];
  size_t length = 0;
  va_list each;
  va_start(each, count);
  while (count-- > 0) length += stpcpy(names + length, va_arg(each, const char *)) - (names + length) + 1;
  va_end(each);
  note_names(log, (struct record){.kind = kind, .offset = detail}, names, length);
}

/* A new file may have the inode of one that somebody else removed, whose log says nothing of it. */
static void begin_log(ino_t inode) {
  int log = open_log(inode);
  set_lock(log, F_WRLCK);
  struct header header = read_header(log);
  header.base = header.start = header.end;
  header.synced_at = 0;
  put(log, &header, sizeof header, 0);
  unlock(log);
}

static int open_existing(int at, const char *path, int flags) {
  char full[PATH_MAX];
  locate(at, path, full);
  int whole = (flags & O_TRUNC) != 0 ? REAL(open)(full, O_RDONLY | O_CLOEXEC) : -1;
  if (whole < 0) return REAL(openat)(at, path, flags & ~O_CREAT);
  struct change change = before(whole);
  note(&change, 0, change.size);
  int fd = REAL(openat)(at, path, flags & ~O_CREAT);
  after(&change, 0);
  int saved = errno;
  close(whole);
  errno = saved;
  return fd;
}

static int open_noted(int at, const char *path, int flags, mode_t mode) {
  char full[PATH_MAX];
  struct stat found;
  if ((flags & (O_CREAT | O_TRUNC)) == 0 || !locate(at, path, full)) return REAL(openat)(at, path, flags, mode);
  if ((flags & O_CREAT) == 0) return open_existing(at, path, flags);
  int log = lock_parent(full);
  if (log < 0) return REAL(openat)(at, path, flags, mode);
  if (lstat(full, &found) == 0) {
    unlock(log);
    if ((flags & O_EXCL) != 0) return REAL(openat)(at, path, flags, mode);
    return open_existing(at, path, flags);
  }
  int fd = REAL(openat)(at, path, flags, mode);
  int made = fd >= 0 && fstat(fd, &found) == 0;
  if (made) note_entry(log, MADE, found.st_ino, 1, full);
  unlock(log);
  if (made) begin_log(found.st_ino);
  return fd;
}

#define MODE(flags)                                                            \
  mode_t mode = 0;                                                             \
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {            \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    mode = va_arg(rest, mode_t);                                               \
    va_end(rest);                                                              \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return open_noted(AT_FDCWD, path, flags, mode);
}
ALIAS(open64, open);

int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  return open_noted(at, path, flags, mode);
}
ALIAS(openat64, openat);

int creat(const char *path, mode_t mode) { return open_noted(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
ALIAS(creat64, creat);

/* Streams write by calls that are not seen here, so all of the file is noted when one is opened for writing. */
FILE *fopen(const char *path, const char *how) {
  char full[PATH_MAX];
  int writes = strpbrk(how, "wa+") != NULL;
  if (!writes || !locate(AT_FDCWD, path, full)) return REAL(fopen)(path, how);
  if (how[0] != 'r') {
    int made = open_noted(AT_FDCWD, path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (made < 0) return NULL;
    close(made);
  }
  int fd = REAL(open)(full, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  struct change change = before(fd);
  note(&change, 0, change.size);
  FILE *stream = REAL(fopen)(path, how);
  after(&change, 0);
  int saved = errno;
  close(fd);
  errno = saved;
  return stream;
}
ALIAS(fopen64, fopen);

int unlinkat(int at, const char *path, int flags) {
  char full[PATH_MAX], kept[64];
  if (!locate(at, path, full)) return REAL(unlinkat)(at, path, flags);
  int log = lock_parent(full);
  if (log < 0) return REAL(unlinkat)(at, path, flags);
  struct stat found;
  if (lstat(full, &found) == 0) {
    if (S_ISDIR(found.st_mode)) note_entry(log, FOLDER_REMOVED, found.st_mode & 07777, 1, full);
    else {
      keep(full, kept);
      note_entry(log, REMOVED, 0, 2, full, kept);
    }
  }
  int result = REAL(unlinkat)(at, path, flags);
  unlock(log);
  return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

static int in_one_folder(const char *from, const char *to) {
  size_t length = strrchr(from, '/') - from;
  return length == (size_t)(strrchr(to, '/') - to) && strncmp(from, to, length) == 0;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char full_from[PATH_MAX], full_to[PATH_MAX], kept[64] = "";
  int below = locate(from_at, from, full_from);
  if (below != locate(to_at, to, full_to)) die("something is moved in or out of the folder");
  if (!below) return REAL(renameat2)(from_at, from, to_at, to, flags);
  if (flags != 0) die("renameat2 with flags");
  if (!in_one_folder(full_from, full_to)) die("something is moved to another folder");
  int log = lock_parent(full_to);
  if (log < 0) return REAL(renameat)(from_at, from, to_at, to);
  struct stat found;
  if (lstat(full_from, &found) == 0) {
    if (!S_ISDIR(found.st_mode)) keep(full_to, kept);
    note_entry(log, RENAMED, found.st_ino, 3, full_from, full_to, kept);
  }
  int result = REAL(renameat)(from_at, from, to_at, to);
  unlock(log);
  return result;
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
  char full[PATH_MAX];
  if (locate(to_at, to, full)) die("a second link to a file");
  return REAL(linkat)(from_at, from, to_at, to, flags);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int at, const char *path) {
  char full[PATH_MAX];
  if (locate(at, path, full)) die("a symbolic link");
  return REAL(symlinkat)(target, at, path);
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int mkdirat(int at, const char *path, mode_t mode) {
  char full[PATH_MAX];
  struct stat found;
  int log = locate(at, path, full) ? lock_parent(full) : -1;
  if (log < 0) return REAL(mkdirat)(at, path, mode);
  if (lstat(full, &found) != 0) note_entry(log, FOLDER_MADE, 0, 1, full);
  int result = REAL(mkdirat)(at, path, mode);
  unlock(log);
  return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
