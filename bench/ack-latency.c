/*
 * One QoS 1 message in flight: the time from PUBLISH to PUBACK and, in turn with it, the time that
 * the disk itself takes for a write of 300 bytes and its fdatasync.
 *
 *     cc -std=c11 -O2 -o ack-latency ack-latency.c
 *     ack-latency PORT TOPIC PAYLOAD_BYTES MESSAGES WARMUP [FILE [CORE]]
 *
 * With FILE each message is followed by a write to it, so that both meet the same disk; with CORE
 * from there: name the broker's, since one core of several serves the disk's interrupts. FILE is
 * filled with zeros first: a log that preallocates its segments commits no sizes or extents either.
 * Prints one line of JSON, times in microseconds. Whoever subscribes to TOPIC is not its business.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DISK_BLOCK = 300, PACKET_MAX = 70000, PATIENCE_SEC = 30 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void send_all(int fd, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) fail("send");
    bytes += sent;
    size -= (size_t)sent;
  }
}

/* CONNACK and PUBACK of MQTT 3.1.1 both have four bytes. */
static void expect_answer(int fd, uint8_t first_byte) {
  uint8_t answer[4];
  if (recv(fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer) fail("recv");
  if (answer[0] == first_byte && answer[1] == 2) return;
  fprintf(stderr, "an answer of type 0x%02x instead of 0x%02x\n", answer[0], first_byte);
  exit(1);
}

static int connected(int port) {
  static const uint8_t connect_packet[] = {0x10, 23,  0,   4,   'M', 'Q', 'T', 'T', 4,
                                           2,    0,   0,   0,   11,  'a', 'c', 'k', '-',
                                           'l',  'a', 't', 'e', 'n', 'c', 'y'};
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct timeval patience = {.tv_sec = PATIENCE_SEC};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send_all(fd, connect_packet, sizeof connect_packet);
  expect_answer(fd, 0x20);
  return fd;
}

/* Returns the size; `*packet_id` is where its two bytes belong. */
static size_t publish_packet(uint8_t *out, const char *topic, size_t payload, uint8_t **packet_id) {
  size_t topic_size = strlen(topic), left = 2 + topic_size + 2 + payload;
  uint8_t *at = out;
  if (left + 5 > PACKET_MAX) {
    fprintf(stderr, "%zu bytes of payload are too many\n", payload);
    exit(2);
  }
  *at++ = 0x32;
  for (; left >= 128; left /= 128) *at++ = (uint8_t)(left % 128 + 128);
  *at++ = (uint8_t)left;
  *at++ = (uint8_t)(topic_size >> 8);
  *at++ = (uint8_t)topic_size;
  memcpy(at, topic, topic_size);
  *packet_id = at + topic_size;
  memset(*packet_id + 2, 'x', payload);
  return (size_t)(*packet_id + 2 + payload - out);
}

/* A file whose blocks are written, so that nothing but data is left to sync. */
static int preallocated(const char *path, size_t size) {
  static const uint8_t zeros[65536];
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) fail(path);
  for (size_t done = 0; done < size; done += sizeof zeros)
    if (write(fd, zeros, sizeof zeros) != sizeof zeros) fail("write");
  if (fsync(fd)) fail("fsync");
  return fd;
}

static void move_to(const cpu_set_t *cores) {
  if (sched_setaffinity(0, sizeof *cores, cores)) fail("sched_setaffinity");
}

static double timed_sync(int fd, int index) {
  uint8_t block[DISK_BLOCK];
  memset(block, index, sizeof block);
  double started = now_us();
  if (pwrite(fd, block, sizeof block, (off_t)index * DISK_BLOCK) != sizeof block) fail("pwrite");
  if (fdatasync(fd)) fail("fdatasync");
  return now_us() - started;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_times(const char *name, double *us, int count) {
  double first = us[0];
  qsort(us, (size_t)count, sizeof *us, ascending);
  printf("\"%s\":{\"first\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, first,
         us[count / 2], us[count - 1 - count / 100], us[count - 1]);
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(stderr, "ack-latency PORT TOPIC PAYLOAD_BYTES MESSAGES WARMUP [FILE [CORE]]\n");
    return 2;
  }
  static uint8_t packet[PACKET_MAX];
  uint8_t *packet_id;
  int messages = atoi(argv[4]), warmup = atoi(argv[5]), all = messages + warmup;
  size_t size = publish_packet(packet, argv[2], (size_t)atoi(argv[3]), &packet_id);
  double *ack_us = calloc((size_t)all, sizeof *ack_us);
  double *disk_us = calloc((size_t)all, sizeof *disk_us);
  if (messages < 1 || warmup < 0 || !ack_us || !disk_us) return 2;
  int disk = argc > 6 ? preallocated(argv[6], (size_t)all * DISK_BLOCK) : -1;
  cpu_set_t here, there;
  if (sched_getaffinity(0, sizeof here, &here)) fail("sched_getaffinity");
  there = here;
  if (argc > 7) {
    CPU_ZERO(&there);
    CPU_SET((size_t)atoi(argv[7]), &there);
  }
  int broker = connected(atoi(argv[1]));
  for (int i = 0; i < all; i++) {
    packet_id[0] = (uint8_t)((i % 65535 + 1) >> 8);
    packet_id[1] = (uint8_t)(i % 65535 + 1);
    double started = now_us();
    send_all(broker, packet, size);
    expect_answer(broker, 0x40);
    ack_us[i] = now_us() - started;
    if (disk < 0) continue;
    move_to(&there);
    disk_us[i] = timed_sync(disk, i);
    move_to(&here);
  }
  send_all(broker, (const uint8_t[]){0xe0, 0}, 2);
  printf("{");
  print_times("ack_us", ack_us + warmup, messages);
  if (disk >= 0) printf(",");
  if (disk >= 0) print_times("disk_us", disk_us + warmup, messages);
  printf("}\n");
  return 0;
}
