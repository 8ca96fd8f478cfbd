-- Takes from a vendor's queue as many jobs as may be called now. One script, so that no two workers spend the
-- same call.
--
-- KEYS  stream, delayed, rate_limit (of the account), in_flight, breaker; of a vendor in a group also its own rate_limit
-- ARGV  consumer, want, guard_ms, lease_ms, max_in_flight, run_id, the breaker's rules (6), number of limits, then
--       calls, per_ms, burst, starts of each, then the number of reports of calls that have left, and granted (us), n, left
--       (us) of each, then the group (queue_group.lua)
-- Gives {'stale'}, or
--       {'ok', wait_ms, time of the grants in us, {ids of malformed entries}, {the breaker's since, 1 if the grants
--       are its probes, its new state or ''}, {ms for which the breaker lets no call out, ms for which limits or a hold
--       leave none, each 0 or of entries that wait, ms for which a quota is used up}, entry id, request id, ...}
--
-- Lua is not rolled back, so the order is: all sums, then the read, then the limiter for exactly what was
-- read. An error after the read grants nothing; what was read waits in the pending list for
-- queue_reclaim.lua.

local LIMITS_AT = 13            -- of ARGV
local stream, delayed, hash, in_flight, breaker_hash = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local consumer, want, guard, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local max_in_flight, run_id, has_limits = tonumber(ARGV[5]), ARGV[6], ARGV[LIMITS_AT] ~= '0'
local LEFT_AT = LIMITS_AT + 1 + ARGS_A_LIMIT * tonumber(ARGV[LIMITS_AT])
local group = group_given(ARGV, LEFT_AT + 1 + 3 * tonumber(ARGV[LEFT_AT]))
local MOVE_MAX = 500            -- delayed jobs moved at a time: bounds the script's run and Lua's unpack
local HEX4 = string.rep('[0-9a-f]', 4)
local UUID = '^' .. HEX4 .. HEX4 .. string.rep('%-' .. HEX4, 4) .. HEX4 .. HEX4 .. '$'

local granted_us = now_us()
local now = granted_us / 1000
local stored = hash_get(hash)
-- Where its calls are counted in this Redis, if not where its file says; and a hold of this vendor alone.
local own = group and redis.call('HMGET', KEYS[6], 'account', 'hold_until') or { stored.account or false, false }
local elsewhere = own[1] ~= (group and group.account or false)
local rules = breaker_rules(ARGV, 7)
-- A closed breaker, which most are, costs two fields.
local glance = breaker_is_on(rules) and redis.call('HMGET', breaker_hash, 'state', 'since') or {}
local breaker = glance[1] and glance[1] ~= 'closed' and breaker_load(breaker_hash) or nil
local breaker_changed = nil

local wanted, limits, gone = limits_wanted(ARGV, LIMITS_AT), nil, nil
local quota_wait = 0

-- Nothing of the limiter is written before this. open, limited: why entries wait.
local function answer(wait, bad, grants, open, limited)
	if limits then limits_save(hash, limits, gone) end
	local of_breaker = { tonumber(glance[2] or 0), breaker and 1 or 0, breaker_changed or '' }
	local of_wait = { math.ceil(open or 0), math.ceil(limited or 0), math.ceil(quota_wait) }
	local out = { 'ok', wait < 0 and -1 or math.ceil(wait), granted_us, bad or {}, of_breaker, of_wait }
	local head = #out
	for i, v in ipairs(grants or {}) do out[head + i] = v end
	return out
end

local function move_due()
	local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', math.floor(now), 'LIMIT', 0, MOVE_MAX)
	for _, id in ipairs(due) do redis.call('XADD', stream, '*', 'id', id) end
	if #due > 0 then redis.call('ZREM', delayed, unpack(due)) end
end

-- Until the earliest member of a set of times; -1 if it is empty.
local function wait_for_first(key)
	local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
	return first[2] and math.max(0, first[2] - now) or -1
end

local function nothing_to_do()
	return redis.call('XLEN', stream) == 0 and redis.call('ZCOUNT', delayed, '-inf', math.floor(now)) == 0
end

local unknown = false
for key in pairs(wanted) do unknown = unknown or not stored[key] end

-- A vendor that Redis knows nothing of is asked about when there is something to call it for: only then is it
-- on record as called, so that until then a new or wiped Redis costs it nothing.
if has_limits and (stored.run_id ~= run_id or elsewhere) then
	if stored.run_id and stored.run_id ~= run_id or not nothing_to_do() then return { 'stale' } end
	return answer(wait_for_first(delayed))
end
if unknown and quota_missing(stored, wanted) then return { 'stale' } end

