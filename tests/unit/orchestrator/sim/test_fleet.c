/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a fleet and a fault are read as they are, with the orchestrator's defaults, or refused with
 * the place and what is meant.
 */
#include "orchestrator/cli/sim/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char error[CONFIG_ERROR_MAX];

static int parse(struct fleet *out, const char *text)
{
    return fleet_parse(out, "fleet.yaml", (struct bytes){(const uint8_t *)text, strlen(text)},
                       error);
}

static void a_fleet(void **state)
{
    (void)state;
    struct fleet fleet;
    assert_int_equal(parse(&fleet, "orchestrators: 5\n"
                                   "placement: {fill_percent: 70}\n"
                                   "regions:\n"
                                   "  - {name: eu, nodes: 12, capacity: 500, people: 90}\n"
                                   "  - name: us\n"
                                   "    rooms:\n"
                                   "      - {count: 3, people: 40, publishers: 2}\n"
                                   "region_distances:\n"
                                   "  - {from: eu, to: us, ms: 80}\n"),
                     0);
    const struct fleet_region *regions = fleet.regions.items;
    const struct fleet_rooms *rooms = regions[1].rooms.items;
    assert_int_equal(fleet.orchestrators, 5);
    assert_int_equal(fleet.placement.fill_percent, 70);
    assert_int_equal(fleet.placement.join_percent, 95);
    assert_int_equal(fleet.placement.node_joins_per_s, 400);
    assert_int_equal(regions[0].capacity, 500);
    assert_int_equal(regions[0].people, 90);
    assert_int_equal(regions[1].nodes, 1);
    assert_int_equal(regions[1].capacity, 4000);
    assert_int_equal(rooms[0].count, 3);
    assert_int_equal(rooms[0].publishers, 2);
    fleet_free(&fleet);
}

static void wrong_fleets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"orchestrators: 3\n", "'regions' is missing"},
        {"regions:\n  - {name: eu, nods: 3}\n",
         "fleet.yaml:2: unknown key 'nods' (did you mean 'nodes'?)"},
        {"regions:\n  - {nodes: 3}\n", "fleet.yaml:2: regions: 'name' is missing"},
        {"regions:\n  - {name: EU}\n", "regions.0.name: 1 to 32 of a-z, 0-9 and '-'"},
        {"regions:\n  - {name: eu}\n  - {name: eu}\n",
         "regions.1.name: there is a region of this name"},
        {"regions:\n  - {name: eu, nodes: 0}\n", "fleet.yaml:2: nodes: '0' is not"},
        {"regions:\n  - {name: eu, nodes: 6000}\n  - {name: us, nodes: 6000}\n",
         "more than 10000 nodes"},
        {"regions:\n  - name: eu\n    rooms: [{people: 2000, count: 2000}]\n", "2000000 people"},
        {"regions:\n  - name: eu\n    rooms: [{people: 2, publishers: 3}]\n",
         "regions.0.rooms.0.publishers: more than people"},
        {"regions: [{name: eu}]\nregion_distances: [{from: eu, to: mars}]\n",
         "region_distances.0.to: none of the regions"},
        {"regions: [{name: eu}]\nplacement: {join_percent: 70}\n",
         "placement.join_percent: less than fill_percent"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fleet fleet;
        assert_int_equal(parse(&fleet, cases[i].text), ERR_INVALID);
        if (strstr(error, cases[i].says) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].says, error);
        }
    }
}

static void a_fault(void **state)
{
    (void)state;
    struct fleet_fault fault;
    assert_int_equal(fleet_fault_read(&fault, "region=eu  share=33 at=1500ms", error), 0);
    assert_string_equal(fault.region, "eu");
    assert_string_equal(fault.node, "");
    assert_int_equal(fault.share, 33);
    assert_int_equal(fault.at_us, TIME_MS(1500));
    fleet_fault_free(&fault);
    assert_int_equal(fleet_fault_read(&fault, "drain=us-2", error), 0);
    assert_string_equal(fault.drain, "us-2");
    assert_int_equal(fault.at_us, TIME_S(10));
    fleet_fault_free(&fault);
}

static void wrong_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "needs one of region=REGION, node=NODE, drain=NODE and start=REGION"},
        {"region=eu node=eu-1", "needs one of"},
        {"regoin=eu", "did you mean 'region'?"},
        {"eu", "eu"},
        {"region=eu at=soon", "'soon' is not"},
        {"region=eu share=0", "'0' is not"},
        {"node=eu-1 share=50", "share is of a region"},
        {"region=eu nodes=3", "nodes are those that start"},
        {"start=eu nodes=0", "'0' is not"},
        {"a=1 b=1 c=1 d=1 e=1 f=1", "more than five words"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fleet_fault fault;
        assert_int_equal(fleet_fault_read(&fault, cases[i].text, error), ERR_INVALID);
        if (strstr(error, cases[i].says) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].says, error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet),
        cmocka_unit_test(wrong_fleets),
        cmocka_unit_test(a_fault),
        cmocka_unit_test(wrong_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
