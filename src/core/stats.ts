/** Counters since the start. Plain fields: counting costs an addition. */
export class Stats {
  messagesReceived = 0; // Control Packets of every type.
  messagesSent = 0;
  publishReceived = 0;
  publishSent = 0;
  publishBytesReceived = 0; // Payload bytes.
  publishBytesSent = 0;
  bytesReceived = 0; // As they came from the transport.
  bytesSent = 0;
  connectionsOpened = 0;
  connectsAccepted = 0;
  /** Network Connections open now, with or without CONNECT. */
  connections = 0;
  /** Clients connected now, and the most there ever were. */
  clientsConnected = 0;
  clientsMaximum = 0;
  /** Sessions that ended because their time was up. */
  sessionsExpired = 0;
  takeovers = 0;
  protocolErrors = 0;
  /** Restarts rehearsed on a sample, those that gave something else, and those without a result. */
  rehearsals = 0;
  rehearsalsDiverged = 0;
  rehearsalsAbandoned = 0;
}
