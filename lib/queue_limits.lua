-- Starts a vendor's limiter under this run of Redis, or adds a quota that it does not count yet. In two steps:
-- without a ticket (or with one that is no longer good) it gives the ticket to come back with.
--
-- KEYS  rate_limit
-- ARGV  run_id, ticket or '', fresh (1: the vendor was never called before), longest guard (ms), number of limits,
--       then calls, per_ms, burst, starts of each, then of each what the store counts of it: 'until:count until:count ...', then
--       the group (queue_group.lua)
-- Gives '' when it is started, by us or by somebody else; or the ticket.
--
-- Not fresh: what was called lately is not known (Redis restarted, was wiped, restored or failed over), so every
-- limit starts used up. Only quotas start with what the store counts: that lacks no call (worker/quota_count.h), if it was
-- read so late that no grant from before the ticket could still become a call. The ticket says that nothing was
-- granted since: who was given one waits for the longest guard, reads, and comes back. If Redis was lost once more in
-- between, or somebody else has started the limiter, the ticket is gone with what it stood for.
--
-- A vendor whose calls were counted elsewhere in this Redis until now (it enters or leaves a group) is new to this
-- limiter, which does not know them: it stops, and starts as after a loss.

local hash, run_id, ticket, fresh, guard = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local LIMITS_AT = 5             -- of ARGV
local AHEAD_MS = 2000           -- most that a slot of the store may end after what it counts has left, beside its width
local us = now_us()
local now = us / 1000
local stored = hash_get(hash)
local wanted = limits_wanted(ARGV, LIMITS_AT)
local same_run = stored.run_id == run_id
local group = group_given(ARGV, LIMITS_AT + 1 + (ARGS_A_LIMIT + 1) * tonumber(ARGV[LIMITS_AT]))

-- Are all whose calls this limiter is to count counted here?
local function all_are_here()
	for _, member in ipairs(group and group.members or {}) do
		if redis.call('HGET', key_of(hash, group.account, member), 'account') ~= group.account then return false end
	end
	return group ~= nil or not stored.account
end

if same_run and not all_are_here() then
	same_run, stored.run_id, stored.ticket = false, nil, nil
	redis.call('HDEL', hash, 'run_id', 'ticket')
end

if same_run and not quota_missing(stored, wanted) then return '' end

local good = stored.ticket
if not good or string.sub(good, 1, #run_id + 1) ~= run_id .. ':' then
	good = string.format('%s:%.0f', run_id, us)
	redis.call('HSET', hash, 'ticket', good)
end
if ticket ~= good then return good end

-- key -> what the store counts
local function counts_given()
	local n, texts = tonumber(ARGV[LIMITS_AT]), {}
	for i = 1, n do
		local at = LIMITS_AT + ARGS_A_LIMIT * (i - 1)
		local per, burst = ARGV[at + 2], ARGV[at + 3]
		if burst == '0' then texts['w:' .. per] = ARGV[LIMITS_AT + ARGS_A_LIMIT * n + i] end
	end
	return texts
end

-- A slot that ends later than it can is from before the clock was set back.
local function quota_count(l, text)
	local latest = now + guard + AHEAD_MS + l.per / SLOTS
	for ends, count in string.gmatch(text, '(%d+):(%d+)') do
		ends = math.min(tonumber(ends), latest)
		local n = #l.slots
		l.slots[n + 1], l.slots[n + 2] = math.floor(math.min(ends, now)), tonumber(count)
		l.slots[n + 3] = math.ceil(ends + l.per + TRAVEL_MS)
	end
	limit_settle(l, now)
end

local limits, gone = limits_stored(stored, wanted, now)
local counts = counts_given()

-- The file has gained a quota, or who started the limiter does not have it. What the other limits know are calls of
-- workers without it, which the store does not count.
local function add_quotas()
	limits_add_new(limits, wanted, now)
	for key, l in pairs(limits) do
		if is_quota(l) and not stored[key] then quota_count(l, counts[key]) end
	end
end

local function start_fresh()
	for key, want in pairs(wanted) do
		local l = limits[key] or limit_new(key, now)
		limit_own(l, want)
		l.changed, limits[key] = true, l
	end
end

-- A quota that only others have in their files is theirs to start.
local function start_used_up()
	for key in pairs(wanted) do limits[key] = limits[key] or limit_new(key, now) end
	for key, l in pairs(limits) do
		l.changed = true
		if not is_quota(l) then
			limit_fill(l, now, guard)
		elseif wanted[key] then
			l.slots = {}
			quota_count(l, counts[key])
		else
			limits[key] = nil
			gone[#gone + 1] = key
		end
	end
end

if same_run then add_quotas() elseif fresh then start_fresh() else start_used_up() end
limits_save(hash, limits, gone)
for _, member in ipairs(group and group.members or {}) do
	redis.call('HSET', key_of(hash, group.account, member), 'account', group.account)
end
if not group then redis.call('HDEL', hash, 'account') end
redis.call('HDEL', hash, 'ticket')
if not same_run then redis.call('HSET', hash, 'run_id', run_id, 'begun_at', string.format('%.3f', now)) end
return ''
