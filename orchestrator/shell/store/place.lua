-- SPDX-License-Identifier: Apache-2.0
--
-- Puts a room on one of a few nodes: fence, idempotence, capacity, reservation and assignment at
-- once (store.h, store_place). memory.c does the same for a single process.
--
-- KEYS  the room's row, then each candidate's
-- ARGV  epoch, owner, request, weight, permille, hold_ms, room_ttl_s, then each candidate's id
-- Gives status, node, epoch, owner. Epochs are below 2^53, so that a double holds them.
--
-- What is reserved on a node lives in its row, and expires with it: "held" for the hold_ms that run,
-- "held_before" for those before them, "held_slot" says which. So a reservation lasts one to two
-- times hold_ms, by the clock of Redis.
local call = redis.call
local epoch, owner, request = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local weight, permille, hold_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local room = call('HMGET', KEYS[1], 'epoch', 'owner', 'request', 'node')
local known = tonumber(room[1] or 0)
if known > epoch or (known == epoch and room[2] and room[2] ~= owner) then
    return {'stale', room[4] or '', room[1], room[2] or ''}
end
if known == epoch and room[3] == request and room[4] then
    return {'before', room[4], room[1], owner}
end

local time = call('TIME')
local slot = math.floor((tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)) / hold_ms)
local best, best_use, best_now, best_before
local known_nodes = false
for i = 2, #KEYS do
    local row = call('HMGET', KEYS[i], 'weight', 'capacity', 'held_slot', 'held', 'held_before')
    local capacity = tonumber(row[2] or 0)
    if row[1] and capacity > 0 then
        known_nodes = true
        local now, before, since = 0, 0, slot - tonumber(row[3] or -2)
        if since == 0 then
            now, before = tonumber(row[4]), tonumber(row[5])
        elseif since == 1 then
            before = tonumber(row[4])
        end
        local use = (tonumber(row[1]) + now + before + weight) / capacity
        if use * 1000 <= permille and (not best or use < best_use) then
            best, best_use, best_now, best_before = i, use, now, before
        end
    end
end
if not best then
    return {known_nodes and 'full' or 'unknown', '', ARGV[1], owner}
end
local node = ARGV[6 + best]
call('HSET', KEYS[best], 'held_slot', slot, 'held', best_now + weight, 'held_before', best_before)
call('HSET', KEYS[1], 'node', node, 'epoch', ARGV[1], 'owner', owner, 'request', request)
call('EXPIRE', KEYS[1], ARGV[7])
return {'placed', node, ARGV[1], owner}
