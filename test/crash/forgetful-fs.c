/*
 * A file system that forgets on demand what was written to it and not synced.
 *
 *     cc -O2 -Wall -D_FILE_OFFSET_BITS=64 -I/usr/include/fuse3 \
 *         forgetful-fs.c forgetful-state.c -lfuse3
 *     forgetful-fs BACKING MOUNTPOINT [SEED]
 *
 * It begins with what is in the folder BACKING and then keeps everything in memory, twice: as it
 * is now, which is what everyone reads, and as it was last synced. SIGUSR1 is the power loss: what
 * is now becomes what was synced, and BACKING is made to hold just that. SIGTERM and an unmount
 * are an orderly end: everything is saved.
 *
 *  - Data and size of a file are synced by fsync and fdatasync of it, and by each write through a
 *    descriptor with O_SYNC or O_DSYNC.
 *  - A name that was made, changed or removed is synced by fsync of the folder that it is in, and
 *    by nothing else. A file without a synced name is gone, however often its data was synced.
 *  - With a SEED, three losses of four are not clean. Each sector of 512 bytes that was not synced
 *    is kept or not, the size of a file is the old or the new one, and of the changes to the names
 *    in a folder the first few are kept, all by chance. A rename within a folder is one change.
 *
 * What it says, a line each: "ready", "forgot 1024 bytes, 2 names", "saved".
 */
#define FUSE_USE_VERSION 35
#define _GNU_SOURCE
#include "forgetful-state.h"
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct fuse_file_info Open;

static const char *backing;

/* The folder that `path` is in, and its name there; NULL: there is no such folder. */
static struct node *folder_of(const char *path, const char **name)
{
    struct node *folder = root;
    for (const char *part = path + 1;;) {
        const char *end = strchr(part, '/');
        if (folder == NULL || !S_ISDIR(folder->mode)) return NULL;
        if (end == NULL) {
            *name = part;
            return folder;
        }
        char *step = strndup(part, end - part);
        folder = find(&folder->names_now, step);
        free(step);
        part = end + 1;
    }
}

/* By what is open, or by its path. */
static struct node *node_of(const char *path, const Open *open)
{
    const char *name;
    if (open != NULL && open->fh != 0) return (struct node *)(uintptr_t)open->fh;
    if (strcmp(path, "/") == 0) return root;
    struct node *folder = folder_of(path, &name);
    return folder == NULL ? NULL : find(&folder->names_now, name);
}

static void opened(struct node *node, Open *open)
{
    node->refs++;
    open->fh = (uintptr_t)node;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->use_ino = 1;
    config->nullpath_ok = 1;
    config->hard_remove = 1;
    /* The kernel must remember nothing that may be forgotten here. */
    config->direct_io = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return NULL;
}

static int fs_getattr(const char *path, struct stat *status, Open *open)
{
    struct node *node = node_of(path, open);
    if (node == NULL) return -ENOENT;
    memset(status, 0, sizeof *status);
    status->st_ino = node->number;
    status->st_mode = node->mode;
    status->st_nlink = node->links;
    status->st_uid = node->uid;
    status->st_gid = node->gid;
    status->st_size = node->now.size;
    status->st_blocks = (node->now.size + 511) / 512;
    status->st_atim = status->st_mtim = status->st_ctim = node->modified;
    return 0;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      Open *open, enum fuse_readdir_flags flags)
{
    struct node *node = node_of(path, open);
    (void)offset, (void)flags;
    if (node == NULL) return -ENOENT;
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    for (size_t i = 0; i < node->names_now.count; i++)
        fill(buffer, node->names_now.entries[i].name, NULL, 0, 0);
    return 0;
}

/* A new file or folder. */
static int make(const char *path, mode_t mode, struct node **made)
{
    const char *name;
    struct node *folder = folder_of(path, &name);
    if (folder == NULL) return -ENOENT;
    if (find(&folder->names_now, name) != NULL) return -EEXIST;
    struct fuse_context *caller = fuse_get_context();
    struct node *node = new_node(mode, caller->uid, caller->gid);
    node->links = 1;
    change_name(folder, name, node, NULL);
    if (made != NULL) *made = node;
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    return make(path, S_IFDIR | mode, NULL);
}

