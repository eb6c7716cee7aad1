/* SPDX-License-Identifier: Apache-2.0
 *
 * A square table over the regions that were named, grown by one row and column at a time.
 */
#include "orchestrator/core/placement/placement.h"

#include <stdio.h>
#include <stdlib.h>

struct placement_map {
    char (*names)[REGISTRY_NAME_MAX];
    uint32_t *ms[REGISTRY_REGIONS_MAX]; /* ms[i][j] for j < i */
    size_t count;
};

struct placement_map *placement_map_new(void)
{
    return mem_alloc(sizeof(struct placement_map));
}

void placement_map_free(struct placement_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->ms[i]);
    }
    free(map->names);
    free(map);
}

/* count if it is not there. */
static size_t find(const struct placement_map *map, const char *name)
{
    size_t i = 0;
    while (i < map->count && strcmp(map->names[i], name) != 0) {
        i++;
    }
    return i;
}

static int find_or_add(struct placement_map *map, const char *name, size_t *out)
{
    *out = find(map, name);
    if (*out < map->count) {
        return 0;
    }
    if (map->count == REGISTRY_REGIONS_MAX) {
        return ERR_FULL;
    }
    map->names = mem_grow(map->names, map->count + 1, sizeof(*map->names));
    snprintf(map->names[map->count], REGISTRY_NAME_MAX, "%s", name);
    map->ms[map->count] = mem_array(map->count + 1, sizeof(uint32_t));
    for (size_t i = 0; i < map->count; i++) {
        map->ms[map->count][i] = PLACEMENT_FAR_MS;
    }
    map->count++;
    return 0;
}

int placement_map_set(struct placement_map *map, const char *a, const char *b, uint32_t ms)
{
    size_t i, j;
    int err = find_or_add(map, a, &i);
    err = err == 0 ? find_or_add(map, b, &j) : err;
    if (err != 0) {
        return err;
    }
    if (i != j) {
        map->ms[MAX(i, j)][MIN(i, j)] = ms;
    }
    return 0;
}

uint32_t placement_map_ms(const struct placement_map *map, const char *a, const char *b)
{
    if (strcmp(a, b) == 0) {
        return 0;
    }
    size_t i = map == NULL ? 0 : find(map, a);
    size_t j = map == NULL ? 0 : find(map, b);
    if (map == NULL || i == map->count || j == map->count) {
        return PLACEMENT_FAR_MS;
    }
    return map->ms[MAX(i, j)][MIN(i, j)];
}
