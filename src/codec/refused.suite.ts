import { type Vector, vectors } from "./notation.suite.ts";

/** Packets that are refused, with Reason Code and statement; see `notation.suite.ts`. */
export const REFUSED: readonly Vector[] = [
  ...vectors(
    "stranger",
    5,
    `
    0x82 [MQTT-3.1.0-1] c0                              # PINGREQ before CONNECT, one byte will do
    0x82 [MQTT-3.1.0-1] 30                              # PUBLISH before CONNECT
    0x82 [MQTT-3.1.0-1] 82                              # SUBSCRIBE before CONNECT
    0x82 [MQTT-3.1.0-1] f0                              # AUTH before CONNECT
    0x82 [MQTT-3.1.0-1] 00                              # reserved type before CONNECT
    0x82 [MQTT-3.1.0-1] 'GET / HTTP/1.1'                # not MQTT at all
    0x81 [MQTT-2.1.3-1] 16 0301                         # a TLS handshake: type 1 with flags
    0x81 [MQTT-2.1.3-1] 11                              # CONNECT with a reserved flag
    0x81 [§2.1.4] 10 ffffffff                           # Remaining Length of 5 bytes
    0x81 [MQTT-1.5.5-1] 10 8000                         # Remaining Length not minimal
    0x95 [MQTT-3.2.2-15] 10 ffffff7f                    # 256 MB announced
    0x81 [MQTT-4.13.1-1] 10 00                          # nothing in it
    0x84 [MQTT-3.1.2-1] 10 .. "MQTt" 05 02 003c () "a"  # Protocol Name in the wrong case
    0x84 [MQTT-3.1.2-1] 10 .. "" 05 02 003c () "a"      # Protocol Name empty
    0x84 [MQTT-3.1.2-1] 10 .. "MQIsdp2" 03 02 003c "a"  # Protocol Name too long
    0x84 [MQTT-3.1.2-2] 10 .. "MQTT" 06 02 003c () "a"  # Protocol Version 6
    0x84 [MQTT-3.1.2-2] 10 .. "MQTT" 03 02 003c "a"     # 3.1 under the name of 3.1.1
    0x84 [MQTT-3.1.2-2] 10 .. "MQTT" 00 02 003c "a"     # Protocol Version 0
    0x84 [MQTT-3.1.2-2] 10 .. "MQTT" 84 02 003c "a"     # mosquitto's bridge bit
    0x84 [MQTT-3.1.2-2] 10 .. "MQIsdp" 04 02 003c "a"   # 3.1.1 under the name of 3.1
    0x84 [MQTT-3.1.2-2] 10 .. "MQIsdp" 05 02 003c "a"   # 5.0 under the name of 3.1
    0x81 [MQTT-1.5.4-1] 10 .. 0004 'MQT' ff 05 02 003c () "a"            # Protocol Name not UTF-8
    0x81 [MQTT-3.1.2-3] 10 .. "MQTT" 05 03 003c () "a"  # reserved flag
    0x81 [MQTT-3.1.2-11] 10 .. "MQTT" 05 0a 003c () "a" # Will QoS without Will
    0x81 [MQTT-3.1.2-13] 10 .. "MQTT" 05 22 003c () "a" # Will Retain without Will
    0x81 [MQTT-3.1.2-12] 10 .. "MQTT" 05 1e 003c () "a" () "w" "x"       # Will QoS 3
    0x81 [MQTT-3.1.2-12] 10 .. "MQTT" 05 1a 003c () "a" # Will QoS 3 without Will
    0x81 [MQTT-3.1.2-3] 10 .. "MQTT" 04 03 003c "a"     # reserved flag, 3.1.1
    0x81 [MQTT-3.1.2-11] 10 .. "MQTT" 04 0a 003c "a"    # Will QoS without Will, 3.1.1
    0x81 [MQTT-3.1.2-13] 10 .. "MQTT" 04 22 003c "a"    # Will Retain without Will, 3.1.1
    0x81 [3.1.1 MQTT-3.1.2-22] 10 .. "MQTT" 04 42 003c "a" "pw"          # Password alone, 3.1.1
    0x81 [3.1.1 MQTT-3.1.2-22] 10 .. "MQIsdp" 03 42 003c "a" "pw"        # Password alone, 3.1
    0x81 [MQTT-3.1.2-12] 10 .. "MQIsdp" 03 1e 003c "a" "w" "x"           # Will QoS 3, 3.1
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05                # cut before Connect Flags
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 00          # cut in Keep Alive
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 003c        # cut before Property Length
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 003c ()     # no Client Identifier
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 003c () 0005 'a'             # half a Client Identifier
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 82 003c () "a"                  # no User Name
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 c2 003c () "a" "u"              # no Password
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 06 003c () "a" () "w"           # no Will Payload
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 003c () "a" "u"              # User Name without flag
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 05 02 003c () "a" 00               # one byte too many
    0x81 [MQTT-4.13.1-1] 10 .. "MQTT" 04 02 003c "a" 00                  # likewise, 3.1.1
    0x81 [MQTT-1.5.4-1] 10 .. "MQTT" 05 02 003c () 0002 c328             # Client Identifier c3 28
    0x81 [MQTT-1.5.4-2] 10 .. "MQTT" 05 02 003c () 0002 6100             # Client Identifier with U+0000
    0x81 [MQTT-1.5.4-1] 10 .. "MQTT" 05 82 003c () "a" 0001 80           # User Name not UTF-8
    0x90 [MQTT-4.7.3-1] 10 .. "MQTT" 05 06 003c () "a" () "" "x"         # Will Topic empty
    0x90 [MQTT-4.7.0-1] 10 .. "MQTT" 05 06 003c () "a" () "a/#" "x"      # Will Topic with #
    0x81 [MQTT-4.7.0-1] 10 .. "MQTT" 04 06 003c "a" "a/+" "x"            # Will Topic with +, 3.1.1
    0x82 [MQTT-3.3.2-14] 10 .. "MQTT" 05 06 003c () "a" (08 "+") "w" "x" # Will Response Topic with +
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 06 003c () "a" (01 02) "w" "x"       # Will Payload Format Indicator 2
    0x81 [§2.2.2.2] 10 .. "MQTT" 05 06 003c () "a" (23 0001) "w" "x"     # Will with Topic Alias
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 06 003c () "a" (18 00000001 18 00000001) "w" "x"   # Will Delay twice
    0x82 [§3.1.2.11.3] 10 .. "MQTT" 05 02 003c (21 0000) "a"             # Receive Maximum 0
    0x82 [§3.1.2.11.4] 10 .. "MQTT" 05 02 003c (27 00000000) "a"         # Maximum Packet Size 0
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (19 02) "a"                  # Request Response Information 2
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (17 ff) "a"                  # Request Problem Information 255
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (11 00000001 11 00000001) "a"  # Session Expiry twice
    0x82 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (15 "M" 15 "M") "a"          # Authentication Method twice
    0x82 [§3.1.2.11.10] 10 .. "MQTT" 05 02 003c (16 "D") "a"             # Data without Method
    0x81 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (12 "x") "a"                 # Assigned Client Identifier
    0x81 [§2.2.2.2] 10 .. "MQTT" 05 02 003c (02 00000001) "a"            # Message Expiry Interval
    0x97 [§4.13] 10 .. "MQTT" 05 02 003c (26 "a" "" 26 "b" "" 26 "c" "" 26 "d" "") "a"   # 4 User Properties, 3 allowed
    `,
  ),
  ...vectors(
    "server",
    5,
    `
    0x81 [§2.1.2] 00                                    # reserved type 0
    0x82 [§2.1.2] 20 03 00 00 00                        # CONNACK to a server
    0x82 [§2.1.2] 90 04 0001 00 00                      # SUBACK to a server
    0x82 [§2.1.2] b0 04 0001 00 00                      # UNSUBACK to a server
    0x82 [§2.1.2] d0 00                                 # PINGRESP to a server
    0x81 [MQTT-2.1.3-1] 41 02 0001                      # PUBACK with flags
    0x81 [MQTT-2.1.3-1] 5f 02 0001                      # PUBREC with flags
    0x81 [MQTT-3.6.1-1] 60 02 0001                      # PUBREL without flags
    0x81 [MQTT-3.6.1-1] 6a 02 0001                      # PUBREL with DUP
    0x81 [MQTT-2.1.3-1] 72 02 0001                      # PUBCOMP with flags
    0x81 [MQTT-3.8.1-1] 80 .. 0001 () "a" 00            # SUBSCRIBE without flags
    0x81 [MQTT-3.10.1-1] a0 .. 0001 () "a"              # UNSUBSCRIBE without flags
    0x81 [MQTT-2.1.3-1] c1 00                           # PINGREQ with flags
    0x81 [MQTT-3.14.1-1] e1 00                          # DISCONNECT with flags
    0x81 [MQTT-3.15.1-1] f1 00                          # AUTH with flags
    0x81 [MQTT-3.3.1-4] 36 .. "a" 0007 ()               # PUBLISH QoS 3
    0x81 [MQTT-3.3.1-4] 3f .. "a" 0007 ()               # PUBLISH QoS 3, all flags
    0x81 [MQTT-3.3.1-2] 38 .. "a" ()                    # PUBLISH with DUP on QoS 0
    0x81 [MQTT-3.3.1-2] 39 .. "a" ()                    # PUBLISH with DUP on QoS 0, RETAIN
    0x81 [§2.1.4] 30 80808080 01                        # Remaining Length of 5 bytes
    0x81 [MQTT-1.5.5-1] 30 8400 "a" ()                  # Remaining Length in 2 bytes for 1
    0x81 [MQTT-1.5.5-1] 30 848000 "a" ()                # Remaining Length in 3 bytes for 1
    0x81 [MQTT-1.5.5-1] 30 84808000 "a" ()              # Remaining Length in 4 bytes for 1
    0x95 [MQTT-3.2.2-15] 30 ffff7f                      # 2 MB, limit 100,000
    0x95 [MQTT-3.2.2-15] 30 9d8d06                      # one byte over the limit
    0x81 [MQTT-4.13.1-1] 30 00                          # PUBLISH, empty
    0x81 [MQTT-4.13.1-1] 30 01 00                       # PUBLISH, half a topic length
    0x81 [MQTT-4.13.1-1] 30 03 0009 'a'                 # Topic Name runs past the end
    0x81 [MQTT-4.13.1-1] 32 04 0001 'a' 07              # half a Packet Identifier
    0x81 [MQTT-4.13.1-1] 30 03 0001 'a'                 # no Property Length
    0x81 [MQTT-4.13.1-1] 32 05 0001 'a' 0007            # no Property Length, QoS 1
    0x81 [MQTT-2.2.1-3] 32 .. "a" 0000 ()               # Packet Identifier 0
    0x81 [MQTT-2.2.1-3] 34 .. "a" 0000 ()               # Packet Identifier 0, QoS 2
    0x81 [MQTT-1.5.4-1] 30 .. 0003 eda080 ()            # U+D800, a surrogate
    0x81 [MQTT-1.5.4-1] 30 .. 0003 edbfbf ()            # U+DFFF, a surrogate
    0x81 [MQTT-1.5.4-1] 30 .. 0006 eda081edb080 ()      # a pair of surrogates (CESU-8)
    0x81 [MQTT-1.5.4-1] 30 .. 0002 c080 ()              # U+0000 overlong
    0x81 [MQTT-1.5.4-1] 30 .. 0002 c1bf ()              # U+007F overlong
    0x81 [MQTT-1.5.4-1] 30 .. 0003 e080af ()            # "/" overlong
    0x81 [MQTT-1.5.4-1] 30 .. 0004 f08080af ()          # "/" overlong, 4 bytes
    0x81 [MQTT-1.5.4-1] 30 .. 0004 f4908080 ()          # over U+10FFFF
    0x81 [MQTT-1.5.4-1] 30 .. 0001 ff ()                # ff
    0x81 [MQTT-1.5.4-1] 30 .. 0002 c328 ()              # c3 28
    0x81 [MQTT-1.5.4-1] 30 .. 0001 80 ()                # continuation alone
    0x81 [MQTT-1.5.4-1] 30 .. 0002 61e2 ()              # character cut short
    0x81 [MQTT-1.5.4-2] 30 .. 0001 00 ()                # U+0000
    0x81 [MQTT-1.5.4-2] 30 .. 0003 610062 ()            # U+0000 in the middle
    0x90 [MQTT-3.3.2-2] 30 .. "a/+" ()                  # Topic Name with +
    0x90 [MQTT-3.3.2-2] 30 .. "#" ()                    # Topic Name with #
    0x90 [MQTT-3.3.2-2] 30 .. "a#b" ()                  # Topic Name with # inside
    0x82 [§3.3.2.1] 30 .. "" ()                         # Topic Name empty, no Topic Alias
    0x82 [§3.3.2.1] 30 .. "" (01 01)                    # likewise, with another property
    0x94 [MQTT-3.3.2-8] 30 .. "a" (23 0000)             # Topic Alias 0
    0x82 [MQTT-3.3.4-6] 30 .. "a" (0b 01)               # Subscription Identifier from a client
    0x82 [§3.8.2.1.2] 30 .. "a" (0b 00)                 # Subscription Identifier 0 from a client
    0x82 [§2.2.2.2] 30 .. "a" (01 02)                   # Payload Format Indicator 2
    0x82 [MQTT-3.3.2-14] 30 .. "a" (08 "a/#")           # Response Topic with #
    0x82 [MQTT-3.3.2-14] 30 .. "a" (08 "")              # Response Topic empty
    0x81 [MQTT-1.5.4-1] 30 .. "a" (08 0001 ff)          # Response Topic not UTF-8
    0x81 [MQTT-1.5.4-1] 30 .. "a" (03 0002 c328)        # Content Type not UTF-8
    0x81 [MQTT-1.5.4-1] 30 .. "a" (26 0001 ff "v")      # User Property name not UTF-8
    0x81 [MQTT-1.5.4-1] 30 .. "a" (26 "k" 0001 ff)      # User Property value not UTF-8
    0x81 [MQTT-1.5.4-2] 30 .. "a" (26 "k" 0001 00)      # User Property value with U+0000
    0x82 [§2.2.2.2] 30 .. "a" (01 01 01 01)             # Payload Format Indicator twice
    0x82 [§2.2.2.2] 30 .. "a" (02 00000001 02 00000002) # Message Expiry Interval twice
    0x82 [§2.2.2.2] 30 .. "a" (23 0001 23 0001)         # Topic Alias twice
    0x82 [§2.2.2.2] 30 .. "a" (08 "r" 08 "r")           # Response Topic twice
    0x82 [§2.2.2.2] 30 .. "a" (09 "" 09 "")             # Correlation Data twice, empty
    0x82 [§2.2.2.2] 30 .. "a" (03 "" 03 "")             # Content Type twice, empty
    0x81 [§2.2.2.2] 30 .. "a" (00)                      # property 0
    0x81 [§2.2.2.2] 30 .. "a" (2b 00)                   # property 43
    0x81 [§2.2.2.2] 30 .. "a" (8001 00)                 # property 128
    0x81 [MQTT-1.5.5-1] 30 .. "a" (8100 01)             # Property Identifier not minimal
    0x81 [§2.2.2.2] 30 .. "a" (11 00000001)             # Session Expiry Interval in PUBLISH
    0x81 [§2.2.2.2] 30 .. "a" (1f "x")                  # Reason String in PUBLISH
    0x81 [MQTT-4.13.1-1] 30 .. "a" (01)                 # property without value
    0x81 [MQTT-4.13.1-1] 30 .. "a" (02 000000)          # 3 bytes of 4
    0x81 [MQTT-4.13.1-1] 30 .. "a" (26 "k")             # User Property without value
    0x81 [MQTT-4.13.1-1] 30 .. "a" (09 0005 'ab') 'xyz' # Correlation Data ends behind the properties
    0x81 [§2.2.2.1] 30 .. "a" 05 0101                   # Property Length past the packet
    0x81 [MQTT-1.5.5-1] 30 .. "a" 8000                  # Property Length not minimal
    0x81 [§1.5.5] 30 .. "a" 8080808001                  # Property Length of 5 bytes
    0x97 [§4.13] 30 .. "a" (26 "" "" 26 "" "" 26 "" "" 26 "" "")         # 4 User Properties, 3 allowed
    0x81 [MQTT-4.13.1-1] 40 00                          # PUBACK, empty
    0x81 [MQTT-4.13.1-1] 40 01 00                       # PUBACK, half a Packet Identifier
    0x81 [MQTT-2.2.1-5] 40 02 0000                      # PUBACK, Packet Identifier 0
    0x82 [MQTT-3.4.2-1] 40 03 0001 01                   # PUBACK, Reason Code 1
    0x82 [MQTT-3.4.2-1] 40 03 0001 92                   # PUBACK, Reason Code of PUBREL
    0x82 [MQTT-3.5.2-1] 50 03 0001 92                   # PUBREC, Reason Code of PUBREL
    0x82 [MQTT-3.6.2-1] 62 03 0001 10                   # PUBREL, Reason Code of PUBACK
    0x82 [MQTT-3.6.2-1] 62 03 0001 80                   # PUBREL, Unspecified error
    0x82 [MQTT-3.7.2-1] 70 03 0001 ff                   # PUBCOMP, Reason Code 255
    0x81 [MQTT-2.2.1-5] 62 02 0000                      # PUBREL, Packet Identifier 0
    0x82 [§2.2.2.2] 40 .. 0001 00 (1f "a" 1f "b")       # PUBACK, Reason String twice
    0x81 [§2.2.2.2] 40 .. 0001 00 (0b 01)               # PUBACK, Subscription Identifier
    0x81 [§2.2.2.1] 40 .. 0001 00 01                    # PUBACK, Property Length past the end
    0x81 [MQTT-4.13.1-1] 40 .. 0001 00 () 00            # PUBACK, one byte too many
    0x81 [MQTT-2.2.1-3] 82 .. 0000 () "a" 00            # SUBSCRIBE, Packet Identifier 0
    0x82 [MQTT-3.8.3-2] 82 .. 0001 ()                   # SUBSCRIBE without Topic Filter
    0x81 [MQTT-4.13.1-1] 82 .. 0001                     # SUBSCRIBE without Property Length
    0x81 [MQTT-4.13.1-1] 82 .. 0001 () "a"              # SUBSCRIBE without options
    0x81 [MQTT-4.13.1-1] 82 .. 0001 () "a" 00 00        # SUBSCRIBE, half a second filter
    0x82 [§3.8.3.1] 82 .. 0001 () "a" 03                # SUBSCRIBE, Maximum QoS 3
    0x82 [§3.8.3.1] 82 .. 0001 () "a" 30                # SUBSCRIBE, Retain Handling 3
    0x81 [MQTT-3.8.3-5] 82 .. 0001 () "a" 40            # SUBSCRIBE, reserved bit 6
    0x81 [MQTT-3.8.3-5] 82 .. 0001 () "a" 80            # SUBSCRIBE, reserved bit 7
    0x82 [MQTT-3.8.3-4] 82 .. 0001 () "$share/g/a" 04   # SUBSCRIBE, shared with No Local
    0x81 [MQTT-1.5.4-1] 82 .. 0001 () 0001 ff 00        # SUBSCRIBE, Topic Filter not UTF-8
    0x81 [MQTT-1.5.4-2] 82 .. 0001 () 0001 00 00        # SUBSCRIBE, Topic Filter with U+0000
    0x82 [§3.8.2.1.2] 82 .. 0001 (0b 00) "a" 00         # SUBSCRIBE, Subscription Identifier 0
    0x82 [§2.2.2.2] 82 .. 0001 (0b 01 0b 02) "a" 00     # SUBSCRIBE, two Subscription Identifiers
    0x81 [§1.5.5] 82 .. 0001 (0b 8080808001) "a" 00     # SUBSCRIBE, identifier of 5 bytes
    0x81 [MQTT-2.2.1-3] a2 .. 0000 () "a"               # UNSUBSCRIBE, Packet Identifier 0
    0x82 [MQTT-3.10.3-2] a2 .. 0001 ()                  # UNSUBSCRIBE without Topic Filter
    0x81 [§2.2.2.2] a2 .. 0001 (0b 01) "a"              # UNSUBSCRIBE, Subscription Identifier
    0x81 [MQTT-1.5.4-1] a2 .. 0001 () 0002 c328         # UNSUBSCRIBE, Topic Filter not UTF-8
    0x81 [MQTT-4.13.1-1] a2 .. 0001 () "a" 00           # UNSUBSCRIBE, half a second filter
    0x81 [MQTT-4.13.1-1] c0 01 00                       # PINGREQ with a body
    0x82 [MQTT-3.14.2-1] e0 01 01                       # DISCONNECT, Reason Code 1
    0x82 [MQTT-3.14.2-1] e0 01 8e                       # DISCONNECT, Session taken over
    0x82 [MQTT-3.14.2-1] e0 01 87                       # DISCONNECT, Not authorized
    0x82 [§3.14.2.2.5] e0 .. 00 (1c "x")                # DISCONNECT, Server Reference
    0x82 [§2.2.2.2] e0 .. 00 (11 00000001 11 00000001)  # DISCONNECT, Session Expiry twice
    0x81 [MQTT-4.13.1-1] e0 .. 00 () 00                 # DISCONNECT, one byte too many
    0x82 [MQTT-3.15.2-1] f0 00                          # AUTH, Success
    0x82 [MQTT-3.15.2-1] f0 .. 01 (15 "M")              # AUTH, Reason Code 1
    0x82 [§3.15.2.2.2] f0 .. 18 ()                      # AUTH without Method
    0x82 [§3.15.2.2.2] f0 .. 19 (16 "D")                # AUTH, Data without Method
    0x82 [§2.2.2.2] f0 .. 18 (15 "M" 15 "M")            # AUTH, Method twice
    `,
  ),
  ...vectors(
    "server",
    4,
    `
    0x81 [§2.1.2] 00                                    # reserved type 0
    0x81 [§2.1.2] f0 00                                 # type 15 is reserved in 3.1.1
    0x82 [§2.1.2] 20 02 00 00                           # CONNACK to a server
    0x82 [§2.1.2] d0 00                                 # PINGRESP to a server
    0x81 [MQTT-3.3.1-4] 36 .. "a" 0001                  # PUBLISH QoS 3
    0x81 [MQTT-3.3.1-2] 38 .. "a"                       # PUBLISH with DUP on QoS 0
    0x81 [MQTT-3.3.2-2] 30 .. "a/+"                     # Topic Name with +
    0x81 [MQTT-4.7.3-1] 30 .. ""                        # Topic Name empty
    0x81 [MQTT-2.2.1-3] 32 .. "a" 0000                  # Packet Identifier 0
    0x81 [MQTT-1.5.4-1] 30 .. 0002 c328                 # Topic Name not UTF-8
    0x81 [MQTT-4.13.1-1] 40 03 0001 00                  # PUBACK with a Reason Code
    0x81 [MQTT-2.2.1-5] 50 02 0000                      # PUBREC, Packet Identifier 0
    0x81 [MQTT-3.6.1-1] 6a 02 0001                      # PUBREL with DUP
    0x81 [MQTT-3.8.1-1] 8a .. 0001 "a" 00               # SUBSCRIBE with DUP
    0x82 [MQTT-3.8.3-2] 82 02 0001                      # SUBSCRIBE without Topic Filter
    0x81 [3.1.1 MQTT-3.8.3-4] 82 .. 0001 "a" 03         # SUBSCRIBE, QoS 3
    0x81 [3.1.1 MQTT-3.8.3-4] 82 .. 0001 "a" 04         # SUBSCRIBE, No Local is of 5.0
    0x81 [3.1.1 MQTT-3.8.3-4] 82 .. 0001 "a" 81         # SUBSCRIBE, reserved bit
    0x82 [MQTT-3.10.3-2] a2 02 0001                     # UNSUBSCRIBE without Topic Filter
    0x81 [MQTT-4.13.1-1] e0 01 00                       # DISCONNECT with a Reason Code
    `,
  ),
  ...vectors(
    "client",
    5,
    `
    0x82 [§2.1.2] 10 .. "MQTT" 05 02 003c () "a"        # CONNECT to a client
    0x82 [§2.1.2] 82 .. 0001 () "a" 00                  # SUBSCRIBE to a client
    0x82 [§2.1.2] a2 .. 0001 () "a"                     # UNSUBSCRIBE to a client
    0x82 [§2.1.2] c0 00                                 # PINGREQ to a client
    0x81 [MQTT-2.1.3-1] 21 03 00 00 00                  # CONNACK with flags
    0x81 [MQTT-3.2.2-1] 20 03 02 00 00                  # CONNACK, reserved acknowledge flag
    0x82 [MQTT-3.2.2-6] 20 03 01 87 00                  # CONNACK, refused with Session Present
    0x82 [MQTT-3.2.2-8] 20 03 00 01 00                  # CONNACK, Reason Code 1
    0x81 [MQTT-4.13.1-1] 20 02 00 00                    # CONNACK without Property Length
    0x82 [§2.2.2.2] 20 .. 00 00 (24 02)                 # CONNACK, Maximum QoS 2
    0x82 [§2.2.2.2] 20 .. 00 00 (25 02)                 # CONNACK, Retain Available 2
    0x82 [§3.1.2.11.3] 20 .. 00 00 (21 0000)            # CONNACK, Receive Maximum 0
    0x81 [§2.2.2.2] 20 .. 00 00 (17 01)                 # CONNACK, Request Problem Information
    0x95 [MQTT-3.1.2-24] 30 ffff7f                      # PUBLISH of 2 MB
    0x81 [MQTT-2.2.1-4] 32 .. "a" 0000 ()               # PUBLISH, Packet Identifier 0
    0x82 [§3.8.2.1.2] 30 .. "a" (0b 00)                 # PUBLISH, Subscription Identifier 0
    0x81 [MQTT-2.2.1-6] 90 .. 0000 () 00                # SUBACK, Packet Identifier 0
    0x82 [MQTT-3.9.3-2] 90 .. 0001 () 03                # SUBACK, Reason Code 3
    0x82 [MQTT-3.8.4-6] 90 .. 0001 ()                   # SUBACK without Reason Code
    0x82 [MQTT-3.11.3-2] b0 .. 0001 () 01               # UNSUBACK, Reason Code 1
    0x82 [MQTT-3.11.3-2] b0 .. 0001 ()                  # UNSUBACK without Reason Code
    0x81 [MQTT-4.13.1-1] d0 01 00                       # PINGRESP with a body
    0x82 [MQTT-3.14.2-1] e0 01 04                       # DISCONNECT with Will from a server
    0x82 [MQTT-3.14.2-2] e0 .. 00 (11 00000001)         # DISCONNECT, Session Expiry from a server
    0x82 [MQTT-3.15.2-1] f0 .. 19 (15 "M")              # AUTH, Re-authenticate from a server
    `,
  ),
  ...vectors(
    "client",
    4,
    `
    0x82 [§2.1.2] e0 00                                 # DISCONNECT from a server
    0x81 [§2.1.2] f0 00                                 # type 15
    0x82 [MQTT-3.2.2-8] 20 02 00 06                     # CONNACK, return code 6
    0x81 [MQTT-4.13.1-1] 20 03 00 00 00                 # CONNACK of 5.0
    0x82 [MQTT-3.9.3-2] 90 03 0001 87                   # SUBACK, Reason Code of 5.0
    0x81 [MQTT-4.13.1-1] b0 03 0001 00                  # UNSUBACK with a payload
    `,
  ),
];