static int fs_create(const char *path, mode_t mode, Open *open)
{
    struct node *node = NULL;
    int failure = make(path, S_IFREG | (mode & 07777), &node);
    if (failure == 0) opened(node, open);
    return failure;
}

static int fs_open(const char *path, Open *open)
{
    struct node *node = node_of(path, NULL);
    if (node == NULL) return -ENOENT;
    if (open->flags & O_TRUNC) resize(&node->now, 0);
    opened(node, open);
    return 0;
}

static int fs_release(const char *path, Open *open)
{
    (void)path;
    forget_node((struct node *)(uintptr_t)open->fh);
    return 0;
}

static int fs_read(const char *path, char *bytes, size_t size, off_t offset, Open *open)
{
    return read_content(&node_of(path, open)->now, bytes, size, offset);
}

static int fs_write(const char *path, const char *bytes, size_t size, off_t offset, Open *open)
{
    struct node *node = node_of(path, open);
    if (open->flags & O_APPEND) offset = node->now.size;
    write_content(&node->now, bytes, size, offset);
    clock_gettime(CLOCK_REALTIME, &node->modified);
    if (open->flags & O_DSYNC) sync_range(node, offset, size); /* O_SYNC has that bit too. */
    return size;
}

static int fs_truncate(const char *path, off_t size, Open *open)
{
    struct node *node = node_of(path, open);
    if (node == NULL) return -ENOENT;
    resize(&node->now, size);
    return 0;
}

static int fs_fallocate(const char *path, int mode, off_t offset, off_t size, Open *open)
{
    struct node *node = node_of(path, open);
    if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) return -EOPNOTSUPP;
    if (mode == 0 && offset + size > node->now.size) resize(&node->now, offset + size);
    return 0;
}

static int fs_fsync(const char *path, int data_only, Open *open)
{
    (void)data_only;
    sync_file(node_of(path, open));
    return 0;
}

static int fs_fsyncdir(const char *path, int data_only, Open *open)
{
    (void)data_only;
    sync_folder(node_of(path, open));
    return 0;
}

static int remove_path(const char *path, int is_folder)
{
    const char *name;
    struct node *folder = folder_of(path, &name);
    struct node *node = folder == NULL ? NULL : find(&folder->names_now, name);
    if (node == NULL) return -ENOENT;
    if (is_folder && !S_ISDIR(node->mode)) return -ENOTDIR;
    if (!is_folder && S_ISDIR(node->mode)) return -EISDIR;
    if (node->names_now.count > 0) return -ENOTEMPTY;
    node->links--;
    change_name(folder, name, NULL, NULL);
    return 0;
}

static int fs_unlink(const char *path)
{
    return remove_path(path, 0);
}

static int fs_rmdir(const char *path)
{
    return remove_path(path, 1);
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
    const char *old_name, *new_name;
    struct node *old_folder = folder_of(from, &old_name), *new_folder = folder_of(to, &new_name);
    if (old_folder == NULL || new_folder == NULL) return -ENOENT;
    struct node *node = find(&old_folder->names_now, old_name);
    struct node *replaced = find(&new_folder->names_now, new_name);
    if (node == NULL) return -ENOENT;
    if ((flags & ~RENAME_NOREPLACE) != 0) return -EINVAL;
    if (replaced != NULL && flags != 0) return -EEXIST;
    if (replaced == node) return 0;
    if (replaced != NULL && replaced->names_now.count > 0) return -ENOTEMPTY;
    if (replaced != NULL) replaced->links--;
    int within = old_folder == new_folder;
    change_name(new_folder, new_name, node, within ? old_name : NULL);
    if (!within) change_name(old_folder, old_name, NULL, NULL);
    return 0;
}

static int fs_link(const char *from, const char *to)
{
    const char *name;
    struct node *node = node_of(from, NULL), *folder = folder_of(to, &name);
    if (node == NULL || folder == NULL) return -ENOENT;
    if (find(&folder->names_now, name) != NULL) return -EEXIST;
    node->links++;
    change_name(folder, name, node, NULL);
    return 0;
}

