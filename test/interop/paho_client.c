/* Paho MQTT for C behind the line format of line-client.ts: obeys stdin, tells on stdout. */
#define _GNU_SOURCE
#include <MQTTClient.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 64
#define WAIT_MAX_MS 20000

struct field {
  char *key;
  char *value; /* %XX decoded, in place, with a NUL behind it. */
  int length;
};

struct command {
  char *verb;
  struct field fields[FIELDS_MAX];
  int count;
};

static int version;
static volatile int leaving;

/* Output. One line is one write under stdio's lock, as callbacks come from paho's own thread. */

static void tell_field(const char *key, const char *value, int length)
{
  printf("\t%s=", key);
  for (int at = 0; at < length; at++) {
    unsigned char byte = (unsigned char)value[at];
    if (isalnum(byte) || strchr("._~-", byte) != NULL)
      putchar(byte);
    else
      printf("%%%02x", byte);
  }
}

static void tell_number(const char *key, int number)
{
  printf("\t%s=%d", key, number);
}

static void tell_begin(const char *verb)
{
  flockfile(stdout);
  fputs(verb, stdout);
}

static void tell_end(void)
{
  putchar('\n');
  fflush(stdout);
  funlockfile(stdout);
}

static void tell_property(const MQTTProperty *property)
{
  const MQTTLenString *data = &property->value.data;
  switch (property->identifier) {
  case MQTTPROPERTY_CODE_CONTENT_TYPE:
    tell_field("contentType", data->data, data->len);
    break;
  case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
    tell_field("responseTopic", data->data, data->len);
    break;
  case MQTTPROPERTY_CODE_CORRELATION_DATA:
    tell_field("correlation", data->data, data->len);
    break;
  case MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER:
    tell_field("assignedClientId", data->data, data->len);
    break;
  case MQTTPROPERTY_CODE_USER_PROPERTY: {
    char *pair;
    int length = asprintf(&pair, "%.*s=%.*s", data->len, data->data,
      property->value.value.len, property->value.value.data);
    tell_field("user", pair, length);
    free(pair);
    break;
  }
  case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
    tell_number("expiry", (int)property->value.integer4);
    break;
  case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
    tell_number("id", (int)property->value.integer4);
    break;
  case MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR:
    tell_number("format", property->value.byte);
    break;
  case MQTTPROPERTY_CODE_TOPIC_ALIAS:
    tell_number("alias", property->value.integer2);
    break;
  default:
    break;
  }
}

/* Input. */

