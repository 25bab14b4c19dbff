/**
 * Every bound of the broker (invariant 5: whatever the wire can grow has a named Max).
 * All are whole numbers; sizes in bytes, times in the unit that their name ends in.
 */
export interface Limits {
  /** A whole packet, fixed header included; sent as Maximum Packet Size (§3.2.2.3.6). */
  readonly packetSizeMax: number;
  /** The same before the client is authenticated. */
  readonly connectPacketSizeMax: number;
  /** From the first byte to a whole CONNECT and its authentication. */
  readonly connectTimeoutMs: number;
  readonly connectionsMax: number;
  /** Connections from one IP address. */
  readonly connectionsPerAddressMax: number;
  /** Longest Keep Alive; also what a client that asks for none, or for more, is held to. */
  readonly keepAliveMaxSec: number;
  /** How long a client may take no byte while there is something to send. */
  readonly stalledTimeoutMs: number;
  readonly clientIdBytesMax: number;
  readonly topicBytesMax: number;
  readonly topicLevelsMax: number;
  readonly userPropertiesMax: number;
  /** Sessions, connected or not. */
  readonly sessionsMax: number;
  readonly sessionExpiryMaxSec: number;
  /** How often one Client Identifier may be taken over within a minute. */
  readonly takeOversPerMinuteMax: number;
  readonly subscriptionsPerSessionMax: number;
  /** Messages of QoS 1 and 2 waiting for one session, beyond those in flight. */
  readonly queueMessagesMax: number;
  /** Bytes of payload and topic of those, and of those in flight. */
  readonly queueBytesMax: number;
  /** The same two for QoS 0 messages that a connected client is slow to take. */
  readonly qos0MessagesMax: number;
  readonly qos0BytesMax: number;
  /** QoS 1 and 2 messages from a client at once; sent as Receive Maximum (§3.2.2.3.3). */
  readonly receiveMaximum: number;
  /** Bound on a client's own Receive Maximum: QoS 1 and 2 messages in flight to it. */
  readonly inflightMax: number;
  /** Topic Aliases that a client may use; sent as Topic Alias Maximum (§3.2.2.3.8). */
  readonly topicAliasMax: number;
  /** Topic Aliases that the broker uses towards a client, at most its own maximum. */
  readonly topicAliasOutboundMax: number;
  /**
   * Messages of QoS 1 and 2 that are kept in memory as well as in the log, for quick sending: half
   * of it what was written last (that much from the start on), half what was read back.
   */
  readonly messageMemoryBytesMax: number;
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  /** Nodes of the tree of their topics, one for each level that is not shared. */
  readonly retainedLevelsMax: number;
  /** Who gets which topic is remembered up to here: one for each topic and each receiver of it. */
  readonly routesMax: number;
  /** Entries of the loss ledger's ring. */
  readonly ledgerEntriesMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** The default posture of a broker on an open network. */
export const DEFAULT_LIMITS: Limits = {
  packetSizeMax: MIB,
  connectPacketSizeMax: 16 * KIB,
  connectTimeoutMs: 10_000,
  connectionsMax: 100_000,
  connectionsPerAddressMax: 1_000,
  keepAliveMaxSec: 3_600,
  stalledTimeoutMs: 60_000,
  clientIdBytesMax: 256,
  topicBytesMax: 4 * KIB,
  topicLevelsMax: 128,
  userPropertiesMax: 100,
  sessionsMax: 1_000_000,
  sessionExpiryMaxSec: 7 * 24 * 3_600,
  takeOversPerMinuteMax: 60,
  subscriptionsPerSessionMax: 1_000,
  queueMessagesMax: 10_000,
  queueBytesMax: 64 * MIB,
  qos0MessagesMax: 10_000,
  qos0BytesMax: 16 * MIB,
  receiveMaximum: 100,
  inflightMax: 1_000,
  topicAliasMax: 64,
  topicAliasOutboundMax: 64,
  messageMemoryBytesMax: 64 * MIB,
  retainedMessagesMax: 1_000_000,
  retainedBytesMax: 256 * MIB,
  retainedLevelsMax: 2_000_000,
  routesMax: 500_000,
  ledgerEntriesMax: 1_000,
};