static int fs_chmod(const char *path, mode_t mode, Open *open)
{
    struct node *node = node_of(path, open);
    if (node == NULL) return -ENOENT;
    node->mode = (node->mode & S_IFMT) | (mode & 07777);
    return 0;
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, Open *open)
{
    struct node *node = node_of(path, open);
    if (node == NULL) return -ENOENT;
    if (uid != (uid_t)-1) node->uid = uid;
    if (gid != (gid_t)-1) node->gid = gid;
    return 0;
}

static int fs_utimens(const char *path, const struct timespec times[2], Open *open)
{
    struct node *node = node_of(path, open);
    if (node == NULL) return -ENOENT;
    if (times[1].tv_nsec == UTIME_NOW) clock_gettime(CLOCK_REALTIME, &node->modified);
    else if (times[1].tv_nsec != UTIME_OMIT) node->modified = times[1];
    return 0;
}

static int fs_statfs(const char *path, struct statvfs *status)
{
    (void)path;
    return statvfs(backing, status) == 0 ? 0 : -errno;
}

static const struct fuse_operations operations = {
    .init = fs_init,
    .getattr = fs_getattr,
    .readdir = fs_readdir,
    .mkdir = fs_mkdir,
    .create = fs_create,
    .open = fs_open,
    .opendir = fs_open,
    .release = fs_release,
    .releasedir = fs_release,
    .read = fs_read,
    .write = fs_write,
    .truncate = fs_truncate,
    .fallocate = fs_fallocate,
    .fsync = fs_fsync,
    .fsyncdir = fs_fsyncdir,
    .unlink = fs_unlink,
    .rmdir = fs_rmdir,
    .rename = fs_rename,
    .link = fs_link,
    .chmod = fs_chmod,
    .chown = fs_chown,
    .utimens = fs_utimens,
    .statfs = fs_statfs,
};

static void lose_power(void)
{
    lose_all();
    save_to(backing);
    printf("forgot %llu bytes, %llu names\n", bytes_forgotten, names_forgotten);
}

/* One request after the other, so that a loss comes between two of them and never within one. */
static void serve(struct fuse_session *session, int signals)
{
    struct fuse_buf buffer = {.mem = NULL};
    struct pollfd waits[] = {
        {.fd = fuse_session_fd(session), .events = POLLIN},
        {.fd = signals, .events = POLLIN},
    };
    while (!fuse_session_exited(session)) {
        if (poll(waits, 2, -1) < 0) continue;
        if (waits[1].revents & POLLIN) {
            struct signalfd_siginfo signal;
            if (read(signals, &signal, sizeof signal) != sizeof signal) continue;
            if (signal.ssi_signo != SIGUSR1) break;
            lose_power();
        } else if (waits[0].revents != 0) {
            int size = fuse_session_receive_buf(session, &buffer);
            if (size > 0) fuse_session_process_buf(session, &buffer);
            else if (size != -EINTR && size != -EAGAIN) break; /* Unmounted. */
        }
    }
    free(buffer.mem);
}

int main(int argc, char **argv)
{
    char *fuse_argv[] = {argv[0], "-o", "fsname=forgetful-fs", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
    sigset_t handled;
    if (argc < 3) {
        fprintf(stderr, "usage: %s BACKING MOUNTPOINT [SEED]\n", argv[0]);
        return 2;
    }
    backing = argv[1];
    if (argc > 3) random_state = strtoul(argv[3], NULL, 10) * 2654435761u | 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Whoever started it is gone: no mount is left behind. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigemptyset(&handled);
    sigaddset(&handled, SIGUSR1);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    load_from(backing);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, NULL);
    if (fuse == NULL || fuse_mount(fuse, argv[2]) != 0) return 1;
    puts("ready");
    serve(fuse_get_session(fuse), signalfd(-1, &handled, SFD_CLOEXEC));
    fuse_unmount(fuse);
    fuse_destroy(fuse);
    sync_all(root);
    save_to(backing);
    puts("saved");
    return 0;
}