static int hex(char digit)
{
  return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

static int decode(char *text)
{
  char *to = text;
  for (const char *from = text; *from != '\0'; to++) {
    if (*from == '%') {
      *to = (char)(hex(from[1]) * 16 + hex(from[2]));
      from += 3;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
  return (int)(to - text);
}

static void parse(char *line, struct command *command)
{
  line[strcspn(line, "\n")] = '\0';
  command->verb = strsep(&line, "\t");
  command->count = 0;
  for (char *word; (word = strsep(&line, "\t")) != NULL && command->count < FIELDS_MAX;) {
    struct field *field = &command->fields[command->count++];
    field->key = strsep(&word, "=");
    field->value = word;
    field->length = decode(word);
  }
}

/* The field `prefix` + `key`, or NULL. */
static const struct field *find(const struct command *command, const char *prefix, const char *key)
{
  size_t skip = strlen(prefix);
  for (int at = 0; at < command->count; at++) {
    const struct field *field = &command->fields[at];
    if (strncmp(field->key, prefix, skip) == 0 && strcmp(field->key + skip, key) == 0)
      return field;
  }
  return NULL;
}

static char *text(const struct command *command, const char *prefix, const char *key)
{
  const struct field *field = find(command, prefix, key);
  return field == NULL ? NULL : field->value;
}

static int number(const struct command *command, const char *prefix, const char *key)
{
  const char *value = text(command, prefix, key);
  return value == NULL ? 0 : atoi(value);
}

static void add_number(MQTTProperties *properties, const struct command *command,
  const char *prefix, const char *key, enum MQTTPropertyCodes code)
{
  if (find(command, prefix, key) == NULL)
    return;
  int value = number(command, prefix, key);
  MQTTProperty property = {.identifier = code};
  if (code == MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR)
    property.value.byte = (unsigned char)value;
  else if (code == MQTTPROPERTY_CODE_TOPIC_ALIAS || code == MQTTPROPERTY_CODE_TOPIC_ALIAS_MAXIMUM)
    property.value.integer2 = (unsigned short)value;
  else
    property.value.integer4 = (unsigned int)value;
  MQTTProperties_add(properties, &property);
}

static void add_text(MQTTProperties *properties, const struct command *command,
  const char *prefix, const char *key, enum MQTTPropertyCodes code)
{
  const struct field *field = find(command, prefix, key);
  if (field == NULL)
    return;
  MQTTProperty property = {.identifier = code};
  property.value.data.data = field->value;
  property.value.data.len = field->length;
  MQTTProperties_add(properties, &property);
}

static void add_publish_properties(MQTTProperties *properties, const struct command *command,
  const char *prefix)
{
  add_text(properties, command, prefix, "contentType", MQTTPROPERTY_CODE_CONTENT_TYPE);
  add_text(properties, command, prefix, "responseTopic", MQTTPROPERTY_CODE_RESPONSE_TOPIC);
  add_text(properties, command, prefix, "correlation", MQTTPROPERTY_CODE_CORRELATION_DATA);
  add_number(properties, command, prefix, "expiry", MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
  add_number(properties, command, prefix, "format", MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR);
  add_number(properties, command, prefix, "alias", MQTTPROPERTY_CODE_TOPIC_ALIAS);
  add_number(properties, command, prefix, "delay", MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL);
  for (int at = 0; at < command->count; at++) {
    const struct field *field = &command->fields[at];
    size_t skip = strlen(prefix);
    if (strncmp(field->key, prefix, skip) != 0 || strcmp(field->key + skip, "user") != 0)
      continue;
    char *equals = strchr(field->value, '=');
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    property.value.data.data = field->value;
    property.value.data.len = (int)(equals - field->value);
    property.value.value.data = equals + 1;
    property.value.value.len = (int)strlen(equals + 1);
    MQTTProperties_add(properties, &property);
  }
}

/* Callbacks, on paho's thread. */

static int message_arrived(void *context, char *topic, int topic_length,
  MQTTClient_message *message)
{
  (void)context;
  tell_begin("message");
  tell_field("topic", topic, topic_length > 0 ? topic_length : (int)strlen(topic));
  tell_field("payload", message->payload, message->payloadlen);
  tell_number("qos", message->qos);
  tell_number("retain", message->retained);
  for (int at = 0; at < message->properties.count; at++)
    tell_property(&message->properties.array[at]);
  tell_end();
  MQTTClient_freeMessage(&message);
  MQTTClient_free(topic);
  return 1;
}

static void connection_lost(void *context, char *cause)
{
  (void)context;
  (void)cause;
  if (leaving)
    return;
  tell_begin("lost");
  tell_end();
  _exit(0);
}

/* DISCONNECT of the broker, 5.0. */
static void disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
  (void)context;
  (void)properties;
  tell_begin("lost");
  tell_number("code", code);
  tell_end();
  _exit(0);
}

/* PUBACK, PUBCOMP, or a PUBREC that refuses; 5.0 only. */
static void published(void *context, int token, int packet_type, MQTTProperties *properties,
  enum MQTTReasonCodes code)
{
  (void)context;
  (void)token;
  (void)packet_type;
  (void)properties;
  tell_begin("published");
  tell_number("code", code);
  tell_end();
}

/* Commands. */

static void tell_connected(int session_present, MQTTProperties *properties)
{
  tell_begin("connected");
  /* MQTT 3.1 has no such flag; in 5.0 MQTTClient 1.3.12 always returns 0 (paho.mqtt.c #1439). */
  if (version == 4)
    tell_number("sessionPresent", session_present);
  for (int at = 0; properties != NULL && at < properties->count; at++)
    if (properties->array[at].identifier == MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER)
      tell_property(&properties->array[at]);
  tell_end();
}

static void connect_or_exit(MQTTClient client, const struct command *command,
  MQTTClient_connectOptions *options)
{
  int code;
  if (version == 5) {
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperties will_properties = MQTTProperties_initializer;
    add_number(&properties, command, "", "expiry",
      MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL);
    add_number(&properties, command, "", "aliasMax", MQTTPROPERTY_CODE_TOPIC_ALIAS_MAXIMUM);
    add_publish_properties(&will_properties, command, "will.");
    MQTTResponse response = MQTTClient_connect5(client, options, &properties,
      options->will == NULL ? NULL : &will_properties);
    code = response.reasonCode;
    if (code == 0)
      tell_connected(options->returned.sessionPresent, response.properties);
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
    MQTTProperties_free(&will_properties);
  } else {
    code = MQTTClient_connect(client, options);
    if (code == 0)
      tell_connected(options->returned.sessionPresent, NULL);
  }
  if (code == 0)
    return;
  tell_begin("refused");
  tell_number("code", code);
  tell_end();
  _exit(0);
}

static MQTTClient connect_client(const struct command *command)
{
  MQTTClient client;
  MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
  MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
  char *path = text(command, "", "path");
  char *uri;
  version = number(command, "", "version");
  if (asprintf(&uri, "%s://%s:%s%s", path == NULL ? "tcp" : "ws", text(command, "", "host"),
    text(command, "", "port"), path == NULL ? "" : path) < 0)
    abort();
  create.MQTTVersion = version == 5 ? MQTTVERSION_5 : MQTTVERSION_DEFAULT;
  if (MQTTClient_createWithOptions(&client, uri, text(command, "", "clientId"),
    MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) != MQTTCLIENT_SUCCESS)
    abort();
  MQTTClient_setCallbacks(client, NULL, connection_lost, message_arrived, NULL);
  if (version == 5) {
    MQTTClient_setDisconnected(client, NULL, disconnected);
    MQTTClient_setPublished(client, NULL, published);
    options = options5;
    options.cleanstart = number(command, "", "clean");
  } else {
    options.cleansession = number(command, "", "clean");
  }
  options.MQTTVersion = version;
  if (text(command, "will.", "topic") != NULL) {
    const struct field *payload = find(command, "will.", "payload");
    will.topicName = text(command, "will.", "topic");
    will.payload.data = payload->value;
    will.payload.len = payload->length;
    will.qos = number(command, "will.", "qos");
    will.retained = number(command, "will.", "retain");
    options.will = &will;
  }
  connect_or_exit(client, command, &options);
  free(uri);
  return client;
}

static void subscribe(MQTTClient client, const struct command *command)
{
  char *filter = text(command, "", "filter");
  int qos = number(command, "", "qos");
  int code;
  if (version == 5) {
    MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    options.noLocal = (unsigned char)number(command, "", "noLocal");
    options.retainAsPublished = (unsigned char)number(command, "", "retainAsPublished");
    options.retainHandling = (unsigned char)number(command, "", "retainHandling");
    add_number(&properties, command, "", "id", MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER);
    MQTTResponse response =
      MQTTClient_subscribe5(client, filter, qos, &options, &properties);
    code = response.reasonCode;
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
  } else {
    /* Paho compares what is granted with what was asked for only in SubscribeMany. */
    code = qos;
    MQTTClient_subscribeMany(client, 1, &filter, &code);
  }
  tell_begin("subscribed");
  tell_number("code", code);
  tell_end();
}

static void unsubscribe(MQTTClient client, const struct command *command)
{
  char *filter = text(command, "", "filter");
  if (version == 5) {
    MQTTResponse response = MQTTClient_unsubscribe5(client, filter, NULL);
    tell_begin("unsubscribed");
    tell_number("code", response.reasonCode);
    MQTTResponse_free(response);
  } else {
    int code = MQTTClient_unsubscribe(client, filter);
    tell_begin(code == MQTTCLIENT_SUCCESS ? "unsubscribed" : "failed");
    if (code != MQTTCLIENT_SUCCESS)
      tell_number("code", code);
  }
  tell_end();
}

static void publish(MQTTClient client, const struct command *command)
{
  MQTTClient_message message = MQTTClient_message_initializer;
  MQTTClient_deliveryToken token;
  const struct field *payload = find(command, "", "payload");
  int code;
  message.payload = payload->value;
  message.payloadlen = payload->length;
  message.qos = number(command, "", "qos");
  message.retained = number(command, "", "retain");
  if (version == 5) {
    add_publish_properties(&message.properties, command, "");
    MQTTResponse response = MQTTClient_publishMessage5(client, text(command, "", "topic"),
      &message, &token);
    code = response.reasonCode;
    MQTTResponse_free(response);
    MQTTProperties_free(&message.properties);
    if (code == 0 && message.qos > 0)
      return; /* `published` will tell, with the Reason Code. */
  } else {
    code = MQTTClient_publishMessage(client, text(command, "", "topic"), &message, &token);
    if (code == 0 && message.qos > 0)
      code = MQTTClient_waitForCompletion(client, token, WAIT_MAX_MS);
  }
  tell_begin(code == 0 ? "published" : "failed");
  if (code != 0)
    tell_number("code", code);
  tell_end();
}

static void disconnect(MQTTClient client, const struct command *command)
{
  leaving = 1;
  if (version == 5)
    MQTTClient_disconnect5(client, WAIT_MAX_MS,
      (enum MQTTReasonCodes)number(command, "", "code"), NULL);
  else
    MQTTClient_disconnect(client, WAIT_MAX_MS);
  tell_begin("disconnected");
  tell_end();
}

int main(void)
{
  static struct command command;
  MQTTClient client = NULL;
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, stdin) > 0) {
    parse(line, &command);
    if (strcmp(command.verb, "connect") == 0)
      client = connect_client(&command);
    else if (strcmp(command.verb, "subscribe") == 0)
      subscribe(client, &command);
    else if (strcmp(command.verb, "unsubscribe") == 0)
      unsubscribe(client, &command);
    else if (strcmp(command.verb, "publish") == 0)
      publish(client, &command);
    else if (strcmp(command.verb, "disconnect") == 0) {
      disconnect(client, &command);
      break;
    }
  }
  _exit(0);
}
