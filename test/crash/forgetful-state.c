#define _GNU_SOURCE
#include "forgetful-state.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

struct node *root;
uint32_t random_state;
unsigned long long bytes_forgotten, names_forgotten;
static ino_t last_number;
static unsigned losses;
static int is_torn;

static void *grown(void *memory, size_t size)
{
    void *bigger = realloc(memory, size);
    if (bigger == NULL) abort();
    return bigger;
}

static uint32_t chance(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

/* ---- contents of files ---- */

static struct block *block_at(const struct content *content, size_t at)
{
    return at < content->count ? content->blocks[at] : NULL;
}

static void put_block(struct content *content, size_t at, struct block *block)
{
    if (at >= content->count) {
        if (block == NULL) return;
        size_t count = at + 1 > 2 * content->count ? at + 1 : 2 * content->count;
        content->blocks = grown(content->blocks, count * sizeof *content->blocks);
        memset(content->blocks + content->count, 0, (count - content->count) * sizeof block);
        content->count = count;
    }
    struct block *old = content->blocks[at];
    if (block != NULL) block->refs++;
    if (old != NULL && --old->refs == 0) free(old);
    content->blocks[at] = block;
}

/* A block that only this content has, to be changed. */
static struct block *own_block(struct content *content, size_t at)
{
    struct block *old = block_at(content, at);
    if (old != NULL && old->refs == 1) return old;
    struct block *mine = grown(NULL, sizeof *mine);
    mine->refs = 0;
    if (old == NULL) memset(mine->bytes, 0, BLOCK);
    else memcpy(mine->bytes, old->bytes, BLOCK);
    put_block(content, at, mine);
    return mine;
}

void resize(struct content *content, off_t size)
{
    if (size < content->size) {
        size_t at = size / BLOCK, used = size % BLOCK;
        if (used > 0 && block_at(content, at) != NULL)
            memset(own_block(content, at)->bytes + used, 0, BLOCK - used);
        for (size_t i = at + (used > 0); i < content->count; i++) put_block(content, i, NULL);
    }
    content->size = size;
}

void write_content(struct content *content, const char *bytes, size_t size, off_t offset)
{
    for (size_t done = 0; done < size;) {
        size_t at = (offset + done) / BLOCK, from = (offset + done) % BLOCK;
        size_t part = size - done < BLOCK - from ? size - done : BLOCK - from;
        memcpy(own_block(content, at)->bytes + from, bytes + done, part);
        done += part;
    }
    if (offset + (off_t)size > content->size) content->size = offset + size;
}

size_t read_content(const struct content *content, char *bytes, size_t size, off_t offset)
{
    if (offset >= content->size) return 0;
    if ((off_t)size > content->size - offset) size = content->size - offset;
    for (size_t done = 0; done < size;) {
        size_t at = (offset + done) / BLOCK, from = (offset + done) % BLOCK;
        size_t part = size - done < BLOCK - from ? size - done : BLOCK - from;
        struct block *block = block_at(content, at);
        if (block == NULL) memset(bytes + done, 0, part);
        else memcpy(bytes + done, block->bytes + from, part);
        done += part;
    }
    return size;
}

static void copy_blocks(struct content *to, const struct content *from, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (block_at(to, i) != block_at(from, i)) put_block(to, i, block_at(from, i));
}

static size_t all_blocks(const struct node *node)
{
    return node->now.count > node->synced.count ? node->now.count : node->synced.count;
}

void sync_file(struct node *node)
{
    copy_blocks(&node->synced, &node->now, 0, all_blocks(node));
    node->synced.size = node->now.size;
}

void sync_range(struct node *node, off_t offset, size_t size)
{
    off_t end = offset + size;
    copy_blocks(&node->synced, &node->now, offset / BLOCK, (end + BLOCK - 1) / BLOCK);
    if (end > node->synced.size) node->synced.size = end;
}

/* Some of what was not synced has reached the disk all the same. */
static void tear(struct node *node)
{
    static const unsigned char zeros[BLOCK];
    for (off_t offset = 0; offset < node->now.size; offset += SECTOR) {
        size_t at = offset / BLOCK, from = offset % BLOCK;
        struct block *now = block_at(&node->now, at), *synced = block_at(&node->synced, at);
        if (now == synced) {
            offset += BLOCK - SECTOR - from;
            continue;
        }
        const unsigned char *new_bytes = (now == NULL ? zeros : now->bytes) + from;
        const unsigned char *old_bytes = (synced == NULL ? zeros : synced->bytes) + from;
        if (memcmp(new_bytes, old_bytes, SECTOR) == 0) continue;
        if (is_torn && chance(2) == 0)
            memcpy(own_block(&node->synced, at)->bytes + from, new_bytes, SECTOR);
        else bytes_forgotten += SECTOR;
    }
    off_t size = node->synced.size;
    if (is_torn && chance(2) == 0) size = node->now.size;
    node->synced.size = LLONG_MAX; /* So that whatever lies behind the end is cleared. */
    resize(&node->synced, size);
}

/* ---- names ---- */

struct node *find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->entries[i].name, name) == 0) return names->entries[i].node;
    return NULL;
}

static void remove_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        struct entry entry = names->entries[i];
        if (strcmp(entry.name, name) != 0) continue;
        names->entries[i] = names->entries[--names->count];
        forget_node(entry.node);
        free(entry.name);
        return;
    }
}

static void put_name(struct names *names, const char *name, struct node *node)
{
    node->refs++;
    remove_name(names, name);
    names->entries = grown(names->entries, (names->count + 1) * sizeof *names->entries);
    names->entries[names->count++] = (struct entry){strdup(name), node};
}

