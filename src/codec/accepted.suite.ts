import { type Vector, vectors } from "./notation.suite.ts";

/** Packets that are decoded; see `notation.suite.ts`. */
export const ACCEPTED: readonly Vector[] = [
  ...vectors(
    "stranger",
    5,
    `
    [§3.1] 10 .. "MQTT" 05 02 003c () "pump-3"                  # 5.0, the plainest
    [MQTT-3.1.3-6] 10 .. "MQTT" 05 02 0000 () ""                # 5.0, empty Client Identifier
    [MQTT-3.1.2-4] 10 .. "MQTT" 05 00 003c () "a"               # 5.0, Clean Start 0
    [MQTT-3.1.2-17] 10 .. "MQTT" 05 82 003c () "a" "user"       # 5.0, User Name
    [MQTT-3.1.2-19] 10 .. "MQTT" 05 c2 003c () "a" "user" "pw"  # 5.0, User Name and Password
    [§3.1.2.9] 10 .. "MQTT" 05 42 003c () "a" "pw"              # 5.0, Password without User Name
    [§3.1.3.6] 10 .. "MQTT" 05 42 003c () "a" 0003 00ff80       # 5.0, a Password is any bytes
    [MQTT-3.1.2-9] 10 .. "MQTT" 05 06 003c () "a" () "w" "bye"  # 5.0, Will of QoS 0
    [MQTT-3.1.2-12] 10 .. "MQTT" 05 16 003c () "a" () "w" ""    # 5.0, Will of QoS 2, empty
    [MQTT-3.1.2-15] 10 .. "MQTT" 05 2e 003c () "a" () "w" "x"   # 5.0, Will of QoS 1, retained
    [MQTT-3.1.3-1] 10 .. "MQTT" 05 ee 003c () "a" () "w" "x" "u" "p"         # 5.0, every field
    [§3.1.3.2.2] 10 .. "MQTT" 05 06 003c () "a" (18 00000005) "w" "x"        # Will Delay Interval
    [§3.1.3.2] 10 .. "MQTT" 05 06 003c () "a" (18 00000005 02 0000000a 01 01 03 "t" 08 "r" 09 "c" 26 "k" "v") "w" "x"   # every Will Property
    [§3.1.2.11.2] 10 .. "MQTT" 05 02 003c (11 ffffffff) "a"     # Session Expiry Interval: never
    [§3.1.2.11.3] 10 .. "MQTT" 05 02 003c (21 0001) "a"         # Receive Maximum 1
    [§3.1.2.11.4] 10 .. "MQTT" 05 02 003c (27 00000001) "a"     # Maximum Packet Size 1
    [§3.1.2.11.5] 10 .. "MQTT" 05 02 003c (22 ffff) "a"         # Topic Alias Maximum 65,535
    [§3.1.2.11.6] 10 .. "MQTT" 05 02 003c (19 01) "a"           # Request Response Information
    [§3.1.2.11.7] 10 .. "MQTT" 05 02 003c (17 00) "a"           # Request Problem Information
    [§3.1.2.11.8] 10 .. "MQTT" 05 02 003c (26 "k" "v" 26 "k" "v") "a"        # User Property twice
    [§3.1.2.11.9] 10 .. "MQTT" 05 02 003c (15 "SCRAM") "a"      # Authentication Method alone
    [§3.1.2.11.10] 10 .. "MQTT" 05 02 003c (15 "SCRAM" 16 0002 00ff) "a"     # ... with Data
    ~[§3.1.2.11.10] 10 .. "MQTT" 05 02 003c (16 0002 00ff 15 "SCRAM") "a"    # ... Data first
    ~[§3.1.2.11.3] 10 .. "MQTT" 05 02 003c (21 ffff) "a"        # what absence says too
    ~[§3.1.2.11.2] 10 .. "MQTT" 05 02 003c (11 00000000) "a"    # Session Expiry Interval 0
    [§3.1.2.11] 10 .. "MQTT" 05 02 003c (11 0000000a 21 0014 27 00010000 22 000a 19 01 17 00 15 "M" 16 "D" 26 "k" "v") "a"   # every property
    [3.1.1 MQTT-3.1.2-1] 10 .. "MQTT" 04 02 003c "a"            # 3.1.1, Clean Session 1
    [3.1.1 MQTT-3.1.2-4] 10 .. "MQTT" 04 00 003c "a"            # 3.1.1, Clean Session 0
    [3.1.1 MQTT-3.1.3-6] 10 .. "MQTT" 04 02 003c ""             # 3.1.1, empty Client Identifier
    [3.1.1 MQTT-3.1.3-1] 10 .. "MQTT" 04 f6 ffff "a" "w" "x" "u" "p"         # 3.1.1, every field
    [3.1.1 §3.1] 10 .. "MQTT" 04 c2 000a 0002 c3a4 "ü" "p"      # 3.1.1, not only ASCII
    [3.1 §3.1] 10 .. "MQIsdp" 03 02 003c "a"                    # 3.1, Clean Session 1
    [3.1 §3.1] 10 .. "MQIsdp" 03 00 003c "a"                    # 3.1, Clean Session 0
    [3.1 §3.1] 10 .. "MQIsdp" 03 ce 003c "a" "w" "x" "u" "p"    # 3.1, every field
    ~[3.1 §3.1] 10 .. "MQIsdp" 03 3b 003c "a"                   # 3.1 disregards what has no Will
    `,
  ),
  ...vectors(
    "server",
    5,
    `
    [§3.1] 10 .. "MQTT" 05 02 003c () "a"                # a second CONNECT is for the broker
    [§3.3] 30 .. "a" ()                                  # PUBLISH without payload
    [§3.3] 30 .. "a/b" () 'payload'                      # PUBLISH QoS 0
    [MQTT-3.3.1-5] 31 .. "a/b" () 'payload'              # PUBLISH RETAIN
    [§3.3.2.2] 32 .. "a/b" 0001 () 'payload'             # PUBLISH QoS 1
    [§3.3.2.2] 34 .. "a/b" ffff () 'payload'             # PUBLISH QoS 2, Packet Identifier 65,535
    [MQTT-3.3.1-1] 3a .. "a/b" 0001 () 'payload'         # PUBLISH QoS 1 again
    [MQTT-3.3.1-1] 3d .. "a/b" 0100 ()                   # PUBLISH QoS 2 again, RETAIN
    [§2.1.4] 30 .. "a" () 'x'*123                        # Remaining Length 127
    [§2.1.4] 30 .. "a" () 'x'*124                        # Remaining Length 128
    [§2.1.4] 32 .. "a" 0007 () 'x'*16377                 # Remaining Length 16,383
    [§2.1.4] 34 .. "a" 0007 () 'x'*16378                 # Remaining Length 16,384
    [MQTT-1.5.4-3] 30 .. 0004 efbbbf 'a' ()              # U+FEFF is kept
    [MQTT-1.5.4-1] 30 .. 0004 f09f9880 ()                # U+1F600
    [MQTT-1.5.4-1] 30 .. 0003 ed9fbf ()                  # U+D7FF, below the surrogates
    [MQTT-1.5.4-1] 30 .. 0003 ee8080 ()                  # U+E000, above them
    [MQTT-1.5.4-1] 30 .. 0003 efbfbf ()                  # U+FFFF, no character but allowed
    [§1.5.4] 30 .. 0002 1f7f ()                          # control characters are allowed
    [MQTT-4.7.3-4] 30 .. "a b//" ()                      # spaces and empty levels are names
    [§4.7.3] 30 .. "/" ()                                # a name of two empty levels
    [§4.7.2] 30 .. "$SYS/x" ()                           # the broker may refuse that, not here
    [§3.3.2.3.2] 30 .. "a" (01 01) 'text'                # Payload Format Indicator 1
    [§3.3.2.3.2] 30 .. "a" (01 00) 'text'                # Payload Format Indicator 0
    [MQTT-3.3.2-6] 30 .. "a" (02 0000003c)               # Message Expiry Interval
    [MQTT-3.3.2-6] 30 .. "a" (02 00000000)               # Message Expiry Interval 0
    [§3.3.2.3.4] 30 .. "a" (23 0001)                     # Topic Alias set
    [§3.3.2.3.4] 32 .. "" 0001 (23 ffff) 'x'             # Topic Alias used
    [MQTT-3.3.2-13] 30 .. "a" (08 "re/ply")              # Response Topic
    [MQTT-3.3.2-16] 30 .. "a" (09 0003 00ff80)           # Correlation Data
    [MQTT-3.3.2-16] 30 .. "a" (09 0000)                  # Correlation Data, empty
    [MQTT-3.3.2-19] 30 .. "a" (03 "text/plain")          # Content Type
    [MQTT-3.3.2-18] 30 .. "a" (26 "k" "2" 26 "k" "1" 26 "" "")        # User Property, in order
    [§2.2.2.1] 30 .. "a" (03 0080 'x'*128) 'p'     # Property Length of 2 bytes
    [§3.3.2.3] 32 .. "a" 0001 (02 0000000a 23 0003 01 01 03 "t" 08 "r" 09 "c" 26 "k" "v") 'x'   # every property
    ~[§2.2.2] 32 .. "a" 0001 (26 "k" "v" 09 "c" 08 "r" 03 "t" 01 01 23 0003 02 0000000a) 'x'    # in any order
    [§3.4] 40 02 0001                                    # PUBACK, short
    [§3.4] 40 03 0001 10                                 # PUBACK, No matching subscribers
    [§3.4] 40 03 ffff 80                                 # PUBACK, Unspecified error
    ~[§3.4.2.1] 40 03 0001 00                            # PUBACK, Success spelt out
    ~[§3.4.2.1] 40 04 0001 00 00                         # PUBACK, and no properties
    ~[§3.4.2.1] 40 04 0001 87 00                         # PUBACK, Not authorized, no properties
    [MQTT-3.4.2-2] 40 .. 0001 00 (1f "fine")             # PUBACK, Reason String
    [MQTT-3.4.2-3] 40 .. 0001 97 (1f "full" 26 "k" "v")  # PUBACK, and User Property
    [§3.5] 50 02 0001                                    # PUBREC
    [MQTT-3.5.2-1] 50 03 0001 91                         # PUBREC, Packet Identifier in use
    [MQTT-3.5.2-2] 50 .. 0001 99 (1f "not UTF-8")        # PUBREC, Reason String
    [§3.6] 62 02 0001                                    # PUBREL
    [MQTT-3.6.2-1] 62 03 0001 92                         # PUBREL, Packet Identifier not found
    [MQTT-3.6.2-3] 62 .. 0001 92 (26 "k" "v")            # PUBREL, User Property
    [§3.7] 70 02 0001                                    # PUBCOMP
    [MQTT-3.7.2-1] 70 03 0001 92                         # PUBCOMP, Packet Identifier not found
    [§3.8] 82 .. 0001 () "a/b" 00                        # SUBSCRIBE
    [§3.8] 82 .. 0001 () "a" 00 "b" 01 "c" 02            # SUBSCRIBE, three filters
    [§3.8.3.1] 82 .. 0001 () "+/#" 2e                    # SUBSCRIBE, all options
    [§3.8.3.1] 82 .. 0001 () "a" 10                      # SUBSCRIBE, Retain Handling 1
    [MQTT-4.8.2-1] 82 .. 0001 () "$share/g/a" 09         # SUBSCRIBE, shared
    [MQTT-3.8.3-4] 82 .. 0001 () "$shared/a" 04          # SUBSCRIBE, No Local on what is not shared
    [§3.8.2.1.2] 82 .. 0001 (0b 01) "a" 00               # SUBSCRIBE, Subscription Identifier 1
    [§3.8.2.1.2] 82 .. 0001 (0b ffffff7f) "a" 00         # SUBSCRIBE, the highest of them
    [§3.8.2.1.3] 82 .. 0001 (0b 8001 26 "k" "v") "a" 00  # SUBSCRIBE, User Property
    [§4.7.1] 82 .. 0001 () "a#" 00 "" 01                 # SUBSCRIBE, bad filters are refused alone
    [§3.10] a2 .. 0001 () "a/b"                          # UNSUBSCRIBE
    [§3.10] a2 .. 0001 (26 "k" "v") "a" "b/#"            # UNSUBSCRIBE, two filters
    [§3.12] c0 00                                        # PINGREQ
    [§3.14] e0 00                                        # DISCONNECT
    [§3.14.2.1] e0 01 04                                 # DISCONNECT with Will Message
    ~[§3.14.2.1] e0 01 00                                # DISCONNECT, Normal spelt out
    ~[§3.14.2.2.1] e0 02 04 00                           # DISCONNECT, no properties
    [§3.14.2.2.2] e0 .. 00 (11 0000000a)                 # DISCONNECT, Session Expiry Interval
    [§3.14.2.2.2] e0 .. 00 (11 00000000)                 # DISCONNECT, ends the Session
    [MQTT-3.14.2-4] e0 .. 99 (1f "why" 26 "k" "v")       # DISCONNECT, Reason String
    [§3.15] f0 .. 18 (15 "SCRAM")                        # AUTH, Continue authentication
    [§3.15] f0 .. 19 (15 "SCRAM" 16 0002 00ff)           # AUTH, Re-authenticate
    [MQTT-3.15.2-3] f0 .. 18 (15 "M" 16 "D" 1f "why" 26 "k" "v")       # AUTH, all properties
    `,
  ),
  ...vectors(
    "server",
    4,
    `
    [3.1.1 §3.3] 30 .. "a"                     # PUBLISH without payload
    [3.1.1 §3.3] 30 .. "a/b" 00 'payload'      # PUBLISH, its payload begins with a zero
    [3.1.1 §3.3] 3d .. "a/b" 000a 'payload'    # PUBLISH, all flags
    [3.1.1 §3.3] 32 .. "a" 0001 'x'*17000      # PUBLISH of 17 KB
    [3.1.1 §3.4] 40 02 0001                    # PUBACK
    [3.1.1 §3.5] 50 02 0001                    # PUBREC
    [3.1.1 §3.6] 62 02 0001                    # PUBREL
    [3.1.1 §3.7] 70 02 ffff                    # PUBCOMP
    [3.1.1 §3.8] 82 .. 0001 "a" 00 "b" 01 "#" 02       # SUBSCRIBE
    [3.1.1 §3.10] a2 .. 0001 "a" "b"           # UNSUBSCRIBE
    [3.1.1 §3.12] c0 00                        # PINGREQ
    [3.1.1 §3.14] e0 00                        # DISCONNECT
    `,
  ),
  ...vectors(
    "server",
    3,
    `
    [3.1 §3.3] 33 .. "a/b" 000a 'payload'      # PUBLISH
    [3.1 §3.6] 62 02 0001                      # PUBREL
    ~[3.1 §3.6] 6a 02 0001                     # PUBREL again
    ~[3.1 §3.8] 8a .. 0001 "a" 01              # SUBSCRIBE again
    ~[3.1 §3.10] aa .. 0001 "a"                # UNSUBSCRIBE again
    [3.1 §3.14] e0 00                          # DISCONNECT
    `,
  ),
  ...vectors(
    "client",
    5,
    `
    [§3.2] 20 03 00 00 00                      # CONNACK
    [MQTT-3.2.2-3] 20 03 01 00 00              # CONNACK, Session Present
    [MQTT-3.2.2-7] 20 03 00 87 00              # CONNACK, Not authorized
    [MQTT-3.2.2-7] 20 .. 00 87 (1f "no" 26 "k" "v")    # CONNACK, Reason String
    [MQTT-3.2.2-16] 20 .. 00 00 (12 "auto-1")          # CONNACK, Assigned Client Identifier
    [§3.2.2.3] 20 .. 01 00 (11 00000001 21 0002 24 01 25 00 27 00000100 12 "i" 22 0003 1f "r" 26 "k" "v" 28 00 29 01 2a 00 13 0004 1a "s" 1c "t" 15 "M" 16 "D")   # CONNACK, all properties
    [MQTT-3.3.4-3] 30 .. "a" (0b 01 0b 02 0b ffffff7f) 'x'         # PUBLISH, Subscription Identifiers
    [§3.3.2.3] 3b .. "a" 0001 (02 0000000a 23 0001 0b 03 26 "k" "v")   # PUBLISH, one of all sorts
    [§3.4] 40 02 0001                          # PUBACK
    [§3.6] 62 02 0001                          # PUBREL
    [§3.9] 90 .. 0001 () 00 01 02              # SUBACK
    [MQTT-3.9.3-2] 90 .. 0001 (1f "no" 26 "k" "v") 80 83 87 8f 91 97 9e a1 a2   # SUBACK, failures
    [§3.11] b0 .. 0001 () 00 11                # UNSUBACK
    [MQTT-3.11.3-2] b0 .. 0001 (1f "no") 80 83 87 8f 91      # UNSUBACK, failures
    [§3.13] d0 00                              # PINGRESP
    [§3.14] e0 01 8e                           # DISCONNECT, Session taken over
    [§3.14.2.2.5] e0 .. 9c (1c "other:1883")   # DISCONNECT, Server Reference
    [§3.15] f0 .. 18 (15 "M" 16 "D")           # AUTH, Continue authentication
    [§3.15.2.1] f0 00                          # AUTH, Success
    `,
  ),
  ...vectors(
    "client",
    4,
    `
    [3.1.1 §3.2] 20 02 00 00                   # CONNACK
    [3.1.1 §3.2] 20 02 01 00                   # CONNACK, Session Present
    [3.1.1 §3.2.2.3] 20 02 00 01               # CONNACK, unacceptable protocol version
    [3.1.1 §3.2.2.3] 20 02 00 02               # CONNACK, identifier rejected
    [3.1.1 §3.2.2.3] 20 02 00 03               # CONNACK, server unavailable
    [3.1.1 §3.2.2.3] 20 02 00 04               # CONNACK, bad user name or password
    [3.1.1 §3.2.2.3] 20 02 00 05               # CONNACK, not authorized
    [3.1.1 §3.9] 90 .. 0001 00 01 02 80        # SUBACK
    [3.1.1 §3.11] b0 02 0001                   # UNSUBACK
    [3.1.1 §3.13] d0 00                        # PINGRESP
    `,
  ),
];
