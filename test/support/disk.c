// A library for LD_PRELOAD: a disk that can lose power, fail, or be slow.
//
// FOLDER   the folder that it watches
// SHADOW   a folder that gets what a power cut could not take from FOLDER: `SHADOW/=NAME` is the content of a file when it
//          was last flushed, and `SHADOW/@NAME` exists if the folder was flushed while it had that file
// DELAY    how many milliseconds each flush in FOLDER takes longer
// STUCK    the path of a file: while it exists, flushes in FOLDER do not return
// FAILING  the path of a file: while it exists, flushes in FOLDER fail with EIO, and so does nothing else
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy_file(const char *from, const char *to) {
  char aside[PATH_MAX], block[65536];
  snprintf(aside, sizeof aside, "%s~", to);
  int in = open(from, O_RDONLY), out = open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (ssize_t n; (n = read(in, block, sizeof block)) > 0;) {
    if (write(out, block, n) != n) abort();
  }
  close(in);
  close(out);
  rename(aside, to); // at once, because the process may be killed at any moment
}

// The folder was flushed: its files exist for good, and the others are gone.
static void keep_names(const char *folder, const char *shadow) {
  char path[PATH_MAX];
  struct dirent *entry;
  DIR *names = opendir(folder);
  while ((entry = readdir(names)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/@%s", shadow, entry->d_name);
    close(open(path, O_WRONLY | O_CREAT, 0600));
  }
  closedir(names);
  names = opendir(shadow);
  while ((entry = readdir(names)) != NULL) {
    if (entry->d_name[0] != '@') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name + 1);
    if (access(path, F_OK) == 0) continue;
    snprintf(path, sizeof path, "%s/%s", shadow, entry->d_name);
    unlink(path);
    snprintf(path, sizeof path, "%s/=%s", shadow, entry->d_name + 1);
    unlink(path);
  }
  closedir(names);
}

static void flushed(const char *path, const char *folder) {
  const char *shadow = getenv("SHADOW");
  if (shadow == NULL) return;
  if (strcmp(path, folder) == 0) return keep_names(folder, shadow);
  char to[PATH_MAX];
  snprintf(to, sizeof to, "%s/=%s", shadow, path + strlen(folder) + 1);
  copy_file(path, to);
}

static int flush(int descriptor, const char *function) {
  int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, function);
  const char *folder = getenv("FOLDER"), *failing = getenv("FAILING"), *delay = getenv("DELAY");
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = '\0';
  if (folder == NULL || strncmp(path, folder, strlen(folder)) != 0) return original(descriptor);
  if (failing != NULL && access(failing, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  const char *stuck = getenv("STUCK");
  while (stuck != NULL && access(stuck, F_OK) == 0) usleep(20000);
  if (delay != NULL) usleep(1000 * atoi(delay));
  int result = original(descriptor);
  if (result == 0) flushed(path, folder);
  return result;
}

int fsync(int descriptor) { return flush(descriptor, "fsync"); }

int fdatasync(int descriptor) { return flush(descriptor, "fdatasync"); }
