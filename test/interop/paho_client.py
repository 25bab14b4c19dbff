"""Paho MQTT for Python behind the line format of line-client.ts: obeys stdin, tells on stdout."""

import os
import queue
import sys
import threading
from urllib.parse import quote, unquote_to_bytes

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCodes
from paho.mqtt.subscribeoptions import SubscribeOptions

# Key of the line format → attribute of Properties, and how its text is read.
PUBLISH_PROPERTIES = {
    "contentType": ("ContentType", str),
    "responseTopic": ("ResponseTopic", str),
    "correlation": ("CorrelationData", lambda text: text.encode()),
    "expiry": ("MessageExpiryInterval", int),
    "format": ("PayloadFormatIndicator", int),
    "alias": ("TopicAlias", int),
    "delay": ("WillDelayInterval", int),
}

acks = queue.Queue()  # What the callbacks of the network thread hand to the command thread.
output = threading.Lock()
leaving = False


def tell(verb, *fields):
    words = [verb]
    for key, value in fields:
        if value is not None:
            data = value if isinstance(value, bytes) else str(value)
            words.append(f"{key}={quote(data, safe='')}")
    with output:
        print("\t".join(words), flush=True)


class Command:
    def __init__(self, line):
        self.verb, *words = line.rstrip("\n").split("\t")
        self.fields = [word.split("=", 1) for word in words]

    def raw(self, key):
        return next((unquote_to_bytes(value) for name, value in self.fields if name == key), None)

    def text(self, key):
        value = self.raw(key)
        return None if value is None else value.decode()

    def number(self, key):
        return int(self.raw(key) or b"0")

    def publish_properties(self, packet_type, prefix=""):
        properties = Properties(packet_type)
        for key, (attribute, read) in PUBLISH_PROPERTIES.items():
            text = self.text(prefix + key)
            if text is not None:
                setattr(properties, attribute, read(text))
        users = [unquote_to_bytes(v).decode() for name, v in self.fields if name == prefix + "user"]
        if users:
            properties.UserProperty = [tuple(user.split("=", 1)) for user in users]
        return properties


def on_connect(_client, _userdata, flags, code, properties=None):
    acks.put((flags.get("session present", 0), getattr(code, "value", code), properties))


def on_message(_client, _userdata, message):
    properties = getattr(message, "properties", None)
    fields = [
        ("topic", message.topic),
        ("payload", message.payload),
        ("qos", message.qos),
        ("retain", int(message.retain)),
    ]
    for key, (attribute, _) in PUBLISH_PROPERTIES.items():
        fields.append((key, getattr(properties, attribute, None)))
    for name, value in getattr(properties, "UserProperty", []):
        fields.append(("user", f"{name}={value}"))
    for identifier in getattr(properties, "SubscriptionIdentifier", []):
        fields.append(("id", identifier))
    tell("message", *fields)


def on_subscribe(_client, _userdata, _mid, codes, _properties=None):
    acks.put(getattr(codes[0], "value", codes[0]))


def on_unsubscribe(_client, _userdata, _mid, _properties=None, codes=None):
    first = codes[0] if isinstance(codes, list) else codes  # paho gives one code without a list.
    acks.put(getattr(first, "value", None))


def on_disconnect(_client, _userdata, code, _properties=None):
    if leaving:
        acks.put(None)
        return
    tell("lost", ("code", getattr(code, "value", None)))
    os._exit(0)  # Or paho would connect again.


def connect(command):
    version = command.number("version")
    path = command.text("path")
    clean = command.number("clean") == 1
    client = mqtt.Client(
        client_id=command.text("clientId"),
        clean_session=None if version == 5 else clean,
        protocol=version,
        transport="tcp" if path is None else "websockets",
        reconnect_on_failure=False,
    )
    if path is not None:
        client.ws_set_options(path=path)
    client.on_connect = on_connect
    client.on_message = on_message
    client.on_subscribe = on_subscribe
    client.on_unsubscribe = on_unsubscribe
    client.on_disconnect = on_disconnect
    if command.text("will.topic") is not None:
        client.will_set(
            command.text("will.topic"),
            command.raw("will.payload"),
            command.number("will.qos"),
            command.number("will.retain") == 1,
            command.publish_properties(PacketTypes.WILLMESSAGE, "will.") if version == 5 else None,
        )
    more = {}
    if version == 5:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = command.number("expiry")
        if command.text("aliasMax") is not None:
            properties.TopicAliasMaximum = command.number("aliasMax")
        more = {"clean_start": clean, "properties": properties}
    global leaving
    leaving = True  # Until CONNACK, a close is told as "refused".
    client.connect(command.text("host"), command.number("port"), **more)
    client.loop_start()
    present, code, properties = acks.get()
    if code != 0:
        tell("refused", ("code", code))
        os._exit(0)
    leaving = False
    assigned = getattr(properties, "AssignedClientIdentifier", None)
    flag = int(present) if version > 3 else None  # The flag came with 3.1.1.
    tell("connected", ("sessionPresent", flag), ("assignedClientId", assigned))
    return client


def subscribe(client, command):
    filter_, qos = command.text("filter"), command.number("qos")
    if client._protocol != mqtt.MQTTv5:
        client.subscribe(filter_, qos)
    else:
        options = SubscribeOptions(
            qos,
            command.number("noLocal") == 1,
            command.number("retainAsPublished") == 1,
            command.number("retainHandling"),
        )
        properties = Properties(PacketTypes.SUBSCRIBE)
        if command.text("id") is not None:
            properties.SubscriptionIdentifier = command.number("id")
        client.subscribe(filter_, options=options, properties=properties)
    tell("subscribed", ("code", acks.get()))


def publish(client, command):
    version5 = client._protocol == mqtt.MQTTv5
    info = client.publish(
        command.text("topic"),
        command.raw("payload"),
        command.number("qos"),
        command.number("retain") == 1,
        command.publish_properties(PacketTypes.PUBLISH) if version5 else None,
    )
    info.wait_for_publish()
    tell("published")  # paho 1.6 does not show the Reason Code.


def disconnect(client, command):
    global leaving
    leaving = True
    if client._protocol == mqtt.MQTTv5:
        client.disconnect(ReasonCodes(PacketTypes.DISCONNECT, identifier=command.number("code")))
    else:
        client.disconnect()
    acks.get()
    tell("disconnected")


def main():
    client = None
    for line in sys.stdin:
        command = Command(line)
        if command.verb == "connect":
            client = connect(command)
        elif command.verb == "subscribe":
            subscribe(client, command)
        elif command.verb == "unsubscribe":
            client.unsubscribe(command.text("filter"))
            tell("unsubscribed", ("code", acks.get()))
        elif command.verb == "publish":
            publish(client, command)
        elif command.verb == "disconnect":
            disconnect(client, command)
            break
    os._exit(0)  # Whatever paho's thread does: nobody listens any more.


main()
