/* The two states of the forgetful file system, as it is now and as it was last synced. */
#ifndef FORGETFUL_STATE_H
#define FORGETFUL_STATE_H
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define BLOCK 4096

/* Shared by the two states of a file until one of them changes it. */
struct block {
    unsigned refs;
    unsigned char bytes[BLOCK];
};

/* A block that is NULL, or beyond count, is all zeros. */
struct content {
    struct block **blocks;
    size_t count;
    off_t size;
};

struct entry {
    char *name;
    struct node *node;
};

struct names {
    struct entry *entries;
    size_t count;
};

/* node NULL: the name was removed. from: the name it had before in the same folder, or NULL. */
struct change {
    char *name;
    char *from;
    struct node *node;
};

struct node {
    /* Entries, changes and open descriptors that point here. */
    unsigned refs;
    unsigned links;
    unsigned lost_in;
    ino_t number;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec modified;
    struct content now, synced;
    struct names names_now, names_synced;
    struct change *changes;
    size_t change_count;
};

/* 0: nothing that was not synced is kept. */
extern uint32_t random_state;
extern unsigned long long bytes_forgotten, names_forgotten;
extern struct node *root;

void resize(struct content *content, off_t size);
void write_content(struct content *content, const char *bytes, size_t size, off_t offset);
size_t read_content(const struct content *content, char *bytes, size_t size, off_t offset);

void sync_file(struct node *node);
/* What one write through O_DSYNC makes durable, and no more. */
void sync_range(struct node *node, off_t offset, size_t size);
void sync_folder(struct node *folder);

struct node *find(const struct names *names, const char *name);
/* Changes the names as they are now: node NULL removes. from: the old name within the folder. */
void change_name(struct node *folder, const char *name, struct node *node, const char *from);

struct node *new_node(mode_t mode, uid_t uid, gid_t gid);
/* One pointer less. */
void forget_node(struct node *node);

void load_from(const char *backing);
/* The power loss. */
void lose_all(void);
/* Everything is synced: the orderly end. */
void sync_all(struct node *node);
/* Makes the folder hold what is synced, and nothing else. */
void save_to(const char *backing);

#endif
