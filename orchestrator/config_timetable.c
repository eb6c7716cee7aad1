/* SPDX-License-Identifier: Apache-2.0
 *
 * Timetables of the settings, with their zones from the machine's tz database.
 */
#include "common/config/config.h"
#include "orchestrator/config.h"

#include <stdio.h>
#include <stdlib.h>

#define ZONES_DIR "/usr/share/zoneinfo"
#define FILE_MAX  (64u << 10) /* the largest of the tz database has 4 KB */

/* "Europe/Berlin": no way out of the folder. */
static bool is_zone_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-+/";
    return name[0] != '\0' && name[0] != '/' && strlen(name) < 64 &&
           strspn(name, letters) == strlen(name);
}

static int read_zone(const char *name, struct zone *out)
{
    char path[128];
    if (strcmp(name, "UTC") == 0) { /* also where there is no tz database */
        *out = (struct zone){0};
        return 0;
    }
    if (!is_zone_name(name)) {
        return ERR_INVALID;
    }
    snprintf(path, sizeof(path), ZONES_DIR "/%s", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    uint8_t *bytes = mem_array(FILE_MAX, 1);
    size_t len = fread(bytes, 1, FILE_MAX, file);
    int err = zone_of_file(out, (struct bytes){bytes, len});
    fclose(file);
    free(bytes);
    return err;
}

static int days_of(const struct config_strings *days, unsigned *out)
{
    for (size_t i = 0; i < days->count; i++) {
        unsigned day = timetable_day(days->items[i]);
        if (day == 0) {
            return ERR_INVALID;
        }
        *out |= day;
    }
    return 0;
}

int settings_timetable_entry(const struct settings_timetable *settings, struct timetable_entry *out,
                             const char **why)
{
    struct timetable_entry entry = {.region = settings->region,
                                    .from_min = timetable_minute(settings->from),
                                    .to_min = timetable_minute(settings->to),
                                    .nodes = (uint32_t)settings->nodes};
    *why = NULL;
    if (settings->region[0] != '\0' && !config_is_label(settings->region)) {
        *why = "region: 1 to 32 of a-z, 0-9 and '-'";
    } else if (days_of(&settings->days, &entry.days) != 0) {
        *why = "days: not of mon, tue, wed, thu, fri, sat, sun";
    } else if (entry.from_min < 0 || entry.from_min == TIMETABLE_DAY_MIN || entry.to_min < 0) {
        *why = "from and to: not 00:00 to 23:59, 24:00 as an end";
    } else if (entry.from_min == entry.to_min) {
        *why = "from and to are the same; a whole day is 00:00 to 24:00";
    } else if (read_zone(settings->zone, &entry.zone) != 0) {
        *why = "zone: not in the tz database of this machine (" ZONES_DIR ")";
    }
    if (*why != NULL) {
        return ERR_INVALID;
    }
    *out = entry;
    return 0;
}
