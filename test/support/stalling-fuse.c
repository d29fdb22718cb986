/*
 * A file system in user space that can be stopped, for tests: one directory of files in memory, which asks
 * for everything anew (no caching), mounted at argv[1] by root. While this process is stopped (SIGSTOP),
 * whatever is asked of the mount waits, as with a server that is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES 64
#define FILE_BYTES (256 * 1024)
#define NAME_BYTES 64
#define BUFFER_BYTES (1024 * 1024 + 65536)

static struct file {
  int used;
  char name[NAME_BYTES];
  uint32_t mode;
  uint64_t size;
  time_t changed;
  char data[FILE_BYTES];
} files[FILES];

static int device;
static char in[BUFFER_BYTES], out[BUFFER_BYTES];

static void answer(uint64_t unique, int error, const void *body, size_t length) {
  struct fuse_out_header *header = (void *)out;
  header->unique = unique;
  header->error = error;
  header->len = sizeof *header + (error ? 0 : length);
  if (!error && length > 0) memmove(out + sizeof *header, body, length);
  if (write(device, out, header->len) < 0 && errno != ENOENT) perror("answer");
}

/* Inode 1 is the directory, others are files. */
static struct file *file_of(uint64_t inode) {
  return inode >= 2 && inode < FILES + 2 && files[inode - 2].used ? &files[inode - 2] : NULL;
}

static struct file *find(const char *name) {
  for (int i = 0; i < FILES; i++)
    if (files[i].used && strcmp(files[i].name, name) == 0) return &files[i];
  return NULL;
}

static struct file *make(const char *name, uint32_t mode) {
  for (int i = 0; i < FILES; i++) {
    if (files[i].used) continue;
    memset(&files[i], 0, sizeof files[i]);
    files[i].used = 1;
    snprintf(files[i].name, NAME_BYTES, "%s", name);
    files[i].mode = S_IFREG | (mode & 0777);
    files[i].changed = time(NULL);
    return &files[i];
  }
  return NULL;
}

static int attributes(uint64_t inode, struct fuse_attr *attr) {
  struct file *file = file_of(inode);
  memset(attr, 0, sizeof *attr);
  if (inode != 1 && file == NULL) return -ENOENT;
  attr->ino = inode;
  attr->mode = file ? file->mode : S_IFDIR | 0777;
  attr->nlink = file ? 1 : 2;
  attr->size = file ? file->size : 0;
  attr->blksize = 4096;
  attr->mtime = attr->ctime = attr->atime = file ? file->changed : 1;
  return 0;
}

static int entry(struct file *file, struct fuse_entry_out *found) {
  memset(found, 0, sizeof *found);
  if (file == NULL) return -ENOENT;
  found->nodeid = file - files + 2;
  return attributes(found->nodeid, &found->attr);
}

static void list(const struct fuse_in_header *header, const struct fuse_read_in *read) {
  static char names[FILES * 128];
  size_t length = 0;
  for (uint64_t i = read->offset; i < FILES; i++) {
    if (!files[i].used) continue;
    size_t bytes = strlen(files[i].name);
    size_t record = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + bytes);
    if (length + record > read->size) break;
    struct fuse_dirent *one = (void *)(names + length);
    memset(one, 0, record);
    one->ino = i + 2;
    one->off = i + 1;
    one->namelen = bytes;
    one->type = S_IFREG >> 12;
    memcpy(one->name, files[i].name, bytes);
    length += record;
  }
  answer(header->unique, 0, names, length);
}

static void data(const struct fuse_in_header *header, const void *body) {
  struct file *file = file_of(header->nodeid);
  if (file == NULL) {
    answer(header->unique, -ENOENT, NULL, 0);
  } else if (header->opcode == FUSE_READ) {
    const struct fuse_read_in *read = body;
    uint64_t end = read->offset + read->size;
    if (end > file->size) end = file->size;
    size_t length = end > read->offset ? end - read->offset : 0;
    answer(header->unique, 0, file->data + read->offset, length);
  } else {
    const struct fuse_write_in *written = body;
    struct fuse_write_out result = {.size = written->size};
    uint64_t end = written->offset + written->size;
    if (end > FILE_BYTES) {
      answer(header->unique, -EFBIG, NULL, 0);
      return;
    }
    memcpy(file->data + written->offset, (const char *)body + sizeof *written, written->size);
    if (end > file->size) file->size = end;
    file->changed = time(NULL);
    answer(header->unique, 0, &result, sizeof result);
  }
}

