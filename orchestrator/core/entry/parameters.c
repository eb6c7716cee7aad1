/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of /rtc (LiveKit's signalling v0), by which clients with two peer connections come, as
 * the join request that others send. What it may say and a join request cannot is ignored there,
 * too: `publish`, `disable_ice_lite`.
 */
#include "orchestrator/core/entry/entry.h"

#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

enum parameter {
    SDK,
    VERSION,
    PROTOCOL,
    CLIENT_PROTOCOL,
    CAPABILITIES,
    DEVICE_MODEL,
    OS,
    OS_VERSION,
    BROWSER,
    BROWSER_VERSION,
    NETWORK,
    AUTO_SUBSCRIBE,
    AUTO_SUBSCRIBE_DATA,
    ADAPTIVE_STREAM,
    ATTRIBUTES,
    RECONNECT,
    RECONNECT_REASON,
    SID,
};

const char *const entry_parameters[ENTRY_PARAMETERS] = {
    [SDK] = "sdk",
    [VERSION] = "version",
    [PROTOCOL] = "protocol",
    [CLIENT_PROTOCOL] = "client_protocol",
    [CAPABILITIES] = "capabilities",
    [DEVICE_MODEL] = "device_model",
    [OS] = "os",
    [OS_VERSION] = "os_version",
    [BROWSER] = "browser",
    [BROWSER_VERSION] = "browser_version",
    [NETWORK] = "network",
    [AUTO_SUBSCRIBE] = "auto_subscribe",
    [AUTO_SUBSCRIBE_DATA] = "auto_subscribe_data_track",
    [ADAPTIVE_STREAM] = "adaptive_stream",
    [ATTRIBUTES] = "attributes",
    [RECONNECT] = "reconnect",
    [RECONNECT_REASON] = "reconnect_reason",
    [SID] = "sid",
};

static bool is_true(const char *value)
{
    return strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0;
}

/* 0 for what is none. */
static int32_t number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *end == '\0' && value >= 0 && value <= INT32_MAX ? (int32_t)value : 0;
}

static Livekit__ClientInfo__SDK sdk_of(const char *name)
{
    static const struct {
        const char *name;
        Livekit__ClientInfo__SDK sdk;
    } names[] = {
        {"js", LIVEKIT__CLIENT_INFO__SDK__JS},
        {"ios", LIVEKIT__CLIENT_INFO__SDK__SWIFT},
        {"swift", LIVEKIT__CLIENT_INFO__SDK__SWIFT},
        {"android", LIVEKIT__CLIENT_INFO__SDK__ANDROID},
        {"flutter", LIVEKIT__CLIENT_INFO__SDK__FLUTTER},
        {"go", LIVEKIT__CLIENT_INFO__SDK__GO},
        {"unity", LIVEKIT__CLIENT_INFO__SDK__UNITY},
        {"reactnative", LIVEKIT__CLIENT_INFO__SDK__REACT_NATIVE},
        {"rust", LIVEKIT__CLIENT_INFO__SDK__RUST},
        {"python", LIVEKIT__CLIENT_INFO__SDK__PYTHON},
        {"cpp", LIVEKIT__CLIENT_INFO__SDK__CPP},
        {"unityweb", LIVEKIT__CLIENT_INFO__SDK__UNITY_WEB},
        {"node", LIVEKIT__CLIENT_INFO__SDK__NODE},
        {"esp32", LIVEKIT__CLIENT_INFO__SDK__ESP32},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].sdk;
        }
    }
    return LIVEKIT__CLIENT_INFO__SDK__UNKNOWN;
}

static void put_capabilities(Livekit__ClientInfo *client, const char *list, struct arena *arena)
{
    const ProtobufCEnumDescriptor *known = &livekit__client_info__capability__descriptor;
    client->capabilities = arena_array(arena, known->n_values, sizeof(*client->capabilities));
    for (size_t i = 0; i < known->n_values; i++) {
        size_t len = strlen(known->values[i].name);
        for (const char *at = list; (at = strstr(at, known->values[i].name)) != NULL; at += len) {
            bool begins = at == list || at[-1] == ',';
            if (begins && (at[len] == ',' || at[len] == '\0')) {
                client->capabilities[client->n_capabilities++] =
                    (Livekit__ClientInfo__Capability)known->values[i].value;
                break;
            }
        }
    }
}

