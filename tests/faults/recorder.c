/* Records what a program does to the files below $RECORD_BELOW, in order, in the file $RECORD_TO:
   writes with their bytes, truncations, syncs and removals. Loaded with LD_PRELOAD.
   A record: kind (1 byte), length of the path (4), offset (8), length of the bytes (8), path, bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_below(const char *path) {
  const char *below = getenv("RECORD_BELOW");
  return below && strncmp(path, below, strlen(below)) == 0;
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return is_below(path);
}

static void put(const void *bytes, size_t size) {
  ssize_t done = REAL(write)(out, bytes, size);
  if (done != (ssize_t)size) abort();
}

static void record(char kind, const char *path, uint64_t offset, const void *bytes, uint64_t size) {
  uint32_t length = strlen(path);
  pthread_mutex_lock(&lock);
  if (out < 0) out = REAL(open)(getenv("RECORD_TO"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  put(&kind, 1), put(&length, 4), put(&offset, 8), put(&size, 8), put(path, length);
  if (bytes) put(bytes, size);
  pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *bytes, size_t size) {
  char path[PATH_MAX];
  if (fd != out && path_of(fd, path)) record('w', path, lseek(fd, 0, SEEK_CUR), bytes, size);
  return REAL(write)(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  char path[PATH_MAX];
  if (path_of(fd, path)) record('w', path, offset, bytes, size);
  return REAL(pwrite64)(fd, bytes, size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  return pwrite64(fd, bytes, size, offset);
}

int ftruncate64(int fd, off64_t size) {
  char path[PATH_MAX];
  if (path_of(fd, path)) record('t', path, size, NULL, 0);
  return REAL(ftruncate64)(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
  char path[PATH_MAX];
  int done = REAL(fsync)(fd);
  if (path_of(fd, path)) record('s', path, 0, NULL, 0);
  return done;
}

int fdatasync(int fd) {
  char path[PATH_MAX];
  int done = REAL(fdatasync)(fd);
  if (path_of(fd, path)) record('s', path, 0, NULL, 0);
  return done;
}

int unlink(const char *path) {
  int done = REAL(unlink)(path);
  if (is_below(path)) record('u', path, 0, NULL, 0);
  return done;
}