static void set(const struct fuse_in_header *header, const struct fuse_setattr_in *wanted) {
  struct file *file = file_of(header->nodeid);
  struct fuse_attr_out result = {0};
  if (file != NULL && (wanted->valid & FATTR_SIZE) && wanted->size <= FILE_BYTES) {
    if (wanted->size > file->size) memset(file->data + file->size, 0, wanted->size - file->size);
    file->size = wanted->size;
  }
  if (file != NULL && (wanted->valid & FATTR_MODE)) file->mode = S_IFREG | (wanted->mode & 0777);
  int error = attributes(header->nodeid, &result.attr);
  answer(header->unique, error, &result, sizeof result);
}

static void create(const struct fuse_in_header *header, const struct fuse_create_in *wanted) {
  const char *name = (const char *)(wanted + 1);
  struct {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
  } made = {.open = {.open_flags = FOPEN_DIRECT_IO}};
  struct file *file = find(name);
  if (file == NULL) file = make(name, wanted->mode);
  int error = file == NULL ? -ENOSPC : entry(file, &made.entry);
  answer(header->unique, error, &made, sizeof made);
}

static void serve(const struct fuse_in_header *header, const void *body) {
  switch (header->opcode) {
    case FUSE_INIT: {
      struct fuse_init_out result = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 131072};
      answer(header->unique, 0, &result, sizeof result);
      return;
    }
    case FUSE_LOOKUP: {
      struct fuse_entry_out found;
      int error = entry(find(body), &found);
      answer(header->unique, error, &found, sizeof found);
      return;
    }
    case FUSE_GETATTR: {
      struct fuse_attr_out result = {0};
      int error = attributes(header->nodeid, &result.attr);
      answer(header->unique, error, &result, sizeof result);
      return;
    }
    case FUSE_SETATTR:
      set(header, body);
      return;
    case FUSE_OPEN:
    case FUSE_OPENDIR: {
      struct fuse_open_out result = {.open_flags = header->opcode == FUSE_OPEN ? FOPEN_DIRECT_IO : 0};
      answer(header->unique, 0, &result, sizeof result);
      return;
    }
    case FUSE_CREATE:
      create(header, body);
      return;
    case FUSE_READ:
    case FUSE_WRITE:
      data(header, body);
      return;
    case FUSE_READDIR:
      list(header, body);
      return;
    case FUSE_UNLINK: {
      struct file *file = find(body);
      if (file != NULL) file->used = 0;
      answer(header->unique, file == NULL ? -ENOENT : 0, NULL, 0);
      return;
    }
    case FUSE_STATFS: {
      struct fuse_statfs_out result = {0};
      result.st.bsize = result.st.frsize = 4096;
      result.st.blocks = result.st.bfree = result.st.bavail = 1 << 20;
      result.st.namelen = NAME_BYTES - 1;
      answer(header->unique, 0, &result, sizeof result);
      return;
    }
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_DESTROY:
      answer(header->unique, 0, NULL, 0);
      return;
    default:
      answer(header->unique, -ENOSYS, NULL, 0);
  }
}

int main(int argc, char **argv) {
  char options[128];
  if (argc != 2) return 2;
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    perror("/dev/fuse");
    return 1;
  }
  snprintf(options, sizeof options, "fd=%d,rootmode=40777,user_id=0,group_id=0,allow_other", device);
  if (mount("stalling", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
    perror("mount");
    return 1;
  }
  puts("mounted");
  fflush(stdout);
  for (;;) {
    ssize_t length = read(device, in, sizeof in);
    if (length < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
    /* ENODEV: unmounted. */
    if (length < 0) return errno == ENODEV ? 0 : 1;
    serve((const void *)in, in + sizeof(struct fuse_in_header));
  }
}