static void put_client(Livekit__ClientInfo *client, const char *const values[ENTRY_PARAMETERS],
                       struct arena *arena)
{
    client->sdk = sdk_of(values[SDK]);
    client->version = (char *)(uintptr_t)values[VERSION];
    client->protocol = number(values[PROTOCOL]);
    client->client_protocol = number(values[CLIENT_PROTOCOL]);
    client->device_model = (char *)(uintptr_t)values[DEVICE_MODEL];
    client->os = (char *)(uintptr_t)values[OS];
    client->os_version = (char *)(uintptr_t)values[OS_VERSION];
    client->browser = (char *)(uintptr_t)values[BROWSER];
    client->browser_version = (char *)(uintptr_t)values[BROWSER_VERSION];
    client->network = (char *)(uintptr_t)values[NETWORK];
    put_capabilities(client, values[CAPABILITIES], arena);
}

static void put_settings(Livekit__ConnectionSettings *settings,
                         const char *const values[ENTRY_PARAMETERS])
{
    settings->auto_subscribe = values[AUTO_SUBSCRIBE][0] == '\0' || is_true(values[AUTO_SUBSCRIBE]);
    settings->adaptive_stream = is_true(values[ADAPTIVE_STREAM]);
    settings->has_auto_subscribe_data_track_case =
        LIVEKIT__CONNECTION_SETTINGS__HAS_AUTO_SUBSCRIBE_DATA_TRACK_AUTO_SUBSCRIBE_DATA_TRACK;
    settings->auto_subscribe_data_track = is_true(values[AUTO_SUBSCRIBE_DATA]);
}

/* A JSON object in base64; what is none says nothing, as with LiveKit's server. */
static json_t *parse_attributes(const char *text)
{
    size_t len = strlen(text), decoded_len;
    uint8_t *decoded = mem_alloc(PROTOJSON_DECODED_MAX(len));
    json_t *map = NULL;
    if (len <= ENTRY_REQUEST_MAX &&
        protojson_base64_decode(text, len, decoded, &decoded_len) == 0) {
        map = json_loadb((const char *)decoded, decoded_len, 0, NULL);
    }
    free(decoded);
    return map;
}

static void put_attributes(Livekit__JoinRequest *request, json_t *map, struct arena *arena)
{
    typedef Livekit__JoinRequest__ParticipantAttributesEntry attribute;
    const char *key;
    json_t *value;
    request->participant_attributes =
        arena_array(arena, json_object_size(map), sizeof(attribute *));
    json_object_foreach(map, key, value)
    {
        if (json_is_string(value)) {
            attribute *entry = arena_alloc(arena, sizeof(*entry));
            livekit__join_request__participant_attributes_entry__init(entry);
            entry->key = (char *)(uintptr_t)key;
            entry->value = (char *)(uintptr_t)json_string_value(value);
            request->participant_attributes[request->n_participant_attributes++] = entry;
        }
    }
}

char *entry_from_parameters(const char *const values[ENTRY_PARAMETERS])
{
    struct arena arena = {0};
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    json_t *attributes = parse_attributes(values[ATTRIBUTES]);
    put_client(&client, values, &arena);
    put_settings(&settings, values);
    put_attributes(&request, attributes, &arena);
    request.client_info = &client;
    request.connection_settings = &settings;
    request.reconnect = is_true(values[RECONNECT]);
    request.reconnect_reason = (Livekit__ReconnectReason)number(values[RECONNECT_REASON]);
    request.participant_sid = (char *)(uintptr_t)values[SID];
    char *text = entry_encode(&request);
    json_decref(attributes);
    arena_fini(&arena);
    return text;
}