static void apply_change(struct names *names, const struct change *change)
{
    if (change->from != NULL) remove_name(names, change->from);
    if (change->node != NULL) put_name(names, change->name, change->node);
    else remove_name(names, change->name);
}

/* Remembered for the next fsync of the folder. */
void change_name(struct node *folder, const char *name, struct node *node, const char *from)
{
    struct change change = {strdup(name), from == NULL ? NULL : strdup(from), node};
    if (node != NULL) node->refs++;
    size_t count = ++folder->change_count;
    folder->changes = grown(folder->changes, count * sizeof change);
    folder->changes[count - 1] = change;
    apply_change(&folder->names_now, &change);
    clock_gettime(CLOCK_REALTIME, &folder->modified);
}

/* The first `kept` changes are durable from now on, and the others never happened. */
static void end_changes(struct node *folder, size_t kept)
{
    for (size_t i = 0; i < folder->change_count; i++) {
        struct change *change = &folder->changes[i];
        if (i < kept) apply_change(&folder->names_synced, change);
        if (change->node != NULL) forget_node(change->node);
        free(change->name);
        free(change->from);
    }
    folder->change_count = 0;
}

void sync_folder(struct node *folder)
{
    end_changes(folder, folder->change_count);
}

static void clear_names(struct names *names)
{
    while (names->count > 0) remove_name(names, names->entries[names->count - 1].name);
}

/* ---- nodes ---- */

struct node *new_node(mode_t mode, uid_t uid, gid_t gid)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) abort();
    node->number = ++last_number;
    node->mode = mode;
    node->uid = uid;
    node->gid = gid;
    clock_gettime(CLOCK_REALTIME, &node->modified);
    return node;
}

void forget_node(struct node *node)
{
    if (--node->refs > 0) return;
    end_changes(node, 0);
    clear_names(&node->names_now);
    clear_names(&node->names_synced);
    for (size_t i = 0; i < node->now.count; i++) put_block(&node->now, i, NULL);
    for (size_t i = 0; i < node->synced.count; i++) put_block(&node->synced, i, NULL);
    free(node->now.blocks);
    free(node->synced.blocks);
    free(node->names_now.entries);
    free(node->names_synced.entries);
    free(node->changes);
    free(node);
}

/* The power loss, for what is reachable. */
static void lose(struct node *node)
{
    if (node->lost_in == losses) return; /* By another name. */
    node->lost_in = losses;
    if (!S_ISDIR(node->mode)) {
        tear(node);
        copy_blocks(&node->now, &node->synced, 0, all_blocks(node));
        node->now.size = node->synced.size;
        return;
    }
    size_t kept = is_torn ? chance(node->change_count + 1) : 0;
    names_forgotten += node->change_count - kept;
    end_changes(node, kept);
    clear_names(&node->names_now);
    for (size_t i = 0; i < node->names_synced.count; i++) {
        struct entry *entry = &node->names_synced.entries[i];
        put_name(&node->names_now, entry->name, entry->node);
        lose(entry->node);
    }
}

void lose_all(void)
{
    bytes_forgotten = names_forgotten = 0;
    losses++;
    is_torn = random_state != 0 && chance(4) != 0;
    lose(root);
}

void sync_all(struct node *node)
{
    if (!S_ISDIR(node->mode)) sync_file(node);
    end_changes(node, node->change_count);
    for (size_t i = 0; i < node->names_synced.count; i++)
        sync_all(node->names_synced.entries[i].node);
}

/* ---- the folder behind it ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind;
    return walk->level == 0 ? 0 : remove(path);
}

static void save(const struct node *folder, const char *path)
{
    for (size_t i = 0; i < folder->names_synced.count; i++) {
        const struct entry *entry = &folder->names_synced.entries[i];
        const struct content *content = &entry->node->synced;
        char below[PATH_MAX];
        snprintf(below, sizeof below, "%s/%s", path, entry->name);
        if (S_ISDIR(entry->node->mode)) {
            if (mkdir(below, entry->node->mode & 07777) != 0) perror(below);
            save(entry->node, below);
            continue;
        }
        int file = open(below, O_CREAT | O_WRONLY | O_TRUNC, entry->node->mode & 07777);
        if (file < 0 || ftruncate(file, content->size) != 0) perror(below);
        for (size_t at = 0; at < content->count; at++) {
            if (content->blocks[at] == NULL) continue;
            off_t left = content->size - (off_t)at * BLOCK;
            size_t size = left < BLOCK ? left : BLOCK;
            if (pwrite(file, content->blocks[at]->bytes, size, at * BLOCK) < 0) perror(below);
        }
        close(file);
    }
}

void save_to(const char *backing)
{
    nftw(backing, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    save(root, backing);
}

static void load(struct node *folder, const char *path)
{
    static char buffer[64 * 1024];
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char below[PATH_MAX];
        struct stat status;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (lstat(below, &status) != 0) continue;
        if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) continue;
        struct node *node = new_node(status.st_mode, status.st_uid, status.st_gid);
        node->links = 1;
        change_name(folder, entry->d_name, node, NULL);
        if (S_ISDIR(status.st_mode)) {
            load(node, below);
            continue;
        }
        int file = open(below, O_RDONLY);
        for (ssize_t size; (size = read(file, buffer, sizeof buffer)) > 0;)
            write_content(&node->now, buffer, size, node->now.size);
        close(file);
    }
    if (entries != NULL) closedir(entries);
}

void load_from(const char *backing)
{
    root = new_node(S_IFDIR | 0700, getuid(), getgid());
    root->refs = root->links = 1;
    load(root, backing);
    sync_all(root);
}
