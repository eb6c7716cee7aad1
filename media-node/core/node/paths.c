/* SPDX-License-Identifier: Apache-2.0
 *
 * From a datagram's 5-tuple, or a STUN message's ufrag, to the transport it belongs to. Strangers
 * can look things up here, but only a check that authenticated puts a path in.
 */
#include "media-node/core/node/parts.h"

#include <stdlib.h>
#include <utlist.h>

/* Keys are compared as bytes, so padding must be zero. */
static struct ice_path key_of(const struct ice_path *path)
{
    struct ice_path key;
    memset(&key, 0, sizeof(key));
    memcpy(key.remote.ip, path->remote.ip, sizeof(key.remote.ip));
    key.remote.port = path->remote.port;
    key.remote.family = path->remote.family;
    key.endpoint = path->endpoint;
    key.protocol = path->protocol;
    return key;
}

static struct path *find(const struct node *node, const struct ice_path *path)
{
    struct ice_path key = key_of(path);
    struct path *found;
    HASH_FIND(hh, node->paths, &key, sizeof(key), found);
    return found;
}

struct transport *paths_find(const struct node *node, const struct ice_path *path, bool *known)
{
    const struct path *found = find(node, path);
    *known = found != NULL && found->known;
    return found == NULL ? NULL : found->transport;
}

const struct path *paths_get(const struct node *node, const struct ice_path *path)
{
    return find(node, path);
}

static void drop(struct node *node, struct path *path)
{
    HASH_DEL(node->paths, path);
    if (path->trunk != NULL) {
        path->trunk->path = NULL;
    } else {
        DL_DELETE(path->transport->paths, path);
    }
    free(path);
}

void paths_add_trunk(struct node *node, const struct ice_path *path, struct trunk *trunk)
{
    struct path *found = find(node, path);
    if (found != NULL && found->trunk == trunk) {
        return;
    }
    paths_remove_trunk(node, trunk);
    if (found != NULL) {
        drop(node, found);
    }
    struct path *added = mem_alloc(sizeof(*added));
    added->key = key_of(path);
    added->trunk = trunk;
    HASH_ADD(hh, node->paths, key, sizeof(added->key), added);
    trunk->path = added;
}

void paths_remove_trunk(struct node *node, struct trunk *trunk)
{
    if (trunk->path != NULL) {
        drop(node, trunk->path);
    }
}

/* A path that authenticated takes the place of any other owner: the address has changed hands. One
 * that did not takes only a place that is free. */
void paths_add(struct node *node, const struct ice_path *path, struct transport *transport,
               bool known)
{
    struct path *found = find(node, path);
    if (found != NULL) {
        if (found->trunk != NULL) {
            return; /* no client has the address of another node */
        }
        if (found->transport == transport || !known) {
            found->known = found->known || (known && found->transport == transport);
            return;
        }
        drop(node, found);
    }
    struct path *added = mem_alloc(sizeof(*added));
    added->key = key_of(path);
    added->transport = transport;
    added->known = known;
    DL_APPEND(transport->paths, added);
    HASH_ADD(hh, node->paths, key, sizeof(added->key), added);
}

void paths_remove(struct node *node, const struct ice_path *path, const struct transport *transport)
{
    struct path *found = find(node, path);
    if (found != NULL && found->transport == transport) {
        drop(node, found);
    }
}

void paths_remove_all(struct node *node, struct transport *transport)
{
    while (transport->paths != NULL) {
        drop(node, transport->paths);
    }
}

struct transport *paths_find_ufrag(const struct node *node, struct bytes text)
{
    struct ufrag *found;
    HASH_FIND(hh, node->ufrags, text.data, text.len, found);
    return found == NULL ? NULL : found->transport;
}

void paths_set_ufrag(struct node *node, struct ufrag *ufrag, const char *text,
                     struct transport *transport)
{
    if (ufrag->text != NULL && strcmp(ufrag->text, text) == 0) {
        return;
    }
    if (ufrag->text != NULL) {
        HASH_DEL(node->ufrags, ufrag);
        free(ufrag->text);
    }
    *ufrag = (struct ufrag){.transport = transport};
    if (text[0] != '\0') {
        ufrag->text = mem_str(text);
        HASH_ADD_KEYPTR(hh, node->ufrags, ufrag->text, strlen(text), ufrag);
    }
}