local function read(n)
	local r = redis.pcall('XREADGROUP', 'GROUP', 'workers', consumer, 'COUNT', n, 'STREAMS', stream, '>')
	if r and r.err and string.find(r.err, 'NOGROUP', 1, true) then
		redis.call('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
		r = redis.pcall('XREADGROUP', 'GROUP', 'workers', consumer, 'COUNT', n, 'STREAMS', stream, '>')
	end
	if r and r.err then error(r.err) end
	return r and r[1] and r[1][2] or {}
end

-- The request ids of good entries; the others are removed here, since nobody could ever acknowledge them by
-- name.
local function sort_out(entries)
	local grants, bad = {}, {}
	for _, e in ipairs(entries) do
		local f = e[2]
		if f and #f == 2 and f[1] == 'id' and string.find(f[2], UUID) then
			grants[#grants + 1], grants[#grants + 2] = e[1], f[2]
		else
			redis.call('XDEL', stream, e[1])
			redis.call('XACK', stream, 'workers', e[1])
			bad[#bad + 1] = e[1]
		end
	end
	return grants, bad
end

move_due()

local empty = redis.call('XLEN', stream) == 0
if has_limits and (unknown or not empty or ARGV[LEFT_AT] ~= '0') then
	limits, gone = limits_stored(stored, wanted, now)
	limits_left(limits, now, tonumber(stored.begun_at) or math.huge, ARGV, LEFT_AT)
	limits_add_new(limits, wanted, now)
end

local hold = math.max(0, math.max(tonumber(stored.hold_until or 0), tonumber(own[2] or 0)) - now)
local shut, probes = 0, math.huge
if breaker then probes, shut = breaker_room(rules, breaker, now) end
if group then
	local most = max_in_flight > 0 and max_in_flight or math.huge
	for _, l in pairs(limits or {}) do
		if l.own then most = math.min(most, l.bucket and l.burst or l.calls) end
	end
	turns_load(group, stored, now, most)
end

-- It goes without what others could have had: they need not wait for it.
local function leave_turn()
	if group then turns_save(group, hash, now, 0, 0, 0, 0) end
end

if empty then
	leave_turn()
	local wait = wait_for_first(delayed)
	return answer(wait >= 0 and math.max(wait, hold, shut) or -1)
end
if hold > 0 or shut > 0 then
	leave_turn()
	return answer(math.max(hold, shut), nil, nil, shut, hold)
end

-- Calls in flight are each vendor's own; what counts is the sum of all of the group.
local in_flight_keys = group and {} or { in_flight }
for _, member in ipairs(group and group.members or {}) do
	in_flight_keys[member] = key_of(in_flight, group.vendor, member)
end

local function open_calls()
	local sum, open = 0, {}
	for member, key in pairs(in_flight_keys) do
		redis.call('ZREMRANGEBYSCORE', key, '-inf', math.floor(now))
		open[member] = redis.call('ZCARD', key)
		sum = sum + open[member]
	end
	return sum, open
end

local function wait_for_slot()
	local least = math.huge
	for _, key in pairs(in_flight_keys) do
		local wait = wait_for_first(key)
		if wait >= 0 then least = math.min(least, wait) end
	end
	return least
end

local room, slots, open = math.huge, math.huge, nil
for _, l in pairs(limits or {}) do room = math.min(room, limit_free(l, now, guard)) end
if max_in_flight > 0 then
	slots, open = open_calls()
	slots = max_in_flight - slots
end
local room_share = group and turns_of_limits(group, room) or room
local slots_share = group and open and turns_of_slots(group, slots, open) or slots
local n = math.min(want, probes, room_share, slots_share)

local entries = n > 0 and read(n) or {}
local grants, bad = sort_out(entries)
local spent = #grants / 2
if spent > 0 and limits then
	for _, l in pairs(limits) do limit_spend(l, now, guard, spent, spent) end
end
if max_in_flight > 0 then
	for i = 1, #grants, 2 do redis.call('ZADD', in_flight, math.ceil(now + lease), grants[i]) end
end
if breaker and spent > 0 then
	local ids = {}
	for i = 1, #grants, 2 do ids[#ids + 1] = grants[i] end
	breaker_changed = breaker_lease(breaker, now, ids, now + lease)
	breaker_save(breaker_hash, breaker)
end

if n > 0 and #entries < n then
	leave_turn()
	return answer(wait_for_first(delayed), bad, grants)
end
local wait, limited = 0, 0
shut = 0
if spent < want then
	for _, l in pairs(limits or {}) do
		if limit_free(l, now, guard) < 1 then
			local own = math.max(limit_wait(l, now, guard), 1)
			limited = math.max(limited, own)
			if is_quota(l) then quota_wait = math.max(quota_wait, own) end
		end
	end
	wait = limited
	if max_in_flight > 0 and open_calls() >= max_in_flight then wait = math.max(wait, wait_for_slot()) end
	if n == room_share and n < room or n == slots_share and n < slots then wait = math.max(wait, TURN_WAIT_MS) end
	if breaker then shut = select(2, breaker_room(rules, breaker, now)) end
	wait = math.max(wait, shut)
end
if group then
	-- Entries that were taken and not acknowledged yet are in the stream, too: some more may seem to wait.
	local left = breaker and 0 or math.max(0, redis.call('XLEN', stream) - spent)
	turns_save(group, hash, now, spent, n == slots_share and n < room_share and 0 or left,
		n == room_share and n < slots_share and 0 or left, wait)
end
return answer(wait, bad, grants, shut, limited)
